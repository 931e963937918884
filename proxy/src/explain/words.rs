//! Conditions, and why they are not fulfilled, in words.

use crate::config::hcm::{EscapedSlashes, HttpConnectionManager, StripPort};
use crate::config::matcher::{
    HeaderCondition, HeaderField, HeaderMatcher, StringMatcher, StringPattern,
};
use crate::config::route::{CookieMatcher, PathMatch, QueryCondition, QueryMatcher, RouteMatch};
use crate::hcm::Seen;
use crate::route::{Head, Unmet};

use super::{Question, Verdict};

/// What the connection manager makes of host and path before a route is looked for.
pub(super) fn changes(
    manager: &HttpConnectionManager,
    question: &Question,
    seen: &Seen,
) -> Vec<String> {
    let mut changes = Vec::new();
    let host = question.host();
    if seen.host != host {
        let port = match manager.strip_port {
            StripPort::Never => None,
            StripPort::Matching => Some("strip_matching_host_port"),
            StripPort::Any => Some("strip_any_host_port"),
        };
        let dot = manager.strip_trailing_host_dot.then_some("strip_trailing_host_dot");
        changes.push(change("host", (host, &seen.host), [port, dot, None]));
    }
    let path = |uri: &http::Uri| uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (before, after) = (path(&question.target), path(&seen.uri));
    if before != after {
        let paths = manager.paths;
        let slashes = paths.escaped_slashes != EscapedSlashes::Keep;
        let by = [
            slashes.then_some("path_with_escaped_slashes_action"),
            paths.normalize.then_some("normalize_path"),
            paths.merge_slashes.then_some("merge_slashes"),
        ];
        changes.push(change("path", (&before, &after), by));
    }
    changes
}

fn change(what: &str, (before, after): (&str, &str), by: [Option<&str>; 3]) -> String {
    let by: Vec<&str> = by.into_iter().flatten().collect();
    let by = if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };
    format!("{what} {before} becomes {after}{by}")
}

/// All that a route asks for.
pub(super) fn matcher(matcher: &RouteMatch) -> String {
    let mut parts = vec![path(matcher)];
    if matcher.grpc {
        parts.push(String::from("gRPC"));
    }
    if let Some(fraction) = matcher.fraction {
        parts.push(format!("{} of {}", fraction.numerator, fraction.denominator));
    }
    parts.extend(matcher.headers.iter().map(|header| {
        format!("{} {}", field(&header.field), wanted(&header.condition, header.invert))
    }));
    parts.extend(
        matcher
            .query_parameters
            .iter()
            .map(|query| format!("query parameter {} {}", query.name, asked(query))),
    );
    parts.extend(matcher.cookies.iter().map(|cookie| {
        format!("cookie {} {}", cookie.name, comparison(&cookie.condition, cookie.invert))
    }));
    parts.join(", ")
}

fn path(matcher: &RouteMatch) -> String {
    let (kind, text) = match &matcher.path {
        PathMatch::Prefix(prefix) => ("prefix", prefix.to_string()),
        PathMatch::Exact(path) => ("path", path.to_string()),
        PathMatch::Regex(regex) => return format!("safe_regex {regex}"),
        PathMatch::Template(template) => return format!("path_match_policy {}", template.text()),
        PathMatch::SeparatedPrefix(prefix) => ("path_separated_prefix", prefix.to_string()),
        PathMatch::Connect => return String::from("connect_matcher"),
    };
    let case = if matcher.case_sensitive { "" } else { " in any case" };
    format!("{kind} {text}{case}")
}

/// Why a route is not for a request.
pub(super) fn unmet(unmet: &Unmet<'_>, matcher: &RouteMatch, head: &Head<'_>) -> Verdict {
    let reason = match unmet {
        Unmet::Path(_) => {
            let reason = off_path(matcher, head);
            return Verdict::Unmet { reason, close: false };
        }
        Unmet::Fraction(fraction) => format!(
            "runtime_fraction lets {} of {} through, and random value {} is none of them",
            fraction.numerator,
            fraction.denominator,
            head.random()
        ),
        Unmet::Grpc => String::from("content-type is not that of gRPC"),
        Unmet::Tls(_) => String::from("it has not come over TLS as tls_context asks"),
        Unmet::Header(header) => off_header(header, head),
        Unmet::Query(query) => off_query(query, head),
        Unmet::Cookie(cookie) => off_cookie(cookie, head),
    };
    Verdict::Unmet { reason, close: true }
}

fn off_path(matcher: &RouteMatch, head: &Head<'_>) -> String {
    let path = head.path;
    match &matcher.path {
        PathMatch::Prefix(prefix) => format!("the path {path} does not begin with {prefix}"),
        PathMatch::Exact(exact) => format!("the path is {path}, not {exact}"),
        PathMatch::Regex(regex) => format!("the path {path} as a whole does not match {regex}"),
        PathMatch::Template(template) => {
            format!("the path {path} as a whole is not like {}", template.text())
        }
        PathMatch::SeparatedPrefix(prefix) => {
            format!("the path {path} is neither {prefix} nor below it")
        }
        PathMatch::Connect => String::from("the method is not CONNECT"),
    }
}

fn off_header(header: &HeaderMatcher, head: &Head<'_>) -> String {
    let name = field(&header.field);
    let wanted = wanted(&header.condition, header.invert);
    let values: Vec<_> = head.values(&header.field).map(String::from_utf8_lossy).collect();
    match values.as_slice() {
        [] => format!("{name} is missing (wanted: {wanted})"),
        [only] => format!("{name} is {only:?} (wanted: {wanted})"),
        several => format!("{name} is {several:?} (wanted of one of them: {wanted})"),
    }
}

fn off_query(query: &QueryMatcher, head: &Head<'_>) -> String {
    let (name, wanted) = (&query.name, asked(query));
    match head.query(name) {
        None => format!("query parameter {name} is missing (wanted: {wanted})"),
        Some(value) => format!("query parameter {name} is {value:?} (wanted: {wanted})"),
    }
}

fn off_cookie(cookie: &CookieMatcher, head: &Head<'_>) -> String {
    let (name, wanted) = (&cookie.name, comparison(&cookie.condition, cookie.invert));
    match head.cookie(name) {
        None => format!("cookie {name} is missing (wanted: {wanted})"),
        Some(value) => {
            let value = String::from_utf8_lossy(value);
            format!("cookie {name} is {value:?} (wanted: {wanted})")
        }
    }
}

/// How people call a part of a head.
pub(super) fn field(field: &HeaderField) -> String {
    match field {
        HeaderField::Method => String::from(":method"),
        HeaderField::Path => String::from(":path"),
        HeaderField::Authority => String::from(":authority"),
        HeaderField::Scheme => String::from(":scheme"),
        HeaderField::Named(name) => format!("header {name}"),
        HeaderField::Impossible(name) => format!("header {name} (which no request can have)"),
    }
}

fn wanted(condition: &HeaderCondition, invert: bool) -> String {
    match condition {
        HeaderCondition::Present(wanted) if *wanted == invert => String::from("absent"),
        HeaderCondition::Present(_) => String::from("present"),
        HeaderCondition::Text(matcher) => comparison(matcher, invert),
        HeaderCondition::Any if invert => String::from("absent"),
        HeaderCondition::Any => String::from("present"),
        HeaderCondition::Range(start, end) => {
            let not = if invert { "not " } else { "" };
            format!("{not}an integer from {start} to before {end}")
        }
    }
}

fn asked(query: &QueryMatcher) -> String {
    match &query.condition {
        QueryCondition::Present(true) => String::from("present"),
        QueryCondition::Present(false) => String::from("absent"),
        QueryCondition::Text(matcher) => comparison(matcher, false),
    }
}

fn comparison(matcher: &StringMatcher, invert: bool) -> String {
    let (kind, text) = match matcher.pattern() {
        StringPattern::Exact(text) => ("exact", format!("{text:?}")),
        StringPattern::Prefix(text) => ("prefix", format!("{text:?}")),
        StringPattern::Suffix(text) => ("suffix", format!("{text:?}")),
        StringPattern::Contains(text) => ("contains", format!("{text:?}")),
        StringPattern::Regex(regex) => ("safe_regex", regex.to_string()),
    };
    let not = if invert { "not " } else { "" };
    let case = if matcher.ignores_case() { " in any case" } else { "" };
    format!("{not}{kind} {text}{case}")
}
