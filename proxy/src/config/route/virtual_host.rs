//! `envoy.config.route.v3.VirtualHost` and `Route`.

use crate::config::headers::HeaderMutations;
use crate::config::http_filter::PerFilter;
use crate::config::mirror::MirrorPolicy;
use crate::config::rate_limit::RateLimits;

use super::action::Action;
use super::matcher::RouteMatch;
use super::retry::RetryPolicy;

/// One virtual host.
#[derive(Clone, Debug)]
pub struct VirtualHost {
    /// `name`.
    pub name: String,
    /// `domains`, lower-cased: exact, `*.suffix`, `prefix.*` or `*`; unique in the table (the loader checks).
    pub domains: Vec<String>,
    /// `require_tls`.
    pub require_tls: RequireTls,
    /// What is done to the headers of its requests.
    pub headers: HeaderMutations,
    /// `retry_policy`, of the routes that have none.
    pub retry_policy: Option<Box<RetryPolicy>>,
    /// How requests tell, and are told, of tries.
    pub attempts: Attempts,
    /// What of a body may be kept for another try.
    pub buffer_limit: BufferLimit,
    /// `routes`; the first that matches wins.
    pub routes: Vec<Route>,
    /// `request_mirror_policies`, of the routes that have none.
    pub mirrors: Vec<MirrorPolicy>,
    /// `rate_limits`.
    pub rate_limits: RateLimits,
    /// `typed_per_filter_config`.
    pub filters: Vec<PerFilter>,
}

/// How requests tell, and are told, of tries.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Attempts {
    /// `include_request_attempt_count`: upstreams are told the number of the try.
    pub in_request: bool,
    /// `include_attempt_count_in_response`: clients are told the number of tries.
    pub in_response: bool,
    /// `include_is_timeout_retry_header`: upstreams are told whether the last try was late.
    pub tells_timeout: bool,
}

/// How much of a request's body may be kept for another try.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct BufferLimit {
    /// `request_body_buffer_limit`, in bytes: in place of the listener's `per_connection_buffer_limit_bytes`.
    pub body: Option<u64>,
    /// The older `per_request_buffer_limit_bytes`: that or the listener's, whichever is less.
    pub request: Option<u32>,
}

/// `require_tls`: whose requests are sent to `https`, if they came without.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RequireTls {
    /// `NONE`: nobody's.
    #[default]
    None,
    /// `EXTERNAL_ONLY`: those that are not internal.
    ExternalOnly,
    /// `ALL`.
    All,
}

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// `name`; empty where the file gives none.
    pub name: String,
    /// `match`.
    pub matcher: RouteMatch,
    /// What is done to the headers of its requests.
    pub headers: HeaderMutations,
    /// What of a body may be kept for another try; what it does not say, its virtual host says.
    pub buffer_limit: BufferLimit,
    /// What to do with a request that matches.
    pub action: Action,
    /// `typed_per_filter_config`.
    pub filters: Vec<PerFilter>,
}
