//! A bare message, put into the frame of gRPC once it has come in whole.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body::Frame;

use crate::message::Body;
use crate::message::body::BodyError;
use crate::message::grpc::PREFIX;

/// Such a body.
#[derive(Debug)]
pub(super) struct Framed {
    body: Body,
    chunks: VecDeque<Bytes>,
    length: usize,
    /// How long it may be.
    most: usize,
    /// Told of one that is longer.
    too_long: Rc<Cell<bool>>,
    /// Whether it has come in whole.
    whole: bool,
}

// === impl Framed ===

impl Framed {
    pub(super) fn new(body: Body, most: usize, too_long: Rc<Cell<bool>>) -> Self {
        Self { body, chunks: VecDeque::new(), length: 0, most, too_long, whole: false }
    }

    fn end(&mut self) {
        self.whole = true;
        let mut prefix = BytesMut::with_capacity(PREFIX);
        prefix.put_u8(0);
        prefix.put_u32(u32::try_from(self.length).unwrap_or(u32::MAX));
        self.chunks.push_front(prefix.freeze());
    }
}

impl http_body::Body for Framed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        while !this.whole {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                None => this.end(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => {
                    // What may follow it is nothing that a call has.
                    let Ok(data) = frame.into_data() else { continue };
                    this.length += data.len();
                    if this.length > this.most {
                        this.too_long.set(true);
                        return Poll::Ready(Some(Err(BodyError::Malformed)));
                    }
                    this.chunks.push_back(data);
                }
            }
        }
        Poll::Ready(this.chunks.pop_front().map(Frame::data).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.whole && self.chunks.is_empty()
    }
}
