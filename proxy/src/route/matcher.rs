//! Which requests a route is for.

use crate::config::matcher::HeaderMatcher;
use crate::config::route as config;
use crate::config::route::{CookieMatcher, Fraction, PathMatch, QueryMatcher, TlsMatch};

use super::head::Head;

/// The conditions of a route, all of which must hold.
#[derive(Debug)]
pub(super) struct Matcher {
    path: PathMatch,
    case_sensitive: bool,
    /// What is asked beside the path; most routes ask nothing.
    more: Option<Box<Conditions>>,
}

/// What a route asks beside the path.
#[derive(Debug)]
struct Conditions {
    fraction: Option<Fraction>,
    grpc: bool,
    tls: Option<TlsMatch>,
    headers: Vec<HeaderMatcher>,
    query_parameters: Vec<QueryMatcher>,
    cookies: Vec<CookieMatcher>,
}

/// The first condition of a route that a request does not fulfil.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unmet<'a> {
    /// The path.
    Path(&'a PathMatch),
    /// `runtime_fraction`: it is not among the chosen.
    Fraction(Fraction),
    /// `grpc`: it is not gRPC.
    Grpc,
    /// `tls_context`: it has not come so.
    Tls(TlsMatch),
    /// One of `headers`.
    Header(&'a HeaderMatcher),
    /// One of `query_parameters`.
    Query(&'a QueryMatcher),
    /// One of `cookies`.
    Cookie(&'a CookieMatcher),
}

// === impl Matcher ===

impl Matcher {
    pub(super) fn new(config: &config::RouteMatch) -> Self {
        let conditions = Conditions {
            fraction: config.fraction,
            grpc: config.grpc,
            tls: config.tls,
            headers: config.headers.clone(),
            query_parameters: config.query_parameters.clone(),
            cookies: config.cookies.clone(),
        };
        Self {
            path: config.path.clone(),
            case_sensitive: config.case_sensitive,
            more: (!conditions.is_empty()).then(|| Box::new(conditions)),
        }
    }

    /// The first condition that `head` does not fulfil, whose path, as far as it counts, is `path`; none if the route is
    /// for it.
    pub(super) fn unmet(&self, head: &Head<'_>, path: &str) -> Option<Unmet<'_>> {
        if !self.matches_path(head, path) {
            return Some(Unmet::Path(&self.path));
        }
        self.more.as_ref()?.unmet(head)
    }

    fn matches_path(&self, head: &Head<'_>, path: &str) -> bool {
        // CONNECT has no path that a route could be for.
        if head.is_connect() {
            return matches!(self.path, PathMatch::Connect);
        }
        match &self.path {
            PathMatch::Exact(exact) => self.same(path.as_bytes(), exact),
            PathMatch::Prefix(prefix) => self.starts(path, prefix),
            PathMatch::SeparatedPrefix(prefix) => {
                let next = path.as_bytes().get(prefix.len());
                matches!(next, None | Some(b'/')) && self.starts(path, prefix)
            }
            PathMatch::Regex(regex) => regex.is_match(path.as_bytes()),
            PathMatch::Template(template) => template.matches(path),
            PathMatch::Connect => false,
        }
    }

    fn starts(&self, path: &str, prefix: &str) -> bool {
        path.as_bytes().get(..prefix.len()).is_some_and(|start| self.same(start, prefix))
    }

    fn same(&self, one: &[u8], other: &str) -> bool {
        if self.case_sensitive {
            one == other.as_bytes()
        } else {
            one.eq_ignore_ascii_case(other.as_bytes())
        }
    }

    /// How much of the path the route matched, which is what `prefix_rewrite` replaces.
    pub(super) fn matched<'p>(&self, path: &'p str) -> &'p str {
        match &self.path {
            PathMatch::Exact(part) | PathMatch::Prefix(part) | PathMatch::SeparatedPrefix(part) => {
                path.get(..part.len()).unwrap_or(path)
            }
            PathMatch::Regex(_) | PathMatch::Template(_) | PathMatch::Connect => path,
        }
    }

    /// The path part, and whether case counts in it.
    pub(super) fn path(&self) -> (&PathMatch, bool) {
        (&self.path, self.case_sensitive)
    }
}

// === impl Conditions ===

impl Conditions {
    fn is_empty(&self) -> bool {
        let Self { fraction, grpc, tls, headers, query_parameters, cookies } = self;
        let plain = fraction.is_none() && !grpc && tls.is_none() && headers.is_empty();
        plain && query_parameters.is_empty() && cookies.is_empty()
    }

    fn unmet(&self, head: &Head<'_>) -> Option<Unmet<'_>> {
        if let Some(fraction) = self.fraction.filter(|some| !some.includes(head.random())) {
            return Some(Unmet::Fraction(fraction));
        }
        if self.grpc && !head.is_grpc() {
            return Some(Unmet::Grpc);
        }
        if let Some(tls) = self.tls.filter(|wanted| !head.has_come(*wanted)) {
            return Some(Unmet::Tls(tls));
        }
        let mut headers = self.headers.iter();
        if let Some(header) = headers.find(|header| !header.matches(head.values(&header.field))) {
            return Some(Unmet::Header(header));
        }
        let mut parameters = self.query_parameters.iter();
        if let Some(query) =
            parameters.find(|parameter| !parameter.is_met(head.query(&parameter.name)))
        {
            return Some(Unmet::Query(query));
        }
        let mut cookies = self.cookies.iter();
        cookies.find(|cookie| !is_cookie_met(cookie, head)).map(Unmet::Cookie)
    }
}

fn is_cookie_met(cookie: &CookieMatcher, head: &Head<'_>) -> bool {
    let value = head.cookie(&cookie.name);
    value.is_some_and(|value| cookie.condition.matches(value)) != cookie.invert
}
