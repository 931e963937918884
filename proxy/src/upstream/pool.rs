//! Hands out a connection to one host that is ready for a request.
//!
//! A pool belongs to one worker and one host. Connections are made when a request finds none that is free, by the
//! cluster's codec: one request at a time each for HTTP/1.1, many on one for HTTP/2.

pub(super) mod driver;
mod http1;
mod http2;
pub(super) mod opening;
mod waiting;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::config::cluster::{Protocol, RoutingPriority};
use crate::message::{Body, Request, Response};
use crate::stats::{Counter, GaugeGuard};
use crate::stream_info::Tls;

use self::opening::Opener;

use super::connect::ConnectError;
use super::limits::{Breakers, Permit};
use super::tcp::{self, TcpConnection, TcpError};
use super::{Cluster, Host};

/// The connections of one worker to one host.
#[derive(Debug)]
pub enum Pool {
    /// One request at a time on each.
    Http1(http1::Pool),
    /// Many on one.
    Http2(http2::Pool),
}

/// A connection, for one request. Dropping it before [`Lease::release`] gives the request up.
#[derive(Debug)]
pub enum Lease {
    /// A whole connection.
    Http1(http1::Lease),
    /// One stream of a connection.
    Http2(http2::Lease),
    /// A connection that carries no HTTP, until a request has got it.
    Tcp(Option<Box<TcpConnection>>),
}

/// Why a pool has no connection to give.
#[derive(Debug)]
pub enum PoolError {
    /// A circuit breaker is open.
    Overflow,
    /// There may be no pool for the host: there are `max_connection_pools` of others.
    NoPool,
    /// None could be made.
    Connect(ConnectError),
}

/// A request that waits for a connection, in the books.
#[derive(Debug)]
pub(super) struct Pending {
    /// Counts it if it is given up; none once the wait is over.
    cancelled: Option<Counter>,
    _permit: Permit,
    _active: GaugeGuard,
}

/// Why a request has no response.
#[derive(Debug)]
pub struct SendError {
    /// The request, if no byte of it was sent: it may safely be sent again.
    pub unsent: Option<Box<Request>>,
    /// What went wrong.
    pub error: ExchangeError,
    /// Whether the connection had carried a request before.
    pub reused: bool,
}

/// What went wrong in an exchange, in the words of the codec.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// HTTP/1.1's.
    #[error(transparent)]
    Http1(#[from] hyper::Error),
    /// HTTP/2's.
    #[error(transparent)]
    Http2(#[from] h2::Error),
}

// === impl Pool ===

impl Pool {
    /// A pool without connections, for requests of that priority.
    pub fn new(cluster: Arc<Cluster>, host: Arc<Host>, priority: RoutingPriority) -> Self {
        let protocol = cluster.config.protocol.clone();
        let opener = Opener::new(cluster, host, priority);
        match protocol {
            Protocol::Http1 => Self::Http1(http1::Pool::new(opener)),
            Protocol::Http2(settings) => Self::Http2(http2::Pool::new(opener, settings)),
        }
    }

    /// A pool of the same host for requests of another priority.
    pub fn of(&self, priority: RoutingPriority) -> Self {
        let Opener { cluster, host, .. } = match self {
            Self::Http1(pool) => pool.opener(),
            Self::Http2(pool) => pool.opener(),
        };
        Self::new(cluster.clone(), host.clone(), priority)
    }

    /// A connection that is ready for a request: a free one, or a new one.
    ///
    /// # Errors
    /// A breaker is open, or the host cannot be reached.
    pub async fn checkout(&self) -> Result<Lease, PoolError> {
        match self {
            Self::Http1(pool) => pool.checkout().await.map(Lease::Http1),
            Self::Http2(pool) => pool.checkout().await.map(Lease::Http2),
        }
    }

    /// Closes connections as far as nobody uses them.
    pub fn drain(&self) {
        match self {
            Self::Http1(pool) => pool.drain(),
            Self::Http2(pool) => pool.drain(),
        }
    }

    /// Closes connections as soon as nobody uses them: the host is gone.
    pub fn retire(&self) {
        match self {
            Self::Http1(pool) => pool.retire(),
            Self::Http2(pool) => pool.drain(),
        }
    }

    /// A connection that was just made, or is, whichever idle ones there are.
    ///
    /// # Errors
    /// A breaker is open, or the host cannot be reached.
    pub async fn open(&self) -> Result<Lease, PoolError> {
        match self {
            // Boxed: it is rare, and large, and would be room in every request.
            Self::Http1(pool) => Box::pin(pool.wait_for_one()).await.map(Lease::Http1),
            Self::Http2(pool) => Box::pin(pool.wait_for_one()).await.map(Lease::Http2),
        }
    }

    /// A connection for a request that is to get the connection itself, and nothing of HTTP on it.
    ///
    /// # Errors
    /// A breaker is open, or the host cannot be reached.
    pub async fn checkout_tcp(
        cluster: &Arc<Cluster>,
        host: &Arc<Host>,
    ) -> Result<Lease, PoolError> {
        match tcp::connect(cluster, host).await {
            Ok(connection) => Ok(Lease::Tcp(Some(Box::new(connection)))),
            Err(TcpError::Overflow) => Err(PoolError::Overflow),
            Err(TcpError::Connect(error)) => Err(PoolError::Connect(error)),
        }
    }

    /// Whether the codec is HTTP/2.
    pub fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_))
    }
}

// === impl Pending ===

impl Pending {
    fn new(cluster: &Cluster, breakers: &Breakers) -> Result<Self, PoolError> {
        let stats = &cluster.stats;
        let Some(permit) = breakers.pending.take() else {
            stats.upstream_rq_pending_overflow.inc();
            return Err(PoolError::Overflow);
        };
        stats.upstream_rq_pending_total.inc();
        Ok(Self {
            cancelled: Some(stats.upstream_rq_cancelled.clone()),
            _permit: permit,
            _active: stats.upstream_rq_pending_active.hold(),
        })
    }

    /// The wait is over, one way or the other.
    pub(super) fn settle(mut self) {
        self.cancelled = None;
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(cancelled) = &self.cancelled {
            cancelled.inc();
        }
    }
}

// === impl Lease ===

impl Lease {
    /// Sends a request and waits for the head of its response.
    ///
    /// # Errors
    /// The connection broke, or the host broke the protocol.
    pub async fn send(&mut self, request: Box<Request>) -> Result<Response, SendError> {
        match self {
            Self::Http1(lease) => lease.send(request).await,
            Self::Http2(lease) => lease.send(request).await,
            // A lease is used for one request.
            Self::Tcp(connection) => Ok(match connection.take() {
                Some(connection) => connection.answer(*request),
                None => Response::new(Body::empty()),
            }),
        }
    }

    /// Our end of the connection.
    pub fn local_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Http1(lease) => lease.local_address(),
            Self::Http2(lease) => lease.local_address(),
            Self::Tcp(connection) => connection.as_ref()?.books.local_address(),
        }
    }

    /// The connection's TLS, if the cluster has it.
    pub fn tls(&self) -> Option<Rc<Tls>> {
        match self {
            Self::Http1(lease) => lease.tls(),
            Self::Http2(lease) => lease.tls(),
            Self::Tcp(connection) => connection.as_ref()?.books.tls(),
        }
    }

    /// Whether the request has got the connection itself.
    pub fn is_spent(&self) -> bool {
        match self {
            Self::Http1(lease) => lease.is_spent(),
            Self::Http2(_) => false,
            Self::Tcp(connection) => connection.is_none(),
        }
    }

    /// Since when the connection had nothing to do before this request; none if it is new, or has other requests.
    pub fn idle_since(&self) -> Option<Instant> {
        match self {
            Self::Http1(lease) => lease.idle_since(),
            Self::Http2(lease) => lease.idle_since(),
            Self::Tcp(_) => None,
        }
    }

    /// The response has come to its end: the connection may carry another request.
    pub fn release(self) {
        if let Self::Http1(lease) = self {
            lease.release();
        }
    }
}
