//! An upstream in this process, which answers as a test tells it and remembers what it was asked.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Version,
    body::Incoming,
    header::{HeaderName, HeaderValue},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
    time::timeout,
};

use crate::error::BoxError;

/// An upstream that is not started yet. As made by [`origin`], it answers 200 without a body, over HTTP/1.1 and HTTP/2.
#[derive(Debug, Clone)]
pub struct OriginPlan {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
    trailers: HeaderMap,
    delay: Duration,
    breaks_off: bool,
    paths: Vec<(&'static str, Self)>,
}

/// A started upstream. Dropping it closes its socket and its connections.
#[derive(Debug)]
pub struct Origin {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    _task: JoinSet<()>,
}

/// An address that never answers a connection attempt. Dropping it frees the address.
#[derive(Debug)]
pub struct Blackhole {
    address: SocketAddr,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

/// A request as an origin received it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Its path and query.
    pub target: String,
    /// The version it came in.
    pub version: Version,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// The fields after its body.
    pub trailers: HeaderMap,
}

/// What a started origin answers with.
#[derive(Debug, Clone)]
enum Body {
    Fixed(Bytes),
    Echo,
    /// These bytes in place of a response, and then the end of the connection.
    Raw(Vec<u8>),
    /// A reset in place of a response.
    Reset,
}

/// An upstream to be described and started.
pub fn origin() -> OriginPlan {
    OriginPlan {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: Body::Fixed(Bytes::new()),
        trailers: HeaderMap::new(),
        delay: Duration::ZERO,
        breaks_off: false,
        paths: Vec::new(),
    }
}

/// Makes an address that never answers a connection attempt: somebody listens and accepts nobody, and the queue is full.
///
/// # Errors
/// Those of the system.
pub async fn blackhole() -> io::Result<Blackhole> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let listener = socket.listen(1)?;
    let address = listener.local_addr()?;
    let mut waiting = Vec::new();
    while let Ok(connected) = timeout(UNANSWERED, TcpStream::connect(address)).await {
        waiting.push(connected?);
    }
    Ok(Blackhole { address, _listener: listener, _waiting: waiting })
}

/// On loopback, a connection that is not made by then is not made before the system tries again, a second later.
const UNANSWERED: Duration = Duration::from_millis(300);

// === impl Blackhole ===

impl Blackhole {
    /// The address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

// === impl OriginPlan ===

impl OriginPlan {
    /// Answers with this status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Answers with this header field, among others.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    /// Answers with this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Body::Fixed(body.into());
        self
    }

    /// Answers with the request's body.
    #[must_use]
    pub fn echo(mut self) -> Self {
        self.body = Body::Echo;
        self
    }

    /// Sends this field after the body, among others.
    #[must_use]
    pub fn trailer(mut self, name: &'static str, value: &'static str) -> Self {
        self.trailers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    /// Waits this long before it answers.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Breaks the response off after its body: over HTTP/2 by a reset.
    #[must_use]
    pub fn breaks_off(mut self) -> Self {
        self.breaks_off = true;
        self
    }

    /// Answers requests of this path, whatever its query, as another plan says.
    #[must_use]
    pub fn path(mut self, path: &'static str, plan: Self) -> Self {
        self.paths.push((path, plan));
        self
    }

    fn of(&self, path: &str) -> &Self {
        self.paths.iter().find(|(known, _)| *known == path).map_or(self, |(_, plan)| plan)
    }

    /// Answers the first bytes of a request with these bytes, and ends the connection.
    #[must_use]
    pub fn raw(mut self, answer: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Raw(answer.into());
        self
    }

    /// Resets the connection at the first bytes of a request.
    #[must_use]
    pub fn reset(mut self) -> Self {
        self.body = Body::Reset;
        self
    }

    /// Starts it on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn start(self) -> io::Result<Origin> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let seen = Arc::default();
        let mut task = JoinSet::new();
        task.spawn(accept(listener, Arc::new(self), Arc::clone(&seen)));
        Ok(Origin { address, seen, _task: task })
    }
}

// === impl Origin ===

impl Origin {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was asked so far, whole requests only.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accept(listener: TcpListener, plan: Arc<OriginPlan>, seen: Arc<Mutex<Vec<Seen>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _peer)) = listener.accept().await {
        // A connection that fails is the proxy's to notice; what it makes of it is what tests look at.
        connections.spawn(serve(stream, Arc::clone(&plan), Arc::clone(&seen)));
    }
}

async fn serve(mut stream: TcpStream, plan: Arc<OriginPlan>, seen: Arc<Mutex<Vec<Seen>>>) {
    match &plan.body {
        Body::Raw(answer) => drop(answer_raw(&mut stream, answer).await),
        Body::Reset => drop(reset(stream).await),
        Body::Fixed(_) | Body::Echo => {
            let service =
                service_fn(|request| answer(request, Arc::clone(&plan), Arc::clone(&seen)));
            drop(
                auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        }
    }
}

async fn answer_raw(stream: &mut TcpStream, answer: &[u8]) -> io::Result<()> {
    stream.read_buf(&mut Vec::new()).await?;
    stream.write_all(answer).await?;
    stream.shutdown().await
}

async fn reset(mut stream: TcpStream) -> io::Result<()> {
    stream.read_buf(&mut Vec::new()).await?;
    stream.set_zero_linger()
}

async fn answer(
    request: Request<Incoming>,
    plan: Arc<OriginPlan>,
    seen: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<BoxBody<Bytes, BoxError>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let plan = plan.of(head.uri.path());
    let collected = body.collect().await?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let asked = Seen {
        method: head.method,
        target: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        version: head.version,
        headers: head.headers,
        body: collected.to_bytes(),
        trailers,
    };
    let body = match &plan.body {
        Body::Echo => asked.body.clone(),
        Body::Fixed(fixed) => fixed.clone(),
        Body::Raw(_) | Body::Reset => Bytes::new(),
    };
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    tokio::time::sleep(plan.delay).await;
    let body = Full::new(body).map_err(|never| match never {});
    let mut response = if plan.breaks_off {
        let broken = async { Some(Err("it breaks off".into())) };
        Response::new(body.with_trailers(broken).boxed())
    } else if plan.trailers.is_empty() {
        Response::new(body.boxed())
    } else {
        let trailers = plan.trailers.clone();
        Response::new(body.with_trailers(async move { Some(Ok(trailers)) }).boxed())
    };
    *response.status_mut() = plan.status;
    response.headers_mut().extend(plan.headers.clone());
    Ok(response)
}
