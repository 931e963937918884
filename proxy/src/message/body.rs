//! The one body type: bytes that pass through, and the guards that watch them pass.

mod held;
mod pace;
pub mod pipe;
mod received;
mod replay;
mod sending;
mod tee;
mod timed;

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderMap};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use self::held::Held;
use self::pace::Paced;
use self::received::Received;
use self::timed::Timed;

pub use self::pace::{Flow, Pace};
pub use self::replay::Replay;
pub use self::sending::send;
pub use self::tee::{Life, tee};

/// A body in transit.
///
/// Whoever must know how a body ended attaches a [`Watch`]; a body that is dropped before its end
/// drops its watches untold, which is how they learn of a reset.
#[derive(Debug)]
pub struct Body {
    source: Source,
    watches: [Option<Box<dyn Watch>>; 2],
    /// HTTP/1 has its trailers dropped, as Envoy does without `enable_trailers`.
    drop_trailers: bool,
    /// The last bytes of a body whose trailers are dropped, while they wait for its end.
    last: Option<Box<Bytes>>,
    /// How long it may take, if that is limited.
    timed: Option<Box<Timed>>,
    /// Who counts that it is not asked for.
    flow: Flow,
    /// Told when it is asked for, where its taker does not count himself.
    pace: Option<Paced>,
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// What it came from broke.
    #[error(transparent)]
    Source(#[from] hyper::Error),
    /// The HTTP/2 stream it came over broke.
    #[error(transparent)]
    Stream(#[from] h2::Error),
    /// The upgraded connection that it came over was closed.
    #[error("the connection was closed")]
    Closed,
    /// It was not complete in time.
    #[error("the body was not complete in time")]
    Deadline,
    /// Nothing of it came for too long.
    #[error("nothing of the body came for too long")]
    Idle,
    /// It is not in the form that its head says.
    #[error("the body is not in the form that its head says")]
    Malformed,
    /// Somebody else reads it now, for another try of the same request.
    #[error("the body is read by another try")]
    Superseded,
    /// The request that this is a copy of was given up, or has left its copy behind.
    #[error("the copy is no longer wanted")]
    Withdrawn,
}

/// Something that makes a body of another one.
pub trait Wrapped: http_body::Body<Data = Bytes, Error = BodyError> + std::fmt::Debug {}

impl<B: http_body::Body<Data = Bytes, Error = BodyError> + std::fmt::Debug> Wrapped for B {}

/// Somebody who follows a body to its end.
pub trait Watch: std::fmt::Debug {
    /// This many bytes have passed.
    fn data(&mut self, bytes: usize);

    /// The end was reached; `trailers` if there were any.
    fn end(self: Box<Self>, trailers: Option<&HeaderMap>);

    /// This many bytes have passed, and with them the end was reached.
    fn last(mut self: Box<Self>, bytes: usize) {
        self.data(bytes);
        self.end(None);
    }

    /// It broke off; nothing more will come.
    fn failed(self: Box<Self>, error: &BodyError);
}

#[derive(Debug)]
enum Source {
    Empty,
    Full(Bytes),
    Incoming(Incoming),
    Received(Box<Received>),
    Held(Box<Held>),
    Wrapped(Pin<Box<dyn Wrapped>>),
    Replayed(Box<replay::Reader>),
    Other(Other),
}

/// A body of another kind.
struct Other(Pin<Box<dyn http_body::Body<Data = Bytes, Error = BodyError>>>);

impl std::fmt::Debug for Other {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Other")
    }
}

// === impl Body ===

impl Body {
    /// No body at all.
    pub fn empty() -> Self {
        Self::new(Source::Empty)
    }

    /// A body that is all there.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::new(Source::Full(bytes.into()))
    }

    /// Takes what is all there; nothing is left then.
    pub fn take_full(&mut self) -> Bytes {
        match std::mem::replace(&mut self.source, Source::Empty) {
            Source::Full(bytes) => bytes,
            other => {
                self.source = other;
                Bytes::new()
            }
        }
    }

    /// A body from a codec.
    pub fn incoming(incoming: Incoming) -> Self {
        if http_body::Body::is_end_stream(&incoming) {
            return Self::empty();
        }
        Self::new(Source::Incoming(incoming))
    }

    /// A body from an HTTP/2 stream, with what `content-length` says of it.
    pub fn received(stream: h2::RecvStream, headers: &HeaderMap) -> Self {
        if stream.is_end_stream() {
            return Self::empty();
        }
        let length =
            headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        Self::new(Source::Received(Box::new(Received::new(stream, length))))
    }

    /// A body that came in whole, in these pieces.
    pub fn held(chunks: VecDeque<Bytes>, trailers: Option<HeaderMap>) -> Self {
        Self::new(Source::Held(Box::new(Held::new(chunks, trailers))))
    }

    /// A body that makes something of another one.
    pub fn wrapped(body: Pin<Box<dyn Wrapped>>) -> Self {
        Self::new(Source::Wrapped(body))
    }

    /// A body of another kind: of a connection that was upgraded, for one.
    pub fn other(body: impl http_body::Body<Data = Bytes, Error = BodyError> + 'static) -> Self {
        Self::new(Source::Other(Other(Box::pin(body))))
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            watches: [None, None],
            drop_trailers: false,
            last: None,
            timed: None,
            flow: Flow::default(),
            pace: None,
        }
    }

    /// Whether all of it is there, so that nobody need wait for it.
    pub fn is_there(&self) -> bool {
        matches!(self.source, Source::Empty | Source::Full(_))
    }

    /// Whether there is nothing (more) to come.
    pub fn is_empty(&self) -> bool {
        if self.last.is_some() {
            return false;
        }
        match &self.source {
            Source::Empty => true,
            Source::Full(bytes) => bytes.is_empty(),
            Source::Incoming(incoming) => http_body::Body::is_end_stream(incoming),
            Source::Received(received) => http_body::Body::is_end_stream(&**received),
            Source::Held(held) => held.is_empty(),
            Source::Wrapped(body) => http_body::Body::is_end_stream(&**body),
            Source::Replayed(reader) => http_body::Body::is_end_stream(&**reader),
            Source::Other(other) => other.0.is_end_stream(),
        }
    }

    /// Whether all of it is there.
    pub fn is_whole(&self) -> bool {
        matches!(self.source, Source::Empty | Source::Full(_))
    }

    /// Drops the trailers that may come.
    pub fn without_trailers(mut self) -> Self {
        self.drop_trailers = true;
        if let Source::Held(held) = &mut self.source {
            held.drop_trailers();
            if held.is_empty() {
                self.source = Source::Empty;
            }
        }
        self
    }

    /// Breaks off at `deadline`, unless its end was reached by then.
    pub fn until(mut self, deadline: std::time::Instant) -> Self {
        if !self.is_empty() {
            self.timed.get_or_insert_default().until(deadline);
        }
        self
    }

    /// Breaks off when nothing of it has come for so long.
    pub fn idle_for(mut self, limit: Duration) -> Self {
        if !self.is_empty() {
            self.timed.get_or_insert_default().idle_for(limit);
        }
        self
    }

    /// Lets `watch` follow this body. A body has room for two: the upstream's and the downstream's.
    ///
    /// A body that is empty already tells its end when it is polled or asked for its end, so the watch is told now.
    pub fn watched(mut self, watch: Box<dyn Watch>) -> Self {
        if matches!(self.source, Source::Empty) {
            watch.end(None);
        } else if let Some(room) = self.watches.iter_mut().find(|room| room.is_none()) {
            *room = Some(watch);
        }
        self
    }

    /// Has it counted there when whoever takes it stops asking for it, and when he goes on.
    pub fn flowing(mut self, flow: Flow) -> Self {
        if self.comes_in_pieces() {
            self.flow = flow;
        }
        self
    }

    /// Who counts that, for another body that is made of this one.
    pub fn take_flow(&mut self) -> Flow {
        std::mem::take(&mut self.flow)
    }

    /// It goes to a codec that takes one body at a time; who runs that looks at `pace`.
    pub fn paced(mut self, pace: &Rc<Pace>) -> Self {
        if self.comes_in_pieces() {
            self.pace = Some(pace.begin(self.take_flow()));
        }
        self
    }

    fn comes_in_pieces(&self) -> bool {
        !matches!(self.source, Source::Empty | Source::Full(_))
    }

    fn tell_data(&mut self, bytes: usize) {
        for watch in self.watches.iter_mut().flatten() {
            watch.data(bytes);
        }
    }

    fn tell_end(&mut self, trailers: Option<&HeaderMap>) {
        self.source = Source::Empty;
        for watch in self.watches.iter_mut().filter_map(Option::take) {
            watch.end(trailers);
        }
    }

    fn tell_last(&mut self, bytes: usize) {
        self.source = Source::Empty;
        for watch in self.watches.iter_mut().filter_map(Option::take) {
            watch.last(bytes);
        }
    }

    fn tell_failed(&mut self, error: &BodyError) {
        for watch in self.watches.iter_mut().filter_map(Option::take) {
            watch.failed(error);
        }
    }

    fn poll_source(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = match &mut self.source {
            Source::Empty => Poll::Ready(None),
            Source::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Source::Held(held) => Poll::Ready(held.next().map(Ok)),
            Source::Wrapped(body) => body.as_mut().poll_frame(cx),
            Source::Incoming(incoming) => {
                Pin::new(incoming).poll_frame(cx).map_err(BodyError::Source)
            }
            Source::Received(received) => {
                Pin::new(&mut **received).poll_frame(cx).map_err(BodyError::Stream)
            }
            Source::Replayed(reader) => Pin::new(&mut **reader).poll_frame(cx),
            Source::Other(other) => other.0.as_mut().poll_frame(cx),
        };
        match (polled, &mut self.timed) {
            (Poll::Ready(polled), None) => Poll::Ready(polled),
            (Poll::Ready(polled), Some(timed)) => {
                timed.beat();
                Poll::Ready(polled)
            }
            (Poll::Pending, None) => Poll::Pending,
            (Poll::Pending, Some(timed)) => {
                let late = ready!(timed.poll(cx));
                self.source = Source::Empty;
                Poll::Ready(Some(Err(late)))
            }
        }
    }

    /// Whether nothing but trailers can follow that nobody gets. Who has as many bytes as there are to be asks for no more,
    /// and the watches would not learn how it ended.
    fn is_last(&self, frame: &Frame<Bytes>) -> bool {
        self.drop_trailers
            && frame.is_data()
            && !self.is_empty()
            && http_body::Body::size_hint(self).exact() == Some(0)
    }

    /// Passes the last bytes on once it is known how the body ends.
    fn poll_last(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = ready!(self.poll_source(cx));
        let last = self.last.take().map_or_else(Bytes::new, |last| *last);
        match polled {
            None => self.tell_last(last.len()),
            Some(Err(error)) => {
                self.tell_failed(&error);
                return Poll::Ready(Some(Err(error)));
            }
            Some(Ok(frame)) => {
                self.tell_data(last.len());
                match frame.into_data() {
                    // More than was said; who reads it sees that.
                    Ok(data) => self.last = Some(Box::new(data)),
                    Err(frame) => self.tell_end(frame.trailers_ref()),
                }
            }
        }
        Poll::Ready(Some(Ok(Frame::data(last))))
    }

    fn pass(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let Some(data) = frame.data_ref() else {
            self.tell_end(frame.trailers_ref());
            return Some(frame).filter(|_| !self.drop_trailers);
        };
        let bytes = data.len();
        if self.is_empty() {
            self.tell_last(bytes);
        } else {
            self.tell_data(bytes);
            if let Some(pace) = &self.pace {
                pace.take();
            }
        }
        Some(frame)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(pace) = &self.pace {
            pace.ask();
        }
        let this = &mut *self;
        if this.last.is_some() {
            return this.poll_last(cx);
        }
        match &mut this.source {
            Source::Empty => return Poll::Ready(None),
            Source::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                this.tell_last(bytes.len());
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            _ => {}
        }
        Poll::Ready(match ready!(this.poll_source(cx)) {
            None => {
                this.tell_end(None);
                None
            }
            Some(Ok(frame)) if this.is_last(&frame) => {
                this.last = frame.into_data().ok().map(Box::new);
                return this.poll_last(cx);
            }
            Some(Ok(frame)) => this.pass(frame).map(Ok),
            Some(Err(error)) => {
                this.tell_failed(&error);
                Some(Err(error))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Empty => SizeHint::with_exact(0),
            Source::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Incoming(incoming) => http_body::Body::size_hint(incoming),
            Source::Received(received) => http_body::Body::size_hint(&**received),
            Source::Held(held) => SizeHint::with_exact(held.len()),
            Source::Wrapped(body) => http_body::Body::size_hint(&**body),
            Source::Replayed(reader) => http_body::Body::size_hint(&**reader),
            Source::Other(other) => other.0.size_hint(),
        }
    }
}
