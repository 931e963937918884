//! `envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit`.

use std::time::Duration;

use crate::config::headers::HeaderRules;
use crate::config::rate_limit::Descriptor;
use crate::config::route::Fraction;

/// Requests take tokens out of buckets of this process, and are refused where there are none.
#[derive(Clone, Debug)]
pub struct LocalRateLimit {
    /// `stat_prefix`: stats are `<stat_prefix>.http_local_rate_limit.`
    pub stat_prefix: String,
    /// `status` (default 429).
    pub status: u16,
    /// `token_bucket`; none limits nothing.
    pub bucket: Option<TokenBucket>,
    /// `filter_enabled`: of how many requests tokens are taken; none is of none.
    pub enabled: Option<Fraction>,
    /// `filter_enforced`: how many of the requests without a token are refused; none is none.
    pub enforced: Option<Fraction>,
    /// `response_headers_to_add`, to refusals.
    pub response_headers: HeaderRules,
    /// `request_headers_to_add_when_not_enforced`.
    pub request_headers: HeaderRules,
    /// `descriptors`, in file order.
    pub descriptors: Vec<(Descriptor, TokenBucket)>,
    /// `stage`: which `rate_limits` of routes count.
    pub stage: u32,
    /// `vh_rate_limits`.
    pub virtual_host: VirtualHostLimits,
    /// `enable_x_ratelimit_headers`.
    pub says_limits: bool,
    /// `always_consume_default_token_bucket` (default true).
    pub always_consume_default: bool,
    /// `local_rate_limit_per_downstream_connection`: each connection has buckets of its own. As in Envoy, they are those of
    /// whatever asks for such buckets first on it, filter or route.
    pub per_connection: bool,
    /// `rate_limited_as_resource_exhausted`: gRPC clients are told 8 instead of 14.
    pub resource_exhausted: bool,
}

/// `envoy.type.v3.TokenBucket`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TokenBucket {
    /// `max_tokens`: with how many it begins, and that it holds.
    pub max_tokens: u32,
    /// `tokens_per_fill` (default 1).
    pub tokens_per_fill: u32,
    /// `fill_interval`.
    pub fill_interval: Duration,
}

/// `vh_rate_limits`: when the virtual host's limits count beside the route's.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum VirtualHostLimits {
    /// `OVERRIDE`: where the route has none.
    #[default]
    Override,
    /// `INCLUDE`: always.
    Include,
    /// `IGNORE`: never.
    Ignore,
}
