//! `envoy.config.route.v3.RedirectAction`.

use super::rewrite::PathRewrite;

/// Where to send the client.
#[derive(Clone, Debug, Default)]
pub struct Redirect {
    /// `scheme_redirect`; `https` for `https_redirect`; none keeps the request's.
    pub scheme: Option<Box<str>>,
    /// `host_redirect`; none keeps the request's.
    pub host: Option<Box<str>>,
    /// `port_redirect`; none keeps the request's.
    pub port: Option<u32>,
    /// `path_redirect`; none keeps the request's, which `path_rewrite` may change.
    pub path: Option<Box<str>>,
    /// `prefix_rewrite` or `regex_rewrite`.
    pub path_rewrite: Option<PathRewrite>,
    /// `strip_query`: the request's query is left out.
    pub strip_query: bool,
    /// `response_code`: 301 (the default), 302, 303, 307 or 308.
    pub status: u16,
}
