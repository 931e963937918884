//! Dials a host, within the cluster's connect timeout.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time;

use crate::base::clock;
use crate::config::cluster::Protocol;
use crate::stream_info::Tls;
use crate::transport::tls::{Connected, Failure, Purpose};
use crate::transport::{Raw, Socket, socket};

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
    /// The connection was made, and TLS on it was not.
    #[error("{0}")]
    Tls(Arc<Failure>),
    /// The codec could not begin.
    #[error("{0}")]
    Handshake(Arc<ExchangeError>),
}

/// A connection with a host.
#[derive(Debug)]
pub struct Dialed {
    /// Its bytes.
    pub socket: Socket,
    /// Its TLS, if the cluster has it.
    pub tls: Option<Rc<Tls>>,
}

/// Opens a connection to `host`, counting it on the way.
///
/// # Errors
/// Counted already, in the cluster's and in the host's stats.
pub async fn dial(cluster: &Cluster, host: &Host) -> Result<Dialed, ConnectError> {
    let purpose = match cluster.config.protocol {
        Protocol::Http1 => {
            cluster.stats.upstream_cx_http1_total.inc();
            Purpose::Http1
        }
        Protocol::Http2(_) => {
            cluster.stats.upstream_cx_http2_total.inc();
            Purpose::Http2
        }
    };
    dial_for(cluster, host, purpose).await
}

/// The same, for a connection that is to carry no HTTP.
///
/// # Errors
/// Counted already, in the cluster's and in the host's stats.
pub async fn dial_raw(cluster: &Cluster, host: &Host) -> Result<Dialed, ConnectError> {
    dial_for(cluster, host, Purpose::Bytes).await
}

async fn dial_for(
    cluster: &Cluster,
    host: &Host,
    purpose: Purpose,
) -> Result<Dialed, ConnectError> {
    let stats = &cluster.stats;
    stats.upstream_cx_total.inc();
    host.stats.cx_total.inc();
    let start = clock::now();
    let opened = open(cluster, host, purpose);
    let error = match time::timeout(cluster.config.connect_timeout, opened).await {
        Ok(Ok(dialed)) => {
            stats.upstream_cx_connect_ms.record(millis(start.elapsed()));
            return Ok(dialed);
        }
        Ok(Err(error)) => error,
        Err(_elapsed) => {
            stats.upstream_cx_connect_timeout.inc();
            ConnectError::Timeout
        }
    };
    stats.upstream_cx_connect_fail.inc();
    stats.upstream_cx_destroy.inc();
    match &error {
        ConnectError::Timeout => stats.upstream_cx_destroy_local.inc(),
        _ => stats.upstream_cx_destroy_remote.inc(),
    }
    host.stats.cx_connect_fail.inc();
    tracing::debug!(cluster = %cluster.name, host = %host.address, %error, "connect failed");
    Err(error)
}

async fn open(cluster: &Cluster, host: &Host, purpose: Purpose) -> Result<Dialed, ConnectError> {
    let socket = socket::connect(host.address).await;
    let socket = socket.map_err(|error| ConnectError::Socket(Arc::new(error)))?;
    let Some(connector) = &cluster.tls else {
        return Ok(Dialed { socket: socket.into(), tls: None });
    };
    let name = cluster.config.asked_host(&host.hostname);
    // Boxed: a connection without TLS has no room in it for a handshake.
    let raw = Raw::new(socket, Vec::new());
    let connecting = Box::pin(connector.connect(raw, (name, host.address.ip()), purpose));
    match connecting.await {
        Ok(Connected { socket, tls }) => Ok(Dialed { socket, tls: Some(Rc::new(tls)) }),
        Err(failure) => Err(ConnectError::Tls(Arc::new(failure))),
    }
}

impl ConnectError {
    /// `%UPSTREAM_TRANSPORT_FAILURE_REASON%`: what the system said.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Socket(error) => Some(format!("delayed connect error: {}", words(error))),
            Self::Handshake(error) => Some(error.to_string()),
            Self::Tls(failure) => failure.reason(),
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
