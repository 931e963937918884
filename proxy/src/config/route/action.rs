//! What a route does with a request: `RouteAction`, `DirectResponseAction`.

use std::time::Duration;

/// `RouteAction.timeout` where the file says nothing: 15 seconds, Envoy's.
pub const DEFAULT_ROUTE_TIMEOUT: Duration = Duration::from_secs(15);

/// What a route does.
#[derive(Clone, Debug)]
pub enum Action {
    /// `route`: forward to a cluster.
    Forward(Forward),
    /// `direct_response`.
    DirectResponse(DirectResponse),
}

/// `RouteAction`.
#[derive(Clone, Debug)]
pub struct Forward {
    /// `cluster`.
    pub cluster: String,
    /// `timeout`; none is off (`0s` in the file), absent in the file is 15 s.
    pub timeout: Option<Duration>,
    /// `cluster_not_found_response_code` (default 503).
    pub cluster_not_found_status: u16,
}

/// `DirectResponseAction`.
#[derive(Clone, Debug)]
pub struct DirectResponse {
    /// `status`, 200 to 599.
    pub status: u16,
    /// `body`; may be empty.
    pub body: String,
}
