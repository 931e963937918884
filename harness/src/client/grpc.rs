//! Calls of gRPC over HTTP/2, frame by frame: a test sees what came when, and what stood after it.

use std::{io, net::SocketAddr, pin::Pin};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http_body_util::{
    BodyExt as _,
    channel::{Channel, Sender},
};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Frame, Incoming},
    client::conn::http2,
    header::{HeaderName, HeaderValue},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, task::JoinSet};

use crate::error::BoxError;

/// A connection for calls.
#[derive(Debug)]
pub struct Caller {
    sender: http2::SendRequest<Channel<Bytes, io::Error>>,
    authority: String,
    /// Dropped with the connection in it, at the end.
    _driver: JoinSet<hyper::Result<()>>,
}

/// What brings the head of a response.
type Head = dyn Future<Output = hyper::Result<Response<Incoming>>>;

/// One call.
pub struct Call {
    requests: Option<Sender<Bytes, io::Error>>,
    head: Option<Pin<Box<Head>>>,
    response: Option<Response<Incoming>>,
    received: BytesMut,
    trailers: HeaderMap,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its messages.
    pub messages: Vec<Bytes>,
    /// `grpc-status`, of the trailers or else of the head.
    pub status: Option<String>,
    /// `grpc-message`, of the same.
    pub message: Option<String>,
    /// Whether the status was in the head.
    pub in_head: bool,
}

/// How many frames of a request may wait to be sent.
const WAITING: usize = 16;

/// A flag and the length stand before each message.
const PREFIX: usize = 5;

/// A message as it is on the wire.
pub fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).expect("a test's messages are short"));
    frame.put_slice(message);
    frame.freeze()
}

// === impl Caller ===

impl Caller {
    /// Connects.
    ///
    /// # Errors
    /// If nobody takes the connection.
    pub async fn connect(address: SocketAddr) -> Result<Self, BoxError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = handshake.await?;
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        Ok(Self { sender, authority: address.to_string(), _driver: driver })
    }

    /// Begins a call of `/service/method`, with these headers beside those that every call has.
    ///
    /// # Errors
    /// If the connection takes none.
    ///
    /// # Panics
    /// If a header is none.
    pub async fn call(
        &mut self,
        method: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Call, BoxError> {
        self.sender.ready().await?;
        let (requests, body) = Channel::new(WAITING);
        let mut request = Request::post(format!("http://{}{method}", self.authority))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(body)?;
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a test's headers are text");
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        let head = Box::pin(self.sender.send_request(request));
        Ok(Call {
            requests: Some(requests),
            head: Some(head),
            response: None,
            received: BytesMut::new(),
            trailers: HeaderMap::new(),
        })
    }

    /// A call of one message.
    ///
    /// # Errors
    /// If no whole response comes.
    pub async fn unary(
        &mut self,
        method: &str,
        headers: &[(&'static str, &str)],
        message: &[u8],
    ) -> Result<Outcome, BoxError> {
        let mut call = self.call(method, headers).await?;
        call.send(message).await?;
        call.finish();
        call.outcome().await
    }
}

// === impl Call ===

impl Call {
    /// Sends a message.
    ///
    /// # Errors
    /// If the request has ended.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), BoxError> {
        self.send_raw(framed(message)).await
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// If the request has ended.
    pub async fn send_raw(&mut self, bytes: Bytes) -> Result<(), BoxError> {
        let requests = self.requests.as_mut().ok_or("the request has ended")?;
        Ok(requests.send(Frame::data(bytes)).await?)
    }

    /// Ends the request.
    pub fn finish(&mut self) {
        self.requests = None;
    }

    /// Waits for the head of the response.
    ///
    /// # Errors
    /// If none comes.
    pub async fn head(&mut self) -> Result<(StatusCode, &HeaderMap), BoxError> {
        if let Some(head) = self.head.take() {
            self.response = Some(head.await?);
        }
        let response = self.response.as_ref().ok_or("there was no response")?;
        Ok((response.status(), response.headers()))
    }

    /// Waits for the next message; none once there is no other.
    ///
    /// # Errors
    /// If the response breaks off.
    pub async fn message(&mut self) -> Result<Option<Bytes>, BoxError> {
        self.head().await?;
        let response = self.response.as_mut().ok_or("there was no response")?;
        loop {
            if let Some(message) = cut(&mut self.received) {
                return Ok(Some(message));
            }
            match response.body_mut().frame().await.transpose()? {
                None if self.received.is_empty() => return Ok(None),
                None => return Err(format!("half a message: {:?}", self.received).into()),
                Some(frame) => match frame.into_data() {
                    Ok(data) => self.received.extend_from_slice(&data),
                    Err(frame) => self.trailers = frame.into_trailers().unwrap_or_default(),
                },
            }
        }
    }

    /// Reads the response to its end.
    ///
    /// # Errors
    /// If it breaks off.
    pub async fn outcome(mut self) -> Result<Outcome, BoxError> {
        let mut messages = Vec::new();
        while let Some(message) = self.message().await? {
            messages.push(message);
        }
        let (_, head) = self.head().await?;
        let in_head = head.contains_key("grpc-status");
        let head = head.clone();
        let fields = if in_head { &head } else { &self.trailers };
        let text = |name| fields.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        Ok(Outcome {
            messages,
            status: text("grpc-status").map(Into::into),
            message: text("grpc-message").map(Into::into),
            in_head,
        })
    }
}

/// Takes the first message out of what has come, if it is there in whole.
fn cut(received: &mut BytesMut) -> Option<Bytes> {
    let mut prefix = received.get(..PREFIX)?;
    prefix.advance(1);
    let length = prefix.get_u32() as usize;
    if received.len() < PREFIX + length {
        return None;
    }
    received.advance(PREFIX);
    Some(received.split_to(length).freeze())
}
