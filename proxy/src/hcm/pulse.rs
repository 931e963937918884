//! When something last moved on a stream, for the timers of its connection.
//!
//! A stream has no timer of its own: its connection's one timer looks at all its streams whenever one of them may be due.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::base::clock;
use crate::config::hcm::HttpConnectionManager;
use crate::message::local_reply::LocalReply;

use super::connection::Connection;

/// One stream's.
#[derive(Debug)]
pub(super) struct Pulse {
    /// Whether anybody will ask.
    timed: bool,
    start: Instant,
    /// When a head or data last passed, either way.
    last: Cell<Instant>,
    /// Body bytes of the request so far.
    pub(super) received: Cell<u64>,
    /// Whether the request came in whole.
    pub(super) complete: Cell<bool>,
    /// How the request's body broke off, if it did.
    pub(super) broken: Cell<Option<Broken>>,
    responded: Cell<bool>,
    late: Cell<Option<Late>>,
    /// Wakes an HTTP/2 stream's task.
    waker: RefCell<Option<Waker>>,
}

/// How a request's body broke off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Broken {
    /// The client went away.
    Gone,
    /// What it sent is not a body: a chunk without a size, for one.
    Malformed,
}

/// For what a stream is late.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Late {
    /// `stream_idle_timeout`.
    Idle,
    /// `request_timeout`.
    Request,
    /// `request_headers_timeout`.
    Head,
}

/// What a look at a stream says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Look {
    /// It is not due for this long.
    Left(Duration),
    /// It is late, since now.
    Late(Late),
}

// === impl Late ===

impl Late {
    /// The answer; `complete` says whether the request came in whole.
    pub(super) fn reply(self, complete: bool) -> LocalReply {
        match self {
            Self::Idle => LocalReply::stream_idle_timeout(complete),
            Self::Request => LocalReply::request_timeout(),
            Self::Head => LocalReply::request_header_timeout(),
        }
    }
}

// === impl Pulse ===

impl Pulse {
    pub(super) fn new(config: &HttpConnectionManager, start: Instant) -> Self {
        Self {
            timed: config.stream_idle_timeout.is_some() || config.request_timeout.is_some(),
            start,
            last: Cell::new(start),
            received: Cell::new(0),
            complete: Cell::new(true),
            broken: Cell::new(None),
            responded: Cell::new(false),
            late: Cell::new(None),
            waker: RefCell::new(None),
        }
    }

    /// Something has passed.
    pub(super) fn beat(&self) {
        if self.timed {
            self.last.set(clock::now());
        }
    }

    /// The response's head is on its way, at `now`.
    pub(super) fn respond(&self, now: Instant) {
        self.responded.set(true);
        self.last.set(now);
    }

    /// For what the stream is late; asked once.
    pub(super) fn take_late(&self) -> Option<Late> {
        self.late.take()
    }

    /// Whether the stream is late when it is too late for an answer.
    pub(super) fn is_cut(&self) -> bool {
        self.responded.get() && self.late.get().is_some()
    }

    /// Whether the stream is late at `now`, which it is told then, or how long it is not.
    pub(super) fn look(&self, config: &HttpConnectionManager, now: Instant) -> Look {
        let mut left = Duration::MAX;
        if self.late.get().is_some() {
            // It was told, and has not got round to it.
            return Look::Left(left);
        }
        let waits = [
            (Late::Idle, config.stream_idle_timeout, Some(self.last.get())),
            (Late::Request, config.request_timeout, self.receiving().then_some(self.start)),
        ];
        for (late, limit, since) in waits {
            let (Some(limit), Some(since)) = (limit, since) else { continue };
            let more = limit.saturating_sub(now.saturating_duration_since(since));
            if more.is_zero() {
                self.late.set(Some(late));
                if let Some(waker) = self.waker.take() {
                    waker.wake();
                }
                return Look::Late(late);
            }
            left = left.min(more);
        }
        Look::Left(left)
    }

    fn receiving(&self) -> bool {
        !self.complete.get() && !self.responded.get()
    }

    fn wake_by(&self, waker: &Waker) {
        let mut old = self.waker.borrow_mut();
        if !old.as_ref().is_some_and(|old| old.will_wake(waker)) {
            *old = Some(waker.clone());
        }
    }
}

/// What was polled, unless the stream is late before it is ready.
pub(super) fn poll_in_time<T>(pulse: &Pulse, polled: Poll<T>) -> Poll<Result<T, Late>> {
    match polled {
        Poll::Ready(answer) => Poll::Ready(Ok(answer)),
        Poll::Pending => match pulse.take_late() {
            Some(late) => Poll::Ready(Err(late)),
            None => Poll::Pending,
        },
    }
}

/// Runs an HTTP/2 connection's stream, and ends it if it is late.
///
/// A stream whose client grants no more window is not asked for data, so nothing below could end it.
pub(super) async fn in_time(
    connection: Rc<Connection>,
    mut stream: Pin<Box<impl Future<Output = ()>>>,
) {
    let mut pulse = None;
    poll_fn(|cx: &mut Context<'_>| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        // What began while this task ran is its stream.
        let pulse = pulse.get_or_insert_with(|| connection.take_begun());
        let Some(pulse) = pulse else { return Poll::Pending };
        if pulse.is_cut() {
            return Poll::Ready(());
        }
        pulse.wake_by(cx.waker());
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Late, Look, Pulse};
    use crate::base::clock;
    use crate::config::hcm::HttpConnectionManager;

    fn config(idle: Option<u64>, request: Option<u64>) -> HttpConnectionManager {
        HttpConnectionManager {
            stream_idle_timeout: idle.map(Duration::from_secs),
            request_timeout: request.map(Duration::from_secs),
            ..HttpConnectionManager::of_admin(Vec::new())
        }
    }

    #[test]
    fn a_stream_is_late_when_nothing_moved_for_the_whole_limit() {
        let config = config(Some(10), None);
        let start = clock::now();
        let pulse = Pulse::new(&config, start);
        let left = pulse.look(&config, start + Duration::from_secs(4));
        assert_eq!(left, Look::Left(Duration::from_secs(6)));
        assert_eq!(pulse.look(&config, start + Duration::from_secs(10)), Look::Late(Late::Idle));
        assert_eq!(pulse.take_late(), Some(Late::Idle));
        assert_eq!(pulse.take_late(), None);
    }

    #[test]
    fn a_request_is_late_only_while_it_comes_in_and_nothing_was_answered() {
        let config = config(None, Some(10));
        let start = clock::now();
        let late = start + Duration::from_secs(11);
        let pulse = Pulse::new(&config, start);
        assert_eq!(pulse.look(&config, late), Look::Left(Duration::MAX), "it has no body");
        pulse.complete.set(false);
        assert_eq!(pulse.look(&config, late), Look::Late(Late::Request));
        assert_eq!(pulse.look(&config, late), Look::Left(Duration::MAX), "it knows");
        assert_eq!(pulse.take_late(), Some(Late::Request));
        pulse.respond(late);
        assert_eq!(pulse.look(&config, late), Look::Left(Duration::MAX), "it was answered");
    }
}
