//! A request in base64, read as it comes.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use http_body::Frame;

use crate::message::Body;
use crate::message::body::BodyError;

/// So many digits are so many bytes as there can be without the next digit.
const GROUP: usize = 4;

const BAD_SIZE: &str = "grpc_base_64_decode_failed_bad_size";

/// What a body in base64 says.
#[derive(Debug)]
pub(super) struct Decoded {
    body: Body,
    /// Digits that wait for others of their group.
    held: BytesMut,
    /// Told of a body that is no base64, in Envoy's words.
    malformed: Rc<Cell<Option<&'static str>>>,
    ended: bool,
}

// === impl Decoded ===

impl Decoded {
    pub(super) fn new(body: Body, malformed: Rc<Cell<Option<&'static str>>>) -> Self {
        Self { body, held: BytesMut::new(), malformed, ended: false }
    }

    /// What all whole groups say; none if they say nothing.
    fn decode(&mut self, digits: &[u8]) -> Result<Option<Bytes>, BodyError> {
        self.held.extend_from_slice(digits);
        let groups = self.held.split_to(self.held.len() / GROUP * GROUP);
        // A message may end with padding, and another one follow.
        let mut bytes = Vec::with_capacity(groups.len() / GROUP * 3);
        let mut rest = &groups[..];
        while !rest.is_empty() {
            let padded = rest.iter().position(|digit| *digit == b'=');
            let end = padded.map_or(rest.len(), |at| (at / GROUP + 1) * GROUP);
            let (these, others) = rest.split_at(end);
            if BASE64_STANDARD.decode_vec(these, &mut bytes).is_err() {
                return Err(self.refuse("grpc_base_64_decode_failed"));
            }
            rest = others;
        }
        Ok(Some(Bytes::from(bytes)).filter(|bytes| !bytes.is_empty()))
    }

    fn refuse(&mut self, details: &'static str) -> BodyError {
        self.ended = true;
        self.malformed.set(Some(details));
        BodyError::Malformed
    }
}

impl http_body::Body for Decoded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        while !this.ended {
            let frame = match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                None if this.held.is_empty() => return Poll::Ready(None),
                None => return Poll::Ready(Some(Err(this.refuse(BAD_SIZE)))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => frame,
            };
            match frame.into_data() {
                Err(_) if !this.held.is_empty() => {
                    return Poll::Ready(Some(Err(this.refuse(BAD_SIZE))));
                }
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                Ok(digits) => match this.decode(&digits) {
                    Ok(None) => {}
                    Ok(Some(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || (self.body.is_end_stream() && self.held.is_empty())
    }
}
