//! An HTTP/1 connection that has been upgraded: no more heads, only bytes both ways.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::message::Body;
use crate::message::body::pipe::Sender;
use crate::transport::Stream;

use super::connection::End;
use super::ending::Ending;

/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// Both directions of an upgraded connection.
#[derive(Debug)]
pub(super) struct Tunnel {
    /// What the client sends: the request's body. None once nobody takes it any more.
    up: Option<Sender>,
    /// What it is sent: the response's body.
    down: Body,
    /// What of that was not taken yet.
    held: Bytes,
}

/// Carries bytes until one of both ends, or the connection has to.
pub(super) async fn run(
    ending: &mut Ending<'_>,
    mut tunnel: Box<Tunnel>,
    stream: &mut Stream,
) -> End {
    let mut by = None;
    let carry = |carried: &mut (&mut Tunnel, &mut Stream, &mut Option<End>),
                 cx: &mut Context<'_>| {
        let (tunnel, stream, by) = carried;
        tunnel.poll(cx, stream).map(|end| {
            **by = Some(end);
            Ok::<(), Infallible>(())
        })
    };
    // Who drains cannot tell a client that speaks no HTTP any more: it is cut off in the end.
    let ended = ending.watch(&mut (&mut *tunnel, stream, &mut by), carry, |_| ()).await;
    let Ok(end) = ended;
    by.unwrap_or(end)
}

// === impl Tunnel ===

impl Tunnel {
    pub(super) fn new(up: Sender, down: Body) -> Self {
        Self { up: Some(up), down, held: Bytes::new() }
    }

    /// Carries what can be carried; says whose doing it is when it ends.
    fn poll(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<End> {
        if let Poll::Ready(error) = self.poll_up(cx, stream) {
            if let Some(error) = error {
                tracing::debug!(%error, "downstream connection broke");
            }
            return Poll::Ready(End::Remote);
        }
        match ready!(self.poll_down(cx, stream)) {
            Ok(()) => Poll::Ready(End::Local),
            Err(error) => {
                tracing::debug!(%error, "downstream connection broke");
                Poll::Ready(End::Remote)
            }
        }
    }

    /// Ready when the client has gone.
    fn poll_up(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<Option<io::Error>> {
        while let Some(up) = &self.up {
            if !ready!(up.poll_ready(cx)) {
                self.up = None;
                break;
            }
            let mut chunk = [0; CHUNK];
            let mut buffer = ReadBuf::new(&mut chunk);
            if let Err(error) = ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer)) {
                return Poll::Ready(Some(error));
            }
            // HTTP/1 knows no half of a connection: who ends his side is gone, as Envoy sees it.
            if buffer.filled().is_empty() {
                return Poll::Ready(None);
            }
            up.send(Bytes::copy_from_slice(buffer.filled()));
        }
        Poll::Pending
    }

    /// Ready when there is nothing more for the client.
    fn poll_down(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<io::Result<()>> {
        loop {
            while !self.held.is_empty() {
                match ready!(Pin::new(&mut *stream).poll_write(cx, &self.held))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    written => drop(self.held.split_to(written)),
                }
            }
            match ready!(Pin::new(&mut self.down).poll_frame(cx)) {
                Some(Ok(frame)) => self.held = frame.into_data().unwrap_or_default(),
                Some(Err(_)) | None => return Poll::Ready(Ok(())),
            }
        }
    }
}
