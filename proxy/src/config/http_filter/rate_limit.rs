//! `envoy.extensions.filters.http.ratelimit.v3`.

use std::sync::Arc;
use std::time::Duration;

use crate::config::headers::HeaderRules;
use crate::config::rate_limit::RateLimits;
use crate::config::route::Fraction;

use super::VirtualHostLimits;

/// `timeout` where the file says nothing: 20 ms, Envoy's.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_millis(20);

/// A service is asked about each request whether it may go on.
#[derive(Clone, Debug)]
pub struct RateLimit {
    /// `domain`.
    pub domain: String,
    /// `stage`: which `rate_limits` of routes count.
    pub stage: u32,
    /// `request_type`: about whose requests the service is asked.
    pub requests: Requests,
    /// `timeout`: how long it may take; none (`0s` in the file) is for ever.
    pub timeout: Option<Duration>,
    /// `failure_mode_deny_percent`, or else `failure_mode_deny`: how many requests are refused when it does not answer.
    pub failure_denies: Fraction,
    /// `rate_limited_as_resource_exhausted`: gRPC clients are told 8 instead of 14.
    pub resource_exhausted: bool,
    /// `rate_limit_service.grpc_service.envoy_grpc.cluster_name`.
    pub cluster: Arc<str>,
    /// `enable_x_ratelimit_headers`.
    pub says_limits: bool,
    /// Unless `disable_x_envoy_ratelimited_header`.
    pub says_limited: bool,
    /// `rate_limited_status` (default 429, and in place of what is no error).
    pub limited_status: u16,
    /// `status_on_error` (default 500).
    pub error_status: u16,
    /// `response_headers_to_add`, to refusals.
    pub response_headers: HeaderRules,
    /// `stat_prefix`: stats are `cluster.<name>.ratelimit.<stat_prefix>.`
    pub stat_prefix: String,
    /// `filter_enabled`; none is all.
    pub enabled: Option<Fraction>,
    /// `filter_enforced`: how many of the requests over their limit are refused; none is all.
    pub enforced: Option<Fraction>,
}

/// `request_type`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Requests {
    /// `internal`.
    Internal,
    /// `external`.
    External,
    /// `both`, or nothing.
    Both,
}

/// `RateLimitPerRoute`.
#[derive(Clone, Debug)]
pub struct RateLimitPerRoute {
    /// `vh_rate_limits`.
    pub virtual_host: VirtualHostLimits,
    /// `rate_limits`, in place of those of routes and virtual hosts.
    pub limits: RateLimits,
    /// `domain`, in place of the filter's.
    pub domain: Option<String>,
}
