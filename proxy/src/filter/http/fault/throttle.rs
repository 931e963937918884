//! A body that passes no faster than it may.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::message::Body;
use crate::message::body::BodyError;

/// How often a part of it may pass: Envoy's, 16 times a second.
const PART: Duration = Duration::from_nanos(62_500_000);

/// How many parts a second has.
const PARTS: u64 = 16;

/// A body, a part of which passes at every tick.
#[derive(Debug)]
pub(super) struct Throttled {
    body: Body,
    /// What has come of it and not passed yet. It is a chunk of the body, whose source waits until it has passed.
    held: Bytes,
    /// Bytes per tick.
    part: usize,
    /// What may still pass before the next tick.
    left: usize,
    tick: Pin<Box<Sleep>>,
}

// === impl Throttled ===

impl Throttled {
    /// At most so many KiB per second.
    pub(super) fn new(body: Body, rate: u64) -> Self {
        let part = usize::try_from(rate.saturating_mul(1024) / PARTS).unwrap_or(usize::MAX);
        let tick = Box::pin(sleep_until(Instant::now() + PART));
        Self { body, held: Bytes::new(), part, left: 0, tick }
    }
}

impl http_body::Body for Throttled {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if this.held.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.held = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            }
        }
        while this.left == 0 && !this.held.is_empty() {
            ready!(this.tick.as_mut().poll(cx));
            let next = this.tick.deadline() + PART;
            // Time in which nobody read is not made up for.
            this.tick.as_mut().reset(next.max(Instant::now()));
            this.left = this.part;
        }
        let passing = this.held.split_to(this.left.min(this.held.len()));
        this.left -= passing.len();
        Poll::Ready(Some(Ok(Frame::data(passing))))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        let held = self.held.len() as u64;
        match hint.exact() {
            Some(exact) => SizeHint::with_exact(exact + held),
            None => {
                hint.set_lower(hint.lower() + held);
                hint
            }
        }
    }
}
