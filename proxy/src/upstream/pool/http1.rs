//! HTTP/1.1 connections: each carries one request at a time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;

use crate::base::clock;
use crate::message::{Body, Request, Response};
use crate::upstream::connect::{self, ConnectError};
use crate::upstream::limits::Permit;
use crate::upstream::{Cluster, Host};

use super::driver::{self, Open, State};
use super::{Pending, PoolError, SendError};

/// How many idle connections a checkout looks at for one that is ready. One that is not is still writing the rest of
/// a request whose response came early.
const LOOK_BACK: usize = 4;

/// The HTTP/1.1 connections of one worker to one host.
#[derive(Debug)]
pub struct Pool(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    cluster: Arc<Cluster>,
    host: Arc<Host>,
    /// Free connections, the one used last at the end.
    idle: RefCell<Vec<Connection>>,
    /// Connections there are, free or not.
    open: Cell<u32>,
    /// Requests that wait because the connection breaker is open.
    waiting: RefCell<VecDeque<oneshot::Sender<Option<Connection>>>>,
}

#[derive(Debug)]
struct Connection {
    sender: SendRequest<Body>,
    state: Rc<State>,
}

/// A whole connection, for one request.
#[derive(Debug)]
pub struct Lease {
    connection: Option<Connection>,
    pool: Rc<Shared>,
}

// === impl Pool ===

impl Pool {
    pub(super) fn new(cluster: Arc<Cluster>, host: Arc<Host>) -> Self {
        Self(Rc::new(Shared {
            cluster,
            host,
            idle: RefCell::default(),
            open: Cell::new(0),
            waiting: RefCell::default(),
        }))
    }

    pub(super) async fn checkout(&self) -> Result<Lease, PoolError> {
        let pool = &self.0;
        if let Some(connection) = pool.take_idle() {
            return Ok(pool.lease(connection));
        }
        // Boxed: it is rare, and large, and would be room in every request.
        Box::pin(self.wait_for_one()).await
    }

    /// A connection that is made for this request, or one that becomes free before.
    async fn wait_for_one(&self) -> Result<Lease, PoolError> {
        let pool = &self.0;
        let _pending = Pending::new(&pool.cluster)?;
        loop {
            if let Some(permit) = pool.may_open() {
                return pool.open(permit).await.map_err(|error| {
                    pool.cluster.stats.upstream_rq_pending_failure_eject.inc();
                    PoolError::Connect(error)
                });
            }
            let told = pool.queue();
            // Without a connection in hand, one has ended and made room for a new one.
            if let Ok(Some(connection)) = told.await {
                return Ok(pool.lease(connection));
            }
        }
    }
}

// === impl Shared ===

impl Shared {
    /// A place in the queue for a connection. Who has given up must not be kept for as long as none becomes free.
    fn queue(&self) -> oneshot::Receiver<Option<Connection>> {
        let (tell, told) = oneshot::channel();
        let mut waiting = self.waiting.borrow_mut();
        waiting.retain(|tell| !tell.is_closed());
        waiting.push_back(tell);
        told
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        idle.retain(|connection| !connection.sender.is_closed());
        let last = idle.len();
        let from = last.saturating_sub(LOOK_BACK);
        let ready = (from..last).rev().find(|index| idle[*index].sender.is_ready())?;
        Some(idle.remove(ready))
    }

    /// The right to open a connection. Every pool may have one, whatever the breaker says, as in Envoy.
    fn may_open(&self) -> Option<Permit> {
        let limit = &self.cluster.limits.connections;
        let permit = limit.take();
        if permit.is_none() {
            self.cluster.stats.upstream_cx_overflow.inc();
            if self.open.get() == 0 {
                return Some(limit.take_anyway());
            }
        }
        permit
    }

    async fn open(self: &Rc<Self>, permit: Permit) -> Result<Lease, ConnectError> {
        let socket = connect::dial(&self.cluster, &self.host).await?;
        let (open, stream) = Open::new(&self.cluster, &self.host, socket, permit);
        let (sender, connection) = Builder::new()
            .max_buf_size(driver::buffer(self.cluster.config.buffer_limit))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| ConnectError::Handshake(Arc::new(error.into())))?;
        self.open.set(self.open.get() + 1);
        let state = open.state.clone();
        let pool = Rc::downgrade(self);
        open.drive(
            connection,
            |_| 1,
            move || {
                if let Some(pool) = pool.upgrade() {
                    pool.ended();
                }
            },
        );
        Ok(self.lease(Connection { sender, state }))
    }

    /// A connection has ended: who waits for one may open another.
    fn ended(&self) {
        self.open.set(self.open.get() - 1);
        let mut waiting = self.waiting.borrow_mut();
        while let Some(tell) = waiting.pop_front() {
            if tell.send(None).is_ok() {
                break;
            }
        }
    }

    fn lease(self: &Rc<Self>, connection: Connection) -> Lease {
        connection.state.active.set(1);
        Lease { connection: Some(connection), pool: self.clone() }
    }

    fn give_back(&self, connection: Connection) {
        connection.state.active.set(0);
        connection.state.idle_since.set(clock::now());
        let most = self.cluster.config.max_requests_per_connection.map_or(u64::MAX, u64::from);
        if connection.state.requests.get() >= most {
            self.cluster.stats.upstream_cx_max_requests.inc();
            connection.state.given_up.set(true);
            return;
        }
        let mut connection = connection;
        while let Some(tell) = self.waiting.borrow_mut().pop_front() {
            match tell.send(Some(connection)) {
                Ok(()) => return,
                Err(Some(unwanted)) => connection = unwanted,
                Err(None) => return,
            }
        }
        self.idle.borrow_mut().push(connection);
    }
}

// === impl Lease ===

impl Lease {
    pub(super) async fn send(&mut self, request: Box<Request>) -> Result<Response, SendError> {
        let Some(connection) = &mut self.connection else {
            unreachable!("a lease has its connection until it is released, which consumes it");
        };
        let reused = connection.state.requests.get() > 0;
        connection.state.requests.set(connection.state.requests.get() + 1);
        // A waiter is handed a connection in the moment it becomes free, and that may be just before it is ready.
        if !connection.sender.is_ready()
            && let Err(error) = connection.sender.ready().await
        {
            return Err(SendError { unsent: Some(request), error: error.into(), reused });
        }
        let sent = connection.sender.try_send_request(*request).await;
        let response = sent.map_err(|mut error| SendError {
            unsent: error.take_message().map(Box::new),
            error: error.into_error().into(),
            reused,
        })?;
        Ok(response.map(Body::incoming))
    }

    pub(super) fn local_address(&self) -> Option<SocketAddr> {
        self.connection.as_ref()?.state.local
    }

    pub(super) fn release(mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.give_back(connection);
        }
    }
}

impl Drop for Lease {
    /// Given up: the connection is in the middle of something, so it closes.
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && !connection.sender.is_closed()
        {
            connection.state.break_off();
        }
    }
}
