//! Tests of a route table, in the file format of Envoy's `router_check_tool`.

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method};

use super::matcher::HeaderMatcher;

/// One of `tests`.
#[derive(Clone, Debug)]
pub struct RouteTest {
    /// `test_name`.
    pub name: String,
    /// `input`.
    pub input: Input,
    /// `validate`; at least one thing in it is expected.
    pub expected: Expected,
}

/// `input`: the request.
#[derive(Clone, Debug)]
pub struct Input {
    /// `authority`.
    pub authority: HeaderValue,
    /// `path`, with its query.
    pub path: PathAndQuery,
    /// `method`; GET where the file gives none, as in the first version of the format.
    pub method: Method,
    /// `random_value` (default 0): what decides what is left to chance.
    pub random: u64,
    /// `ssl`: it came by `https`.
    pub ssl: bool,
    /// `internal`: it has `x-envoy-internal`.
    pub internal: bool,
    /// `runtime`: the `runtime_key` of the fractions that are in force; those of other routes let nobody through.
    pub runtime: String,
    /// `additional_request_headers`.
    pub request_headers: Vec<(HeaderName, HeaderValue)>,
    /// `additional_response_headers`.
    pub response_headers: Vec<(HeaderName, HeaderValue)>,
}

/// `validate`: what is expected of it.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// `cluster_name`; empty expects none, here as in the next ones.
    pub cluster_name: Option<String>,
    /// `virtual_cluster_name`.
    pub virtual_cluster_name: Option<String>,
    /// `virtual_host_name`.
    pub virtual_host_name: Option<String>,
    /// `host_rewrite`.
    pub host_rewrite: Option<String>,
    /// `path_rewrite`.
    pub path_rewrite: Option<String>,
    /// `path_redirect`: the whole URL.
    pub path_redirect: Option<String>,
    /// `code_redirect`: the status of a redirect or of a direct response.
    pub code_redirect: Option<u32>,
    /// `request_header_matches`, and the older `request_header_fields`, of the request as upstream would get it.
    pub request_headers: Vec<HeaderCheck>,
    /// `response_header_matches`, and the older `response_header_fields`.
    pub response_headers: Vec<HeaderCheck>,
}

/// What is expected of a header.
#[derive(Clone, Debug)]
pub struct HeaderCheck {
    /// The header's name as the file has it.
    pub name: String,
    /// The field of the file and the kind of the condition, as in `request_header_matches.string_match.exact`.
    pub kind: String,
    /// What is expected.
    pub wanted: Wanted,
}

/// A condition on a header.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// Its first value is this; an empty one is also that of a header that is not there.
    Value(String),
    /// It fulfils this. Of a condition that compares whole values, the value is there too, for messages.
    Match(HeaderMatcher, Option<String>),
}

// === impl Expected ===

impl Expected {
    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        let Self {
            cluster_name,
            virtual_cluster_name,
            virtual_host_name,
            host_rewrite,
            path_rewrite,
            path_redirect,
            code_redirect,
            request_headers,
            response_headers,
        } = self;
        let texts = [
            cluster_name,
            virtual_cluster_name,
            virtual_host_name,
            host_rewrite,
            path_rewrite,
            path_redirect,
        ];
        texts.into_iter().all(Option::is_none)
            && code_redirect.is_none()
            && request_headers.is_empty()
            && response_headers.is_empty()
    }
}
