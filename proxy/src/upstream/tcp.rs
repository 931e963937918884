//! A connection to a host that carries whatever its user likes, in the books of its cluster.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use crate::config::cluster::RoutingPriority;
use crate::message::upgrade::Given;
use crate::message::{Request, Response};
use crate::stats::GaugeGuard;
use crate::stream_info::Tls;
use crate::transport::Stream;

use super::connect::{self, ConnectError};
use super::host::HostHold;
use super::outlier::Outcome;
use super::pool::driver::Open;
use super::pool::opening::Opener;
use super::{Cluster, Host, tunnel};

/// A connection. Dropping it closes it.
#[derive(Debug)]
pub struct TcpConnection {
    /// Its bytes.
    pub stream: Stream,
    /// Where it is accounted for.
    pub books: Books,
}

/// A connection's entry in the books of its cluster, until it is dropped.
#[derive(Debug)]
pub struct Books(Open);

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
    let (open, stream) = Open::new(cluster, host, socket, occupied);
    open.state.requests.set(1);
    open.state.active.set(1);
    // It is, unless the host is heard to end it.
    open.state.given_up.set(true);
    Ok(TcpConnection { stream, books: Books(open) })
}

/// What counts as a request under way, of a cluster and of a host.
pub type Held = (GaugeGuard, HostHold);

/// Counts what a connection is used for as a request, as long as this is kept.
pub fn request(cluster: &Cluster, host: &Arc<Host>) -> Held {
    cluster.stats.upstream_rq_total.inc();
    host.stats.rq_total.inc();
    (cluster.stats.upstream_rq_active.hold(), HostHold::new(host, |stats| &stats.rq_active))
}

// === impl TcpConnection ===

impl TcpConnection {
    /// Answers a request for a connection with this one: sends what the request's body brings.
    pub(super) fn answer(self, request: Request) -> Response {
        let body = tunnel::open(self.stream, self.books, request.into_body());
        let mut response = Response::new(body);
        response.extensions_mut().insert(Given);
        response
    }
}

// === impl Books ===

impl Books {
    /// Our end of the connection.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.0.state.local
    }

    /// Its TLS, if the cluster has it.
    pub fn tls(&self) -> Option<Rc<Tls>> {
        self.0.state.tls.clone()
    }

    /// Notes that it is the host who ends it.
    pub fn ended_by_host(&self) {
        self.0.state.given_up.set(false);
    }
}

impl tunnel::Books for Books {
    fn ended_by_host(&self) {
        Self::ended_by_host(self);
    }

    fn ends_in_order(&self) -> bool {
        true
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        self.0.close(&Ok(()));
    }
}
