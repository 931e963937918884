//! Dials a host, within the cluster's connect timeout.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time;

use crate::base::clock;
use crate::config::cluster::Protocol;
use crate::transport::socket;

use super::pool::ExchangeError;
use super::{Cluster, Host};

/// Why there is no connection. Cheap to clone: every request that waited is told.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectError {
    /// The system says no.
    #[error("{0}")]
    Socket(Arc<io::Error>),
    /// It took longer than `connect_timeout`.
    #[error("connection timeout")]
    Timeout,
    /// The codec could not begin.
    #[error("{0}")]
    Handshake(Arc<ExchangeError>),
}

/// Opens a connection to `host`, counting it on the way.
///
/// # Errors
/// Counted already, in the cluster's and in the host's stats.
pub async fn dial(cluster: &Cluster, host: &Host) -> Result<TcpStream, ConnectError> {
    match cluster.config.protocol {
        Protocol::Http1 => cluster.stats.upstream_cx_http1_total.inc(),
        Protocol::Http2(_) => cluster.stats.upstream_cx_http2_total.inc(),
    }
    dial_raw(cluster, host).await
}

/// The same, for a connection that is to carry no HTTP.
///
/// # Errors
/// Counted already, in the cluster's and in the host's stats.
pub async fn dial_raw(cluster: &Cluster, host: &Host) -> Result<TcpStream, ConnectError> {
    let stats = &cluster.stats;
    stats.upstream_cx_total.inc();
    host.stats.cx_total.inc();
    let start = clock::now();
    let error =
        match time::timeout(cluster.config.connect_timeout, socket::connect(host.address)).await {
            Ok(Ok(socket)) => {
                stats.upstream_cx_connect_ms.record(millis(start.elapsed()));
                return Ok(socket);
            }
            Ok(Err(error)) => ConnectError::Socket(Arc::new(error)),
            Err(_elapsed) => {
                stats.upstream_cx_connect_timeout.inc();
                ConnectError::Timeout
            }
        };
    stats.upstream_cx_connect_fail.inc();
    stats.upstream_cx_destroy.inc();
    host.stats.cx_connect_fail.inc();
    tracing::debug!(cluster = %cluster.name, host = %host.address, %error, "connect failed");
    Err(error)
}

impl ConnectError {
    /// `%UPSTREAM_TRANSPORT_FAILURE_REASON%`: what the system said.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Socket(error) => Some(format!("delayed connect error: {}", words(error))),
            Self::Handshake(error) => Some(error.to_string()),
            Self::Timeout => None,
        }
    }
}

/// The system's words without the number that the standard library adds.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// A duration as whole milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
