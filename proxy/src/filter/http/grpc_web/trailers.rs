//! A response with its trailers in its body, and the whole in base64 if the client wants that.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Frame;

use crate::message::Body;
use crate::message::body::BodyError;
use crate::message::grpc::{Frames, PREFIX};

use super::CallStats;

/// The flag of the frame that has trailers.
const TRAILERS: u8 = 0x80;

/// So many bytes are digits without padding.
const GROUP: usize = 3;

/// A response as a browser gets it.
#[derive(Debug)]
pub(super) struct Encoded {
    body: Body,
    /// What makes text of it, if it is to be text.
    text: Option<Text>,
    stats: Option<Arc<CallStats>>,
    ended: bool,
}

/// Makes text of frames, each with padding at its end.
#[derive(Debug, Default)]
struct Text {
    frames: Frames,
    /// Bytes that wait for others of their group.
    held: BytesMut,
}

// === impl Encoded ===

impl Encoded {
    pub(super) fn new(body: Body, text: bool, stats: Option<Arc<CallStats>>) -> Self {
        Self { body, text: text.then(Text::default), stats, ended: false }
    }
}

/// Trailers as the last frame of a body.
fn framed(trailers: &HeaderMap) -> Bytes {
    let mut lines = BytesMut::new();
    for (name, value) in trailers {
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.put_u8(b':');
        lines.extend_from_slice(value.as_bytes());
        lines.extend_from_slice(b"\r\n");
    }
    let mut frame = BytesMut::with_capacity(PREFIX + lines.len());
    frame.put_u8(TRAILERS);
    frame.put_u32(u32::try_from(lines.len()).unwrap_or(u32::MAX));
    frame.extend_from_slice(&lines);
    frame.freeze()
}

// === impl Text ===

impl Text {
    /// The digits of what has come so far, as far as they do not depend on what follows. Parts of a frame need not wait
    /// for the rest of it, so that no frame is held.
    fn encode(&mut self, mut data: &[u8]) -> Bytes {
        let mut digits = String::with_capacity(data.len() / GROUP * 4 + 8);
        while !data.is_empty() {
            let (these, ends) = self.frames.next_part(data);
            let (part, rest) = data.split_at(these);
            self.push(part, ends, &mut digits);
            data = rest;
        }
        Bytes::from(digits)
    }

    fn push(&mut self, bytes: &[u8], ends: bool, digits: &mut String) {
        self.held.extend_from_slice(bytes);
        let whole = if ends { self.held.len() } else { self.held.len() / GROUP * GROUP };
        BASE64_STANDARD.encode_string(self.held.split_to(whole), digits);
    }
}

impl http_body::Body for Encoded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        while !this.ended {
            let frame = match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            match frame.into_data() {
                Ok(data) => {
                    let data = match &mut this.text {
                        Some(text) => text.encode(&data),
                        None => data,
                    };
                    if !data.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                }
                Err(trailers) => {
                    this.ended = true;
                    let trailers = trailers.into_trailers().unwrap_or_default();
                    if let Some(stats) = &this.stats {
                        stats.charge(&trailers);
                    }
                    let last = framed(&trailers);
                    let last = match this.text {
                        Some(_) => Bytes::from(BASE64_STANDARD.encode(last)),
                        None => last,
                    };
                    return Poll::Ready(Some(Ok(Frame::data(last))));
                }
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }
}
