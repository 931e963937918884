//! TCP proxy: `envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy`.

use std::time::Duration;

use super::access_log::AccessLog;

/// `idle_timeout` where the file says nothing: an hour, Envoy's.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

/// One TCP proxy.
#[derive(Clone, Debug)]
pub struct TcpProxy {
    /// `stat_prefix`: stats are `tcp.<stat_prefix>.`.
    pub stat_prefix: String,
    /// `cluster`, or `weighted_clusters`: names and weights; the weights' sum is not zero.
    pub clusters: Vec<(String, u32)>,
    /// `idle_timeout`: for how long nothing may pass, either way; none is off.
    pub idle_timeout: Option<Duration>,
    /// `max_connect_attempts` (default 1).
    pub max_connect_attempts: u32,
    /// `max_downstream_connection_duration`; none (the default) is no limit.
    pub max_duration: Option<Duration>,
    /// `access_log`.
    pub access_logs: Vec<AccessLog>,
}
