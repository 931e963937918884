//! Asking hosts how they are: `envoy.config.core.v3.HealthCheck`.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::address::SocketAddress;
use super::headers::HeaderRules;
use super::matcher::StringMatcher;

/// `no_traffic_interval` where the file says nothing, Envoy's.
pub const DEFAULT_NO_TRAFFIC_INTERVAL: Duration = Duration::from_secs(60);

/// `response_buffer_size` where the file says nothing, Envoy's.
pub const DEFAULT_RESPONSE_BUFFER: u64 = 1024;

/// One cluster's health check.
#[derive(Clone, Debug)]
pub struct HealthCheck {
    /// `timeout`: a host that has not answered by then has failed.
    pub timeout: Duration,
    /// The pauses between checks.
    pub pauses: Pauses,
    /// `unhealthy_threshold`: a healthy host is unhealthy after so many failures.
    pub unhealthy_threshold: u32,
    /// `healthy_threshold`: an unhealthy host is healthy after so many successes.
    pub healthy_threshold: u32,
    /// `reuse_connection` (default true).
    pub reuse_connection: bool,
    /// `health_checker`: what is asked, and what is a good answer.
    pub checker: Checker,
    /// `event_log_path`, and the files of `event_logger`.
    pub event_logs: Vec<PathBuf>,
    /// `always_log_health_check_failures`.
    pub always_log_failures: bool,
    /// `always_log_health_check_success`.
    pub always_log_success: bool,
}

/// How long to wait from the end of a check to the next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pauses {
    /// `interval`.
    pub interval: Duration,
    /// `unhealthy_interval` (default `interval`): of an unhealthy host.
    pub unhealthy: Duration,
    /// `unhealthy_edge_interval` (default `unhealthy_interval`): of a host on its way to be unhealthy.
    pub unhealthy_edge: Duration,
    /// `healthy_edge_interval` (default `interval`): of a host on its way to be healthy.
    pub healthy_edge: Duration,
    /// `no_traffic_interval` (default 60 s): as long as the cluster never had a connection.
    pub no_traffic: Duration,
    /// `no_traffic_healthy_interval` (default `no_traffic_interval`): the same, of a healthy host.
    pub no_traffic_healthy: Duration,
    /// `initial_jitter` (default 0): how long at random before the first check.
    pub initial_jitter: Duration,
    /// `interval_jitter` (default 0): how much longer at random.
    pub jitter: Duration,
    /// `interval_jitter_percent` (default 0): how much longer at random, in hundredths of the pause.
    pub jitter_percent: u32,
}

/// `health_checker`.
#[derive(Clone, Debug)]
pub enum Checker {
    /// `http_health_check`.
    Http(Arc<Http>),
    /// `tcp_health_check`.
    Tcp(Arc<Tcp>),
    /// `grpc_health_check`.
    Grpc(Arc<Grpc>),
}

/// `HttpHealthCheck`.
#[derive(Clone, Debug)]
pub struct Http {
    /// `host` (default: the cluster's name).
    pub host: Option<String>,
    /// `path`.
    pub path: String,
    /// `method` (default GET).
    pub method: &'static str,
    /// `send`: the request's body.
    pub send: Vec<u8>,
    /// `receive`: what the response's body must have in it, one after the other.
    pub receive: Vec<Vec<u8>>,
    /// `response_buffer_size` (default 1024): how much of a body is looked at; zero is all of it.
    pub response_buffer: u64,
    /// `request_headers_to_add` and `request_headers_to_remove`.
    pub headers: HeaderRules,
    /// `expected_statuses` (default 200).
    pub expected: Vec<Range<u16>>,
    /// `retriable_statuses`: failures that count towards `unhealthy_threshold` instead of deciding alone.
    pub retriable: Vec<Range<u16>>,
    /// `codec_client_type`: whether it is HTTP/2.
    pub http2: bool,
    /// `service_name_matcher`: who the host must say it is.
    pub service_name: Option<StringMatcher>,
}

/// `TcpHealthCheck`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tcp {
    /// `send`.
    pub send: Vec<u8>,
    /// `receive`: what must come, one after the other; without any a connection is enough.
    pub receive: Vec<Vec<u8>>,
}

/// `GrpcHealthCheck`.
#[derive(Clone, Debug, Default)]
pub struct Grpc {
    /// `service_name`: whose health is asked for; none is that of the whole server.
    pub service: Option<String>,
    /// `authority` (default: the cluster's name).
    pub authority: Option<String>,
    /// `initial_metadata`.
    pub metadata: HeaderRules,
}

/// `Endpoint.HealthCheckConfig`: what is different for one host.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EndpointHealthCheck {
    /// `port_value`.
    pub port: Option<u16>,
    /// `hostname`.
    pub hostname: Option<String>,
    /// `address`, instead of the host's.
    pub address: Option<SocketAddress>,
    /// `disable_active_health_check`.
    pub disabled: bool,
}

#[cfg(test)]
impl HealthCheck {
    /// A check of connections each second, with these thresholds for tests.
    pub(crate) fn each_second(unhealthy_threshold: u32, healthy_threshold: u32) -> Self {
        let second = Duration::from_secs(1);
        Self {
            timeout: second,
            pauses: Pauses {
                interval: second,
                unhealthy: second,
                unhealthy_edge: second,
                healthy_edge: second,
                no_traffic: second,
                no_traffic_healthy: second,
                initial_jitter: Duration::ZERO,
                jitter: Duration::ZERO,
                jitter_percent: 0,
            },
            unhealthy_threshold,
            healthy_threshold,
            reuse_connection: true,
            checker: Checker::Tcp(Arc::default()),
            event_logs: Vec::new(),
            always_log_failures: false,
            always_log_success: false,
        }
    }
}
