//! `envoy.extensions.filters.http.fault.v3.HTTPFault`.

use std::time::Duration;

use crate::config::matcher::HeaderMatcher;
use crate::config::route::Fraction;

/// Requests are made late, answered with an error, or answered slowly.
#[derive(Clone, Debug)]
pub struct Fault {
    /// `delay`.
    pub delay: Option<Injected<Amount<Duration>>>,
    /// `abort`.
    pub abort: Option<Injected<Abort>>,
    /// `abort.response_body`; none is Envoy's words.
    pub abort_body: Option<String>,
    /// `response_rate_limit`, in KiB per second.
    pub response_rate_limit: Option<Injected<Amount<u64>>>,
    /// `upstream_cluster`: only requests that go to this cluster.
    pub upstream_cluster: Option<String>,
    /// `headers`: only requests that fulfil all of these.
    pub headers: Vec<HeaderMatcher>,
    /// `downstream_nodes`: only requests of these, by `x-envoy-downstream-service-node`; empty is all.
    pub downstream_nodes: Vec<String>,
    /// `max_active_faults`: how many requests may suffer at once; none is any number.
    pub max_active_faults: Option<u32>,
    /// `disable_downstream_cluster_stats`: nothing is counted by `x-envoy-downstream-service-cluster`.
    pub disable_downstream_cluster_stats: bool,
}

/// A fault, and how many requests suffer it.
#[derive(Clone, Copy, Debug)]
pub struct Injected<T> {
    /// What.
    pub what: T,
    /// `percentage`; absent in the file is none.
    pub fraction: Fraction,
}

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub enum Amount<T> {
    /// So much.
    Fixed(T),
    /// As much as the request's header says.
    Header,
}

/// With which error.
#[derive(Clone, Copy, Debug)]
pub enum Abort {
    /// `http_status`.
    Http(u16),
    /// `grpc_status`.
    Grpc(u8),
    /// `header_abort`.
    Header,
}
