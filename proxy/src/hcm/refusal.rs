//! Answers what the HTTP/1 codec cannot parse in Envoy's words.
//!
//! hyper answers a request that it cannot parse by itself, before anybody of ours hears of it. Its answer is always
//! the same few bytes, which no answer of ours can be, since ours have a `date`. They are replaced on their way out.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::message::local_reply::LocalReply;
use crate::message::{Response, date};
use crate::transport::Stream;

use super::Hcm;
use super::connection::Connection;
use super::finish;

/// What hyper says, the details under which Envoy logs it, and the status that Envoy answers.
const AUTOMATIC: [(&[u8], StatusCode, &str); 3] = [
    (
        b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        StatusCode::BAD_REQUEST,
        "http1.codec_error",
    ),
    (
        b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "http1.headers_too_large",
    ),
    (
        b"HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "http1.headers_too_large",
    ),
];

/// How all automatic answers end: a cheap look before the close one.
const END_OF_AUTOMATIC: &[u8] = b"connection: close\r\ncontent-length: 0\r\n\r\n";

/// A stream whose automatic answers become ours.
#[derive(Debug)]
pub(super) struct Refusing {
    stream: Stream,
    hcm: Rc<Hcm>,
    connection: Rc<Connection>,
    /// What stands in for an automatic answer and is not written whole yet, and how much of hyper's bytes it is for.
    instead: Option<(Vec<u8>, usize)>,
}

// === impl Refusing ===

impl Refusing {
    pub(super) fn new(stream: Stream, hcm: Rc<Hcm>, connection: Rc<Connection>) -> Self {
        Self { stream, hcm, connection, instead: None }
    }

    /// The stream itself, for what is not HTTP any more.
    pub(super) fn into_stream(self) -> Stream {
        self.stream
    }

    /// Puts our answer in the place of hyper's, if `bytes` end in one.
    fn replace(&mut self, bytes: &[u8]) {
        for (automatic, status, details) in AUTOMATIC {
            let Some(before) = bytes.strip_suffix(automatic) else { continue };
            let reply = LocalReply::codec_error(status, details);
            let mut instead = before.to_vec();
            let reply = finish::refused(&self.hcm, &self.connection, reply);
            instead.extend_from_slice(&head_and_body(reply, &self.hcm));
            self.connection.close_soon();
            self.instead = Some((instead, bytes.len()));
            return;
        }
    }

    /// hyper answers in the version of the request; a version that is not accepted is answered in ours.
    fn raise_version(&mut self, bytes: &[u8]) {
        if let Some(rest) = bytes.strip_prefix(b"HTTP/1.0") {
            self.instead = Some(([b"HTTP/1.1", rest].concat(), bytes.len()));
        }
    }

    /// Writes what stands in for an automatic answer; then says for how many bytes of hyper's it was.
    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<usize>>> {
        while let Some((instead, length)) = &mut self.instead {
            if instead.is_empty() {
                let length = *length;
                self.instead = None;
                return Poll::Ready(Some(Ok(length)));
            }
            match ready!(Pin::new(&mut self.stream).poll_write(cx, instead)) {
                Ok(0) => return Poll::Ready(Some(Err(io::ErrorKind::WriteZero.into()))),
                Ok(written) => drop(instead.drain(..written)),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        Poll::Ready(None)
    }
}

/// The bytes of a reply on HTTP/1.1.
pub(super) fn head_and_body(mut reply: Response, hcm: &Hcm) -> Vec<u8> {
    let body = reply.body_mut().take_full();
    let mut bytes = format!("HTTP/1.1 {}\r\n", reply.status()).into_bytes();
    for (name, value) in reply.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"date: ");
    bytes.extend_from_slice(date::now().as_bytes());
    bytes.extend_from_slice(b"\r\nserver: ");
    bytes.extend_from_slice(hcm.server.as_bytes());
    bytes.extend_from_slice(b"\r\nconnection: close\r\n\r\n");
    bytes.extend_from_slice(&body);
    bytes
}

impl AsyncRead for Refusing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.connection.bytes_came(&buffer.filled()[before..]);
        }
        polled
    }
}

impl AsyncWrite for Refusing {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.instead.is_none() {
            if bytes.ends_with(END_OF_AUTOMATIC) {
                self.replace(bytes);
            } else if self.connection.take_version_refused() {
                self.raise_version(bytes);
            }
        }
        if self.instead.is_some()
            && let Some(written) = ready!(self.poll_instead(cx))
        {
            return Poll::Ready(written);
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let automatic = slices.last().is_some_and(|last| last.ends_with(END_OF_AUTOMATIC));
        if self.instead.is_some() || automatic || self.connection.is_version_refused() {
            let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            return self.poll_write(cx, &bytes);
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
