//! HTTP/1.1 connections: each carries one request at a time.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::Uri;
use http::header::HOST;
use http_body::Frame;
use hyper::client::conn::http1::{self as client, Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;

use crate::base::{clock, task};
use crate::message::body::BodyError;
use crate::message::upgrade::{Given, Upgrade};
use crate::message::{Body, Request, Response};
use crate::stream_info::Tls;
use crate::transport::Stream;
use crate::upstream::connect::ConnectError;
use crate::upstream::tunnel;

use super::driver::{self, Open, State, Upgraded};
use super::opening::{Occupied, Opener};
use super::waiting::Waiting;
use super::{PoolError, SendError};

/// How many idle connections a checkout looks at for one that is ready. One that is not is still writing the rest of
/// a request whose response came early.
const LOOK_BACK: usize = 4;

/// The HTTP/1.1 connections of one worker to one host.
#[derive(Debug)]
pub struct Pool(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    opener: Opener,
    /// Free connections, the one used last at the end.
    idle: RefCell<Vec<Connection>>,
    /// Requests that wait for one that is made, or becomes free.
    waiting: Waiting<Lease>,
    /// How many are being made.
    connecting: Cell<usize>,
    /// Whether the host is gone: no connection is kept any more.
    retired: Cell<bool>,
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

/// A body that broke off at once.
struct Broken;

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(Some(Err(BodyError::Closed)))
    }
}

/// The stream of a connection that speaks HTTP no more.
fn into_stream(connection: client::Connection<TokioIo<Stream>, Body>) -> Option<Stream> {
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner();
    stream.put_back(parts.read_buf.to_vec());
    Some(stream)
}

// === impl Pool ===

impl Pool {
    pub(super) fn new(opener: Opener) -> Self {
        Self(Rc::new(Shared {
            opener,
            idle: RefCell::default(),
            waiting: Waiting::new(),
            connecting: Cell::new(0),
            retired: Cell::new(false),
        }))
    }

    pub(super) fn opener(&self) -> &Opener {
        &self.0.opener
    }

    /// Closes the connections that are free.
    pub(super) fn drain(&self) {
        for connection in self.0.idle.borrow_mut().drain(..) {
            connection.state.given_up.set(true);
        }
    }

    /// Closes the connections that are free, and each other one when its request has ended.
    pub(super) fn retire(&self) {
        self.0.retired.set(true);
        self.drain();
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
    pub(super) async fn wait_for_one(&self) -> Result<Lease, PoolError> {
        let pool = &self.0;
        let (_entry, pending) = pool.opener.pending()?;
        let place = pool.waiting.queue(Lease::release);
        pool.grow();
        let told = place.wait().await;
        pending.settle();
        told.map_err(|error| {
            pool.opener.cluster.stats.upstream_rq_pending_failure_eject.inc();
            PoolError::Connect(error)
        })
    }
}

// === impl Shared ===

impl Shared {
    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        let last = idle.len();
        let from = last.saturating_sub(LOOK_BACK);
        let ready = (from..last).rev().find(|index| idle[*index].is_ready())?;
        Some(idle.remove(ready))
    }

    /// Begins to make a connection for each request that waits, as far as the breakers let us.
    fn grow(self: &Rc<Self>) {
        while self.waiting.len() > self.connecting.get() {
            let Some(occupied) = self.opener.may_open() else { return };
            self.connecting.set(self.connecting.get() + 1);
            let pool = self.clone();
            // It is for whoever has waited longest when it is there, and goes on if somebody gives up.
            task::spawn(async move {
                let opened = pool.open(occupied).await;
                pool.connecting.set(pool.connecting.get() - 1);
                match opened {
                    Ok(connection) => pool.provide(connection),
                    Err(error) => pool.waiting.fail(&error),
                }
            });
        }
    }

    async fn open(self: &Rc<Self>, occupied: Occupied) -> Result<Connection, ConnectError> {
        let Opener { cluster, host, .. } = &self.opener;
        let socket = self.opener.dial().await?;
        let (open, stream) = Open::new(cluster, host, socket, occupied);
        let (sender, connection) = Builder::new()
            .max_buf_size(driver::buffer(cluster.config.buffer_limit))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| ConnectError::Handshake(Arc::new(error.into())))?;
        let state = open.state.clone();
        let pool = Rc::downgrade(self);
        open.drive(connection, (|_| 1, into_stream), move || {
            if let Some(pool) = pool.upgrade() {
                pool.idle.borrow_mut().retain(|one| !one.sender.is_closed());
                // Who waits for one may have another made.
                pool.grow();
            }
        });
        Ok(Connection { sender, state })
    }

    fn lease(self: &Rc<Self>, connection: Connection) -> Lease {
        connection.state.active.set(1);
        Lease { connection: Some(connection), pool: self.clone() }
    }

    /// Gives a connection that is free to who waits, or keeps it.
    fn provide(self: &Rc<Self>, connection: Connection) {
        if self.waiting.is_empty() {
            self.idle.borrow_mut().push(connection);
            return;
        }
        let Some(mut unwanted) = self.waiting.give(self.lease(connection)) else { return };
        let Some(connection) = unwanted.connection.take() else { return };
        connection.state.active.set(0);
        connection.state.idle_since.set(clock::now());
        self.idle.borrow_mut().push(connection);
    }

    fn give_back(self: &Rc<Self>, connection: Connection) {
        connection.state.active.set(0);
        connection.state.idle_since.set(clock::now());
        let cluster = &self.opener.cluster;
        let most = cluster.config.max_requests_per_connection.map_or(u64::MAX, u64::from);
        if connection.state.requests.get() >= most {
            cluster.stats.upstream_cx_max_requests.inc();
            connection.state.given_up.set(true);
        } else if self.retired.get() && self.waiting.is_empty() {
            connection.state.given_up.set(true);
        } else if !connection.state.leaves() {
            self.provide(connection);
            // Envoy tries for the others who wait, too, and counts that it may not.
            self.grow();
        }
    }
}

// === impl Connection ===

impl Connection {
    /// Whether it takes a request now. One that has ended does not.
    fn is_ready(&self) -> bool {
        self.sender.is_ready() && !self.state.leaves()
    }

    async fn send(&mut self, request: Box<Request>) -> Result<Response, SendError> {
        let reused = self.state.requests.get() > 0;
        self.state.requests.set(self.state.requests.get() + 1);
        // A waiter is handed a connection in the moment it becomes free, and that may be just before it is ready.
        if !self.sender.is_ready()
            && let Err(error) = self.sender.ready().await
        {
            return Err(SendError { unsent: Some(request), error: error.into(), reused });
        }
        let request = request.map(|body| body.paced(&self.state.pace));
        let sent = self.sender.try_send_request(request).await;
        let response = sent.map_err(|mut error| SendError {
            unsent: error.take_message().map(Box::new),
            error: error.into_error().into(),
            reused,
        })?;
        Ok(response.map(Body::incoming))
    }

    /// Sends a request that asks for the connection itself. If it gets it, what its body brings is sent then.
    /// Says whether it got it.
    async fn upgrade(&mut self, request: Request) -> Result<(Response, bool), SendError> {
        let (mut parts, body) = request.into_parts();
        let Some(upgrade) = parts.extensions.remove::<Upgrade>() else {
            let response = self.send(Box::new(Request::from_parts(parts, body))).await?;
            return Ok((response, false));
        };
        if upgrade.is_connect()
            && let Some(host) = parts.headers.get(HOST)
            && let Ok(uri) = Uri::try_from(host.as_bytes())
        {
            parts.uri = uri;
        }
        let (tell, told) = oneshot::channel();
        self.state.upgrade.replace(Some(tell));
        let sent = self.send(Box::new(Request::from_parts(parts, Body::empty()))).await;
        let response = match sent {
            Ok(response) => response,
            Err(SendError { unsent, error, reused }) => {
                let unsent = unsent.map(|request| {
                    let mut request = request.map(|_empty| body);
                    request.extensions_mut().insert(upgrade);
                    Box::new(request)
                });
                return Err(SendError { unsent, error, reused });
            }
        };
        if !upgrade.is_given_by(response.status()) {
            self.state.upgrade.take();
            return Ok((response, false));
        }
        let (mut head, _empty) = response.into_parts();
        // A connection that ends in this very moment leaves nobody to read from.
        let body = match told.await {
            Ok(Upgraded { stream, books }) => tunnel::open(stream, books, body),
            Err(_gone) => Body::other(Broken),
        };
        head.extensions.insert(Given);
        Ok((Response::from_parts(head, body), true))
    }
}

// === impl Lease ===

impl Lease {
    pub(super) async fn send(&mut self, request: Box<Request>) -> Result<Response, SendError> {
        let Some(connection) = &mut self.connection else {
            unreachable!("a lease has its connection until it is released, which consumes it");
        };
        if request.extensions().get::<Upgrade>().is_some() {
            // Boxed: it is rare, and would be room in every request.
            let (response, is_spent) = Box::pin(connection.upgrade(*request)).await?;
            if is_spent {
                self.connection = None;
            }
            return Ok(response);
        }
        connection.send(request).await
    }

    pub(super) fn local_address(&self) -> Option<SocketAddr> {
        self.connection.as_ref()?.state.local
    }

    pub(super) fn tls(&self) -> Option<Rc<Tls>> {
        self.connection.as_ref()?.state.tls.clone()
    }

    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = &self.connection.as_ref()?.state;
        (state.requests.get() > 0).then(|| state.idle_since.get())
    }

    pub(super) fn is_spent(&self) -> bool {
        self.connection.is_none()
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
