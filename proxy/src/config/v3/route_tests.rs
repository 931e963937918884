//! `envoy.RouterCheckToolSchema.Validation`: tests of a route table.

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method};

use crate::config::diagnostic::Findings;
use crate::config::route_tests::{Expected, HeaderCheck, Input, RouteTest, Wanted};

use super::matcher;
use super::message::Message;

/// Its full name.
pub(in crate::config) const NAME: &str = "envoy.RouterCheckToolSchema.Validation";

/// The fields of a request's line under the names of the format's first version.
const PSEUDO_HEADERS: [&str; 3] = ["authority", "path", "method"];

/// Lowers a file of tests, reporting all that is wrong with it. It is complete only if nothing was reported.
pub(in crate::config) fn lower(tests: &Message<'_>, findings: &mut Findings) -> Vec<RouteTest> {
    let all: Vec<_> = tests.messages("tests").map(|item| test(item, findings)).collect();
    tests.refuse_leftovers(findings);
    all.into_iter().flatten().collect()
}

fn test(item: &Message<'_>, findings: &mut Findings) -> Option<RouteTest> {
    let input = item.message("input").and_then(|given| input(given, findings));
    let expected = item.message("validate").and_then(|given| expected(given, findings));
    let name = item.nonempty("test_name").map(str::to_owned);
    Some(RouteTest { name: name?, input: input?, expected: expected? })
}

fn input(given: &Message<'_>, findings: &mut Findings) -> Option<Input> {
    let [authority, path, method] = PSEUDO_HEADERS.map(|name| line_part(given, name, findings));
    let authority = parsed(given, authority, "an authority", findings, |text| {
        HeaderValue::from_str(text).ok().filter(|value| value.to_str().is_ok())
    });
    let path = parsed(given, path, "a path, which begins with a slash", findings, |text| {
        PathAndQuery::try_from(text).ok().filter(|path| path.as_str().starts_with('/'))
    });
    let method = match method {
        (_, None) => Some(Method::GET),
        method => parsed(given, method, "a method", findings, |text| {
            Method::from_bytes(text.as_bytes()).ok()
        }),
    };
    let flag = |name| given.bool(name).unwrap_or_default();
    let mut request_headers = headers(given, "additional_request_headers", findings);
    request_headers.extend(headers(given, "additional_headers", findings));
    Some(Input {
        request_headers,
        response_headers: headers(given, "additional_response_headers", findings),
        random: given.u64("random_value").unwrap_or_default(),
        ssl: flag("ssl"),
        internal: flag("internal"),
        runtime: given.text("runtime").unwrap_or_default().to_owned(),
        authority: authority?,
        path: path?,
        method: method?,
    })
}

/// A part of the request's line, by the name under which it is given.
fn line_part<'m>(
    given: &'m Message<'_>,
    name: &'static str,
    findings: &mut Findings,
) -> (&'static str, Option<&'m str>) {
    let old = match name {
        "authority" => ":authority",
        "path" => ":path",
        _ => ":method",
    };
    match (given.nonempty(name), given.nonempty(old)) {
        (Some(_), Some(_)) => {
            findings.error(given.place(old), format!("given twice, here and as {name}"));
            (name, None)
        }
        (None, Some(text)) => (old, Some(text)),
        (text, None) => {
            if text.is_none() && name != "method" && !given.is_bad(name) && !given.is_bad(old) {
                findings.error(given.at, format!("{name} is missing"));
            }
            (name, text)
        }
    }
}

fn parsed<T>(
    given: &Message<'_>,
    (name, text): (&str, Option<&str>),
    wanted: &str,
    findings: &mut Findings,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let value = parse(text?);
    if value.is_none() {
        findings.error(given.place(name), format!("expected {wanted}"));
    }
    value
}

fn headers(
    given: &Message<'_>,
    field: &str,
    findings: &mut Findings,
) -> Vec<(HeaderName, HeaderValue)> {
    let all = given.messages(field).map(|header| {
        let (name, value) = (key(header, findings)?, header.text("value").unwrap_or_default());
        if name.starts_with(':') {
            let place = header.place("key");
            findings.error(place, format!("{name} is said by the input's own fields"));
            return None;
        }
        let parsed = HeaderName::try_from(name).ok().zip(HeaderValue::from_str(value).ok());
        if parsed.is_none() {
            findings.error(header.at, "expected a header's name and its value");
        }
        parsed
    });
    all.collect::<Vec<_>>().into_iter().flatten().collect()
}

/// A header's name: `key`, or `field` in the first version of the format.
fn key<'m>(header: &'m Message<'_>, findings: &mut Findings) -> Option<&'m str> {
    let key = header.nonempty("key").or_else(|| header.nonempty("field"));
    if key.is_none() && !header.is_bad("key") && !header.is_bad("field") {
        findings.error(header.at, "key is missing");
    }
    key
}

fn expected(given: &Message<'_>, findings: &mut Findings) -> Option<Expected> {
    let text = |name| given.text(name).map(str::to_owned);
    let mut request_headers = matches(given, "request_header_matches", findings);
    for field in ["request_header_fields", "header_fields", "custom_header_fields"] {
        request_headers.extend(fields(given, field, findings));
    }
    let mut response_headers = matches(given, "response_header_matches", findings);
    response_headers.extend(fields(given, "response_header_fields", findings));
    let expected = Expected {
        cluster_name: text("cluster_name"),
        virtual_cluster_name: text("virtual_cluster_name"),
        virtual_host_name: text("virtual_host_name"),
        host_rewrite: text("host_rewrite"),
        path_rewrite: text("path_rewrite"),
        path_redirect: text("path_redirect"),
        code_redirect: given.u32("code_redirect"),
        request_headers,
        response_headers,
    };
    if expected.is_empty() && !given.has_any() {
        findings.error(given.at, "nothing is expected: a test checks one field at least");
        return None;
    }
    Some(expected)
}

/// Headers whose first value is compared.
fn fields(given: &Message<'_>, field: &str, findings: &mut Findings) -> Vec<HeaderCheck> {
    let all = given.messages(field).map(|header| {
        let name = key(header, findings)?.to_owned();
        let wanted = Wanted::Value(header.text("value").unwrap_or_default().to_owned());
        Some(HeaderCheck { name, kind: field.to_owned(), wanted })
    });
    all.collect::<Vec<_>>().into_iter().flatten().collect()
}

/// Headers that fulfil conditions.
fn matches(given: &Message<'_>, field: &str, findings: &mut Findings) -> Vec<HeaderCheck> {
    let Some(matchers) = matcher::headers(given, field, findings) else { return Vec::new() };
    let all = matchers.into_iter().zip(given.messages(field)).map(|(matcher, message)| {
        let (kind, exact) = condition(message);
        HeaderCheck {
            name: message.text("name").unwrap_or_default().to_owned(),
            kind: format!("{field}.{kind}"),
            wanted: Wanted::Match(matcher, exact),
        }
    });
    all.collect()
}

/// The condition's field, and the value of one that compares whole values.
fn condition(matcher: &Message<'_>) -> (String, Option<String>) {
    if let Some(text) = matcher.message("string_match") {
        let kinds = ["exact", "prefix", "suffix", "safe_regex", "contains"];
        let kind = kinds.into_iter().find(|kind| text.has(kind)).unwrap_or("exact");
        return (format!("string_match.{kind}"), text.text("exact").map(str::to_owned));
    }
    let kinds = [
        "exact_match",
        "range_match",
        "safe_regex_match",
        "prefix_match",
        "suffix_match",
        "contains_match",
    ];
    let kind = kinds.into_iter().find(|kind| matcher.has(kind)).unwrap_or("present_match");
    (kind.to_owned(), matcher.text("exact_match").map(str::to_owned))
}
