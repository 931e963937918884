//! A body that comes over HTTP/2.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http_body::{Body, Frame, SizeHint};

/// The receiving half of a stream.
///
/// What is taken out of it is room that the peer gets back: whoever reads slowly slows the peer down.
#[derive(Debug)]
pub(super) struct Received {
    stream: RecvStream,
    /// What `content-length` says is still to come.
    left: Option<u64>,
    /// Whether only trailers can still come.
    data_done: bool,
}

// === impl Received ===

impl Received {
    pub(super) fn new(stream: RecvStream, length: Option<u64>) -> Self {
        Self { stream, left: length, data_done: false }
    }

    fn take(&mut self, data: Bytes) -> Result<Frame<Bytes>, h2::Error> {
        self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
        self.stream.flow_control().release_capacity(data.len())?;
        Ok(Frame::data(data))
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        while !self.data_done {
            match ready!(self.stream.poll_data(cx)) {
                // An empty one carries nothing but, perhaps, the end.
                Some(Ok(data)) if data.is_empty() => {}
                Some(data) => return Poll::Ready(Some(data.and_then(|data| self.take(data)))),
                None => self.data_done = true,
            }
        }
        let trailers = ready!(self.stream.poll_trailers(cx)).transpose();
        Poll::Ready(trailers.map(|trailers| trailers.map(Frame::trailers)))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
