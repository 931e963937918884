//! One exchange with everything that the comfortable client hides: trailers, and the version on the wire.

use std::{io, net::SocketAddr};

use bytes::Bytes;
use http_body_util::{BodyExt, combinators::BoxBody};
use hyper::{
    HeaderMap, Request, Response,
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, task::JoinSet};

use crate::error::BoxError;

/// Which version a connection speaks, known beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http {
    /// HTTP/1.1.
    One,
    /// HTTP/2 with prior knowledge.
    Two,
}

/// A whole response with its trailers.
#[derive(Debug, Clone)]
pub struct StreamReply {
    /// Its status code.
    pub status: u16,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// The fields after the body; empty if there were none.
    pub trailers: HeaderMap,
}

/// Sends one request on a connection of its own, and reads the whole response.
///
/// # Errors
/// If the connection cannot be made or no whole response comes.
pub async fn exchange(
    address: SocketAddr,
    http: Http,
    request: Request<BoxBody<Bytes, io::Error>>,
) -> Result<StreamReply, BoxError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let stream = TokioIo::new(stream);
    // Dropped with the connection in it, at the end.
    let mut driver = JoinSet::new();
    match http {
        Http::One => {
            let (mut sender, connection) = http1::handshake(stream).await?;
            driver.spawn(connection);
            whole(sender.send_request(request).await?).await
        }
        Http::Two => {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            driver.spawn(connection);
            whole(sender.send_request(request).await?).await
        }
    }
}

async fn whole(response: Response<Incoming>) -> Result<StreamReply, BoxError> {
    let (head, body) = response.into_parts();
    let collected = body.collect().await?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    Ok(StreamReply {
        status: head.status.as_u16(),
        headers: head.headers,
        body: collected.to_bytes(),
        trailers,
    })
}
