//! Copies of requests: `envoy.config.route.v3.RouteAction.RequestMirrorPolicy`.

use http::HeaderValue;

use super::http_filter::Mutation;
use super::route::{ClusterName, Fraction};

/// Requests are sent to another cluster too, whose answers nobody gets.
#[derive(Clone, Debug)]
pub struct MirrorPolicy {
    /// `cluster`, or `cluster_header`.
    pub cluster: ClusterName,
    /// `runtime_fraction`: so many of the requests; none is all.
    pub fraction: Option<Fraction>,
    /// What the copy says as its host.
    pub host: MirrorHost,
    /// `request_headers_mutations`.
    pub mutations: Vec<Mutation>,
}

/// What a copy says as its host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MirrorHost {
    /// The request's, with `-shadow` before its port: the default.
    Suffixed,
    /// The request's: `disable_shadow_host_suffix_append`.
    Same,
    /// `host_rewrite_literal`, as it is.
    Literal(HeaderValue),
}
