//! A request's body that may have to be sent again: what has passed of it is kept, up to a limit.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};

use crate::stats::Counter;

use super::{Body, BodyError, Source};

/// Chunks below this are kept in one piece with their neighbours: each by itself could hold on to a whole read buffer.
const SMALL: usize = 4 * 1024;

/// A body to be read as often as there are tries, one after the other.
///
/// Only who reads it moves it: between two tries nothing is taken from the client.
#[derive(Debug)]
pub struct Replay(Rc<RefCell<Shared>>);

#[derive(Debug)]
struct Shared {
    source: Body,
    /// What has passed, but for what is in `tail`.
    kept: Vec<Bytes>,
    /// The last small chunks that have passed.
    tail: BytesMut,
    trailers: Option<HeaderMap>,
    /// Bytes in `kept` and `tail`.
    size: u64,
    limit: u64,
    state: State,
    /// Told when the limit is passed.
    abandoned: Counter,
    /// The number of the one who may read; earlier ones are late.
    turn: u64,
    /// How long it said that it is.
    hint: SizeHint,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// There is more to come, and all that came is kept.
    Open,
    /// All of it came and is kept.
    Whole,
    /// More came than may be kept: it cannot be read again.
    TooLong,
    /// It broke off.
    Broken,
}

/// Reads the body once, from its beginning.
#[derive(Debug)]
pub(super) struct Reader {
    shared: Rc<RefCell<Shared>>,
    turn: u64,
    /// How many of `kept` it has read; none once it reads what nobody has read before.
    next: Option<usize>,
    told_trailers: bool,
}

// === impl Replay ===

impl Replay {
    /// Keeps what passes of `source` as long as it is no more than `limit` bytes; `abandoned` counts where it is.
    pub fn new(source: Body, limit: u64, abandoned: Counter) -> Self {
        let hint = source.size_hint();
        Self(Rc::new(RefCell::new(Shared {
            source,
            kept: Vec::new(),
            tail: BytesMut::new(),
            trailers: None,
            size: 0,
            limit,
            state: State::Open,
            abandoned,
            turn: 0,
            hint,
        })))
    }

    /// The body from its beginning. Whoever read it before reads no more.
    pub fn read(&self) -> Body {
        let mut shared = self.0.borrow_mut();
        shared.turn += 1;
        if !shared.tail.is_empty() {
            let tail = shared.tail.split().freeze();
            shared.kept.push(tail);
        }
        let shared_again = self.0.clone();
        let turn = shared.turn;
        let reader = Reader { shared: shared_again, turn, next: Some(0), told_trailers: false };
        Body::new(Source::Replayed(Box::new(reader)))
    }

    /// Whether it can be read again.
    pub fn is_kept(&self) -> bool {
        matches!(self.0.borrow().state, State::Open | State::Whole)
    }
}

// === impl Shared ===

impl Shared {
    fn keep(&mut self, data: &Bytes) {
        if self.state != State::Open {
            return;
        }
        self.size += data.len() as u64;
        if self.size > self.limit {
            self.state = State::TooLong;
            self.kept = Vec::new();
            self.tail = BytesMut::new();
            self.abandoned.inc();
            tracing::debug!(limit = self.limit, "more of a body than may be kept for another try");
        } else if data.len() < SMALL {
            self.tail.extend_from_slice(data);
        } else {
            if !self.tail.is_empty() {
                let tail = self.tail.split().freeze();
                self.kept.push(tail);
            }
            self.kept.push(data.clone());
        }
    }

    fn end(&mut self) {
        if self.state == State::Open {
            self.state = State::Whole;
        }
    }

    /// What nobody has read before.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.source).poll_frame(cx));
        match &frame {
            None => self.end(),
            Some(Err(_)) => self.state = State::Broken,
            Some(Ok(frame)) => match frame.data_ref() {
                Some(data) => self.keep(data),
                None => {
                    self.trailers = frame.trailers_ref().cloned();
                    self.end();
                }
            },
        }
        Poll::Ready(frame)
    }
}

// === impl Reader ===

impl Reader {
    /// What was read before.
    fn kept(&mut self, shared: &Shared) -> Option<Bytes> {
        let next = self.next?;
        if let Some(data) = shared.kept.get(next) {
            self.next = Some(next + 1);
            return Some(data.clone());
        }
        self.next = None;
        None
    }
}

impl http_body::Body for Reader {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let shared = self.shared.clone();
        let mut shared = shared.borrow_mut();
        if shared.turn != self.turn {
            return Poll::Ready(Some(Err(BodyError::Superseded)));
        }
        if let Some(data) = self.kept(&shared) {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if shared.state != State::Whole {
            let frame = ready!(shared.poll_more(cx));
            self.told_trailers |=
                frame.as_ref().is_some_and(|frame| frame.as_ref().is_ok_and(Frame::is_trailers));
            return Poll::Ready(frame);
        }
        let trailers = shared.trailers.clone().filter(|_| !self.told_trailers);
        self.told_trailers = true;
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        let shared = self.shared.borrow();
        let read = self.next.is_none_or(|next| next >= shared.kept.len());
        let told = self.told_trailers || shared.trailers.is_none();
        read && told && (shared.state == State::Whole || shared.source.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.shared.borrow().hint
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::BodyExt;

    use super::{Body, BodyError, Replay};
    use crate::stats::{Counter, Store};

    fn counter() -> Counter {
        Store::new().root().counter("abandoned")
    }

    async fn all(body: Body) -> Result<Bytes, BodyError> {
        Ok(body.collect().await?.to_bytes())
    }

    #[tokio::test]
    async fn a_body_is_read_as_often_as_wanted() {
        for length in [0, 1, 4095, 4096, 100_000] {
            let bytes = Bytes::from(vec![b'x'; length]);
            let replay = Replay::new(Body::full(bytes.clone()), 100_000, counter());
            for _ in 0..3 {
                assert_eq!(all(replay.read()).await.unwrap(), bytes);
                assert!(replay.is_kept());
            }
        }
    }

    #[tokio::test]
    async fn more_than_the_limit_passes_once_and_is_not_kept() {
        let abandoned = counter();
        let replay = Replay::new(Body::full(vec![b'x'; 101]), 100, abandoned.clone());
        assert_eq!(all(replay.read()).await.unwrap().len(), 101);
        assert!(!replay.is_kept());
        assert_eq!(abandoned.value(), 1);
    }

    #[tokio::test]
    async fn who_comes_late_reads_nothing() {
        let replay = Replay::new(Body::full("abc"), 100, counter());
        let late = replay.read();
        let next = replay.read();
        assert!(matches!(all(late).await, Err(BodyError::Superseded)));
        assert_eq!(all(next).await.unwrap(), "abc");
    }
}
