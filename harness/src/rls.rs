//! A rate limit service (`envoy.service.ratelimit.v3`) in this process, which answers as a test tells it and remembers what it
//! was asked.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Request, Response, body::Incoming, header::HeaderValue, server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};

mod message;
mod rule;

pub use self::message::{
    Code, Descriptor, DescriptorStatus, Entry, Header, Limit, LimitRequest, LimitResponse, Seconds,
};
pub use self::rule::Rule;

use self::rule::Counts;

/// A rate limit service that runs. Dropping it closes its socket and its connections.
#[derive(Debug)]
pub struct Rls {
    address: SocketAddr,
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

/// What it answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// This.
    Response(LimitResponse),
    /// Over the limit if any descriptor has an entry like this one; otherwise within it.
    OverIf(Entry),
    /// Over the limit if one of these rules says so, by how often was asked; otherwise within it.
    Limits(Vec<Rule>),
    /// A status of gRPC that is no success.
    Status(u8),
    /// A message that is none.
    Garbage,
    /// Nothing, for so long; then that all is well.
    Late(Duration),
}

/// A question as it was received.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The path of the method.
    pub path: String,
    /// Its header fields.
    pub headers: HeaderMap,
    /// The message.
    pub request: LimitRequest,
}

#[derive(Debug)]
struct Shared {
    answer: Mutex<Answer>,
    asked: Mutex<Vec<Asked>>,
    /// Told of each question.
    told: Notify,
    counts: Mutex<Counts>,
}

// === impl Rls ===

impl Rls {
    /// Starts one on a free port of 127.0.0.1, which finds all requests within their limits.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn start() -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// The same at that address.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn start_at(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let answer = Mutex::new(Answer::code(Code::Ok));
        let shared = Shared {
            answer,
            asked: Mutex::default(),
            told: Notify::new(),
            counts: Mutex::default(),
        };
        let shared = Arc::new(shared);
        let mut task = JoinSet::new();
        task.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, _task: task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers so from now on.
    pub fn answer(&self, answer: Answer) {
        *lock(&self.shared.answer) = answer;
    }

    /// Waits for the question of that number, from zero.
    pub async fn question(&self, number: usize) -> Asked {
        loop {
            let told = self.shared.told.notified();
            if let Some(asked) = lock(&self.shared.asked).get(number) {
                return asked.clone();
            }
            told.await;
        }
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.asked).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _peer)) = listener.accept().await {
        // A connection that fails is the proxy's to notice.
        connections.spawn(serve(stream, Arc::clone(&shared)));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| reply(request, Arc::clone(&shared)));
    let connection =
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
    drop(connection.await);
}

type Reply = Response<http_body_util::combinators::BoxBody<Bytes, Infallible>>;

async fn reply(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Reply, hyper::Error> {
    let (head, body) = request.into_parts();
    let mut body = body.collect().await?.to_bytes();
    // A flag and the length stand before the message.
    body.advance(body.len().min(PREFIX));
    // What cannot be understood is remembered as a question about nothing.
    let request = LimitRequest::decode(body).unwrap_or_default();
    lock(&shared.asked).push(Asked {
        path: head.uri.path().to_owned(),
        headers: head.headers,
        request: request.clone(),
    });
    shared.told.notify_waiters();
    let answer = lock(&shared.answer).clone();
    Ok(match answer {
        Answer::Response(response) => framed(&response.encode_to_vec()),
        Answer::OverIf(entry) => {
            let mut entries = request.descriptors.iter().flat_map(|one| &one.entries);
            let code = if entries.any(|one| *one == entry) { Code::OverLimit } else { Code::Ok };
            framed(&response(code).encode_to_vec())
        }
        Answer::Limits(rules) => {
            let mut counts = lock(&shared.counts);
            framed(&rule::answer(&rules, &request, &mut counts, Instant::now()).encode_to_vec())
        }
        Answer::Status(status) => ended(Bytes::new(), status),
        Answer::Garbage => framed(&[0xff; 4]),
        Answer::Late(time) => {
            tokio::time::sleep(time).await;
            framed(&response(Code::Ok).encode_to_vec())
        }
    })
}

const PREFIX: usize = 5;

fn response(code: Code) -> LimitResponse {
    LimitResponse { overall_code: code.into(), ..LimitResponse::default() }
}

fn framed(message: &[u8]) -> Reply {
    let mut bytes = BytesMut::with_capacity(PREFIX + message.len());
    bytes.put_u8(0);
    bytes.put_u32(message.len().try_into().unwrap_or(u32::MAX));
    bytes.put_slice(message);
    ended(bytes.freeze(), 0)
}

fn ended(body: Bytes, status: u8) -> Reply {
    let trailers = HeaderMap::from_iter([(
        hyper::header::HeaderName::from_static("grpc-status"),
        HeaderValue::from(u16::from(status)),
    )]);
    let body = Full::new(body).with_trailers(async move { Some(Ok(trailers)) });
    let mut reply = Response::new(body.boxed());
    let kind = HeaderValue::from_static("application/grpc");
    reply.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    reply
}

// === impl Answer ===

impl Answer {
    /// That code, and nothing else.
    pub fn code(code: Code) -> Self {
        Self::Response(response(code))
    }
}
