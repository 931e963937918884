//! HTTP filters before the router, and what the levels of a route table say to them.

mod buffer;
mod fault;
mod grpc;
mod header_mutation;
mod health_check;
mod local_rate_limit;
mod rate_limit;

use std::sync::Arc;

pub use self::buffer::Buffer;
pub use self::fault::{Abort, Amount, Fault, Injected};
pub use self::grpc::{CountedMethods, GrpcHttp1Bridge, GrpcStats};
pub use self::header_mutation::{HeaderMutation, Mutation, Mutations};
pub use self::health_check::HealthCheckFilter;
pub use self::local_rate_limit::{LocalRateLimit, TokenBucket, VirtualHostLimits};
pub use self::rate_limit::{DEFAULT_TIMEOUT, RateLimit, RateLimitPerRoute, Requests};

/// `envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter`, other than the router.
#[derive(Clone, Debug)]
pub struct HttpFilter {
    /// `name`, by which route tables speak to it.
    pub name: Arc<str>,
    /// `disabled`: it does nothing, unless a route enables it.
    pub disabled: bool,
    /// What it is, by the type of its `typed_config`.
    pub filter: Filter,
}

/// The filters there are.
#[derive(Clone, Debug)]
pub enum Filter {
    /// `envoy.filters.http.buffer`.
    Buffer(Buffer),
    /// `envoy.filters.http.fault`.
    Fault(Box<Fault>),
    /// `envoy.filters.http.grpc_http1_bridge`.
    GrpcHttp1Bridge(GrpcHttp1Bridge),
    /// `envoy.filters.http.grpc_stats`.
    GrpcStats(GrpcStats),
    /// `envoy.filters.http.grpc_web`.
    GrpcWeb,
    /// `envoy.filters.http.header_mutation`.
    HeaderMutation(HeaderMutation),
    /// `envoy.filters.http.health_check`.
    HealthCheck(HealthCheckFilter),
    /// `envoy.filters.http.local_ratelimit`.
    LocalRateLimit(Box<LocalRateLimit>),
    /// `envoy.filters.http.ratelimit`.
    RateLimit(Box<RateLimit>),
}

/// An entry of `typed_per_filter_config`: what one level of a route table says to one filter.
#[derive(Clone, Debug)]
pub struct PerFilter {
    /// The filter's name.
    pub name: Arc<str>,
    /// What it is told.
    pub setting: Setting,
}

/// What a filter is told.
#[derive(Clone, Debug)]
pub enum Setting {
    /// `FilterConfig.disabled`: it does nothing here.
    Disabled,
    /// An empty `FilterConfig.config`: it works here, even if it is disabled elsewhere.
    Enabled,
    /// Its configuration for this level, which enables it too.
    Config(PerRoute),
}

/// The configurations that levels of a route table have for filters.
#[derive(Clone, Debug)]
pub enum PerRoute {
    /// `BufferPerRoute`; none is `disabled`.
    Buffer(Option<Buffer>),
    /// `HTTPFault`, in place of the filter's.
    Fault(Box<Fault>),
    /// `LocalRateLimit`, in place of the filter's.
    LocalRateLimit(Box<LocalRateLimit>),
    /// `RateLimitPerRoute`.
    RateLimit(Box<RateLimitPerRoute>),
    /// `HeaderMutationPerRoute`.
    HeaderMutation(Mutations),
}
