//! `envoy.config.route.v3.RouteMatch`.

use crate::config::matcher::{HeaderMatcher, StringMatcher};
use crate::config::regex::Regex;

use super::template::PathTemplate;

/// Which requests a route is for: those that fulfil all of this.
#[derive(Clone, Debug)]
pub struct RouteMatch {
    /// The path part.
    pub path: PathMatch,
    /// `case_sensitive` (default true), of the path unless it is an expression.
    pub case_sensitive: bool,
    /// `headers`.
    pub headers: Vec<HeaderMatcher>,
    /// `query_parameters`.
    pub query_parameters: Vec<QueryMatcher>,
    /// `cookies`.
    pub cookies: Vec<CookieMatcher>,
    /// `grpc`: only gRPC requests.
    pub grpc: bool,
    /// `tls_context`: only requests over TLS, and those that have shown such a certificate.
    pub tls: Option<TlsMatch>,
    /// `runtime_fraction`: only so many of the requests.
    pub fraction: Option<Fraction>,
}

/// `tls_context`. Without TLS nothing is presented, and nothing validated.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TlsMatch {
    /// `presented`: whether the client has shown a certificate.
    pub presented: Option<bool>,
    /// `validated`: whether that was verified and found to be good.
    pub validated: Option<bool>,
}

/// The path part of a match. It sees the path without its query.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PathMatch {
    /// `prefix`.
    Prefix(Box<str>),
    /// `path`: the whole path.
    Exact(Box<str>),
    /// `safe_regex`: the whole path.
    Regex(Regex),
    /// `path_separated_prefix`: the whole path, or all of it before some slash.
    SeparatedPrefix(Box<str>),
    /// `path_match_policy` with a template.
    Template(PathTemplate),
    /// `connect_matcher`: any CONNECT request.
    Connect,
}

/// `envoy.config.route.v3.QueryParameterMatcher`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QueryMatcher {
    /// `name`, as it stands in the URL: nothing is decoded.
    pub name: Box<str>,
    /// What is asked of the first value of that name.
    pub condition: QueryCondition,
}

/// `envoy.config.route.v3.CookieMatcher`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CookieMatcher {
    /// `name`.
    pub name: Box<str>,
    /// `string_match`, of the first value of that name; a cookie that is missing never fulfils it.
    pub condition: StringMatcher,
    /// `invert_match`.
    pub invert: bool,
}

/// What is asked of a query parameter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum QueryCondition {
    /// `present_match`, which without anything said is true.
    Present(bool),
    /// `string_match`.
    Text(StringMatcher),
}

/// `envoy.type.v3.FractionalPercent`: so many of so many.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fraction {
    /// `numerator`.
    pub numerator: u32,
    /// `denominator`: 100, 10,000 or 1,000,000.
    pub denominator: u32,
}

// === impl RouteMatch ===

impl RouteMatch {
    /// A match that asks for a path only.
    pub fn of_path(path: PathMatch) -> Self {
        Self {
            path,
            case_sensitive: true,
            headers: Vec::new(),
            query_parameters: Vec::new(),
            cookies: Vec::new(),
            grpc: false,
            tls: None,
            fraction: None,
        }
    }
}

// === impl QueryMatcher ===

impl QueryMatcher {
    /// Whether a parameter of its name with this value, or none, is what is asked for.
    pub fn is_met(&self, value: Option<&str>) -> bool {
        match &self.condition {
            QueryCondition::Present(wanted) => value.is_some() == *wanted,
            QueryCondition::Text(matcher) => {
                value.is_some_and(|value| matcher.matches(value.as_bytes()))
            }
        }
    }
}

// === impl Fraction ===

impl Fraction {
    /// Whether a request with this random number is among them.
    pub fn includes(self, random: u64) -> bool {
        random % u64::from(self.denominator) < u64::from(self.numerator)
    }
}
