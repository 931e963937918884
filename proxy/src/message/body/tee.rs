//! A body with copies: what passes of it is kept for each of them until it is read there, up to a limit.
//!
//! Copies never hold the body up. One that is not read as fast as the body passes is withdrawn once it is too far behind,
//! and all are when the body breaks off or is given up.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};

use crate::stats::Counter;

use super::{Body, BodyError};

/// Chunks below this are kept in one piece with their neighbours: each by itself could hold on to a whole read buffer.
const SMALL: usize = 4 * 1024;

/// A body, and what has passed of it.
#[derive(Debug)]
struct Tee {
    source: Body,
    /// How much is still to come, if that was said.
    left: Option<u64>,
    copies: Vec<Rc<Share>>,
    limit: usize,
    /// Told of each copy that is too far behind.
    abandoned: Counter,
}

/// Learns whether a copy is still wanted.
#[derive(Debug)]
pub struct Life(Rc<Share>);

/// What one copy has not read yet.
#[derive(Debug, Default)]
struct Share(RefCell<Backlog>);

#[derive(Debug, Default)]
struct Backlog {
    chunks: VecDeque<Bytes>,
    /// The last small chunks.
    tail: BytesMut,
    trailers: Option<HeaderMap>,
    /// Bytes in `chunks` and `tail`.
    size: usize,
    state: State,
    /// Who waits for more.
    reader: Option<Waker>,
    /// Who waits for the copy to be withdrawn.
    owner: Option<Waker>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    /// There is more to come.
    #[default]
    Open,
    /// All of it came.
    Whole,
    /// Whoever reads it has read enough.
    Unread,
    /// Nobody wants it any more.
    Withdrawn,
}

/// The copy's side.
#[derive(Debug)]
struct Reader {
    share: Rc<Share>,
    hint: SizeHint,
}

/// Gives a body so many copies, each of which may be `limit` bytes behind; `abandoned` counts those that are more. A body
/// that is empty has copies that are empty.
pub fn tee(
    source: Body,
    copies: usize,
    limit: usize,
    abandoned: Counter,
) -> (Body, Vec<(Body, Life)>) {
    let shares: Vec<_> = (0..copies).map(|_| Rc::<Share>::default()).collect();
    if source.is_empty() {
        let empty = |share: Rc<Share>| {
            share.end(None);
            (Body::empty(), Life(share))
        };
        return (source, shares.into_iter().map(empty).collect());
    }
    let hint = source.size_hint();
    let reader = |share: &Rc<Share>| {
        let reader = Reader { share: share.clone(), hint };
        (Body::other(reader), Life(share.clone()))
    };
    let readers = shares.iter().map(reader).collect();
    let tee = Tee { left: hint.exact(), source, copies: shares, limit, abandoned };
    (Body::wrapped(Box::pin(tee)), readers)
}

// === impl Life ===

impl Life {
    /// The copy is no longer wanted.
    pub fn end(&self) {
        self.0.withdraw();
    }

    /// Waits until it is not.
    pub fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut backlog = self.0.0.borrow_mut();
        if backlog.state == State::Withdrawn {
            return Poll::Ready(());
        }
        backlog.owner = Some(cx.waker().clone());
        Poll::Pending
    }
}

// === impl Tee ===

impl Tee {
    fn share(&mut self, data: &Bytes) {
        self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
        let (limit, abandoned) = (self.limit, &self.abandoned);
        self.copies.retain(|copy| match copy.push(data, limit) {
            Pushed::Kept => true,
            Pushed::Unwanted => false,
            Pushed::TooMuch => {
                abandoned.inc();
                tracing::debug!(limit, "a copy of a request is too far behind; it is given up");
                copy.withdraw();
                false
            }
        });
    }

    fn end(&mut self, trailers: Option<&HeaderMap>) {
        for copy in self.copies.drain(..) {
            copy.end(trailers);
        }
    }
}

impl http_body::Body for Tee {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.source).poll_frame(cx));
        match &frame {
            None => self.end(None),
            // Whoever drops it withdraws the copies.
            Some(Err(_)) => {}
            Some(Ok(frame)) => match frame.data_ref() {
                Some(data) => {
                    self.share(data);
                    if self.source.is_end_stream() {
                        self.end(None);
                    }
                }
                None => self.end(frame.trailers_ref()),
            },
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.source.size_hint()
    }
}

impl Drop for Tee {
    /// A codec that has sent as much as was said asks for no more.
    fn drop(&mut self) {
        if self.left == Some(0) {
            return self.end(None);
        }
        for copy in &self.copies {
            copy.withdraw();
        }
    }
}

// === impl Share ===

enum Pushed {
    Kept,
    TooMuch,
    Unwanted,
}

impl Share {
    fn push(&self, data: &Bytes, limit: usize) -> Pushed {
        let mut backlog = self.0.borrow_mut();
        if backlog.state != State::Open {
            return Pushed::Unwanted;
        }
        // One chunk there may always be, however large it is.
        let size = backlog.size + data.len();
        if backlog.size > 0 && size > limit {
            return Pushed::TooMuch;
        }
        backlog.size = size;
        if data.len() < SMALL {
            backlog.tail.extend_from_slice(data);
        } else {
            backlog.close_tail();
            backlog.chunks.push_back(data.clone());
        }
        let reader = backlog.reader.take();
        drop(backlog);
        reader.into_iter().for_each(Waker::wake);
        Pushed::Kept
    }

    fn end(&self, trailers: Option<&HeaderMap>) {
        let mut backlog = self.0.borrow_mut();
        if backlog.state == State::Open {
            backlog.state = State::Whole;
            backlog.trailers = trailers.cloned();
        }
        let reader = backlog.reader.take();
        drop(backlog);
        reader.into_iter().for_each(Waker::wake);
    }

    fn withdraw(&self) {
        let mut backlog = self.0.borrow_mut();
        let Backlog { reader, owner, .. } = std::mem::replace(
            &mut *backlog,
            Backlog { state: State::Withdrawn, ..Backlog::default() },
        );
        drop(backlog);
        reader.into_iter().chain(owner).for_each(Waker::wake);
    }
}

// === impl Backlog ===

impl Backlog {
    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            let tail = self.tail.split().freeze();
            self.chunks.push_back(tail);
        }
    }

    fn next(&mut self) -> Option<Bytes> {
        if self.chunks.is_empty() {
            self.close_tail();
        }
        let chunk = self.chunks.pop_front()?;
        self.size -= chunk.len();
        Some(chunk)
    }
}

// === impl Reader ===

impl http_body::Body for Reader {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut backlog = self.share.0.borrow_mut();
        if let Some(chunk) = backlog.next() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match backlog.state {
            State::Open => {
                backlog.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            State::Whole => Poll::Ready(backlog.trailers.take().map(|it| Ok(Frame::trailers(it)))),
            State::Unread | State::Withdrawn => Poll::Ready(Some(Err(BodyError::Withdrawn))),
        }
    }

    fn is_end_stream(&self) -> bool {
        let backlog = self.share.0.borrow();
        backlog.state == State::Whole && backlog.size == 0 && backlog.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

impl Drop for Reader {
    /// Nobody reads the copy any more: nothing is kept for it.
    fn drop(&mut self) {
        let mut backlog = self.share.0.borrow_mut();
        if backlog.state != State::Withdrawn {
            let owner = backlog.owner.take();
            *backlog = Backlog { state: State::Unread, owner, ..Backlog::default() };
        }
    }
}

#[cfg(test)]
mod tests;
