//! A connection to a host that carries whatever its user likes, in the books of its cluster.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::cluster::RoutingPriority;
use crate::stats::GaugeGuard;
use crate::transport::Stream;

use super::connect::{self, ConnectError};
use super::outlier::Outcome;
use super::pool::driver::Open;
use super::pool::opening::Opener;
use super::{Cluster, Host};

/// A connection. Dropping it closes it.
#[derive(Debug)]
pub struct TcpConnection {
    /// Its bytes.
    pub stream: Stream,
    open: Open,
    _active: [GaugeGuard; 2],
}

/// Why there is none.
#[derive(Debug)]
pub enum TcpError {
    /// A circuit breaker is open.
    Overflow,
    /// None could be made.
    Connect(ConnectError),
}

/// Connects to a host of a cluster.
///
/// # Errors
/// It cannot be reached, or there are too many connections or too many wait for one.
pub async fn connect(cluster: &Arc<Cluster>, host: &Arc<Host>) -> Result<TcpConnection, TcpError> {
    let opener = Opener::new(cluster.clone(), host.clone(), RoutingPriority::Default);
    let occupied = opener.may_open_alone().ok_or(TcpError::Overflow)?;
    let (_entry, pending) = opener.pending().map_err(|_overflow| TcpError::Overflow)?;
    let dialed = connect::dial_raw(cluster, host).await;
    pending.settle();
    let stats = &cluster.stats;
    let socket = dialed.map_err(|error| {
        stats.upstream_rq_pending_failure_eject.inc();
        host.observe(match error {
            ConnectError::Timeout => Outcome::TimedOut(504),
            _ => Outcome::Failed,
        });
        TcpError::Connect(error)
    })?;
    host.observe(Outcome::ConnectedForGood);
    stats.upstream_rq_total.inc();
    host.stats.rq_total.inc();
    let (open, stream) = Open::new(cluster, host, socket, occupied);
    open.state.requests.set(1);
    open.state.active.set(1);
    // It is, unless the host is heard to end it.
    open.state.given_up.set(true);
    let active = [stats.upstream_rq_active.hold(), host.stats.rq_active.hold()];
    Ok(TcpConnection { stream, open, _active: active })
}

// === impl TcpConnection ===

impl TcpConnection {
    /// Our end.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.open.state.local
    }

    /// Notes that it is the host who ends it.
    pub fn ended_by_host(&self) {
        self.open.state.given_up.set(false);
    }
}

impl Drop for TcpConnection {
    fn drop(&mut self) {
        self.open.close(&Ok(()));
    }
}
