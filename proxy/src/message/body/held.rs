//! A body that somebody has held until it was whole.

use std::collections::VecDeque;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

/// What there is of it still.
#[derive(Debug)]
pub(super) struct Held {
    chunks: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
}

// === impl Held ===

impl Held {
    pub(super) fn new(chunks: VecDeque<Bytes>, trailers: Option<HeaderMap>) -> Self {
        Self { chunks, trailers }
    }

    pub(super) fn next(&mut self) -> Option<Frame<Bytes>> {
        let data = self.chunks.pop_front().map(Frame::data);
        data.or_else(|| self.trailers.take().map(Frame::trailers))
    }

    pub(super) fn drop_trailers(&mut self) {
        self.trailers = None;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.trailers.is_none()
    }

    pub(super) fn len(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.len() as u64).sum()
    }
}
