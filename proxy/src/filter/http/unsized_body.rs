//! A body whose length its head does not tell, so that it is sent in chunks.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;

use crate::message::Body;
use crate::message::body::BodyError;

/// Such a body.
#[derive(Debug)]
pub(super) struct Unsized(Body);

// === impl Unsized ===

impl Unsized {
    /// The same body, if there is one, without its length.
    pub(super) fn of(body: Body) -> Body {
        if body.is_empty() { body } else { Body::wrapped(Box::pin(Self(body))) }
    }
}

impl http_body::Body for Unsized {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}
