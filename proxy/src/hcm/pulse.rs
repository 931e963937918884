//! When something last moved on a stream, for the timers of its connection.
//!
//! A stream has no timer of its own: its connection's one timer looks at all its streams whenever one of them may be due.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::base::alarm::Alarm;
use crate::base::clock;
use crate::config::hcm::HttpConnectionManager;
use crate::message::local_reply::LocalReply;
use crate::stream_info::StreamLimits;

use super::connection::Connection;

/// One stream's.
#[derive(Debug)]
pub(super) struct Pulse {
    /// Whether anybody will ask when something last moved.
    timed: Cell<bool>,
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
    /// Whether it was late once because it lasted: it is told so once.
    spent: Cell<bool>,
    /// The limits that its route has given it, with a timer of its own.
    own: RefCell<Option<Box<Own>>>,
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
    /// `max_stream_duration`.
    Duration,
}

/// The limits of a stream whose route has given it some.
#[derive(Debug)]
struct Own {
    idle: Option<Duration>,
    duration: Option<Duration>,
    /// None where both are off.
    alarm: Option<Alarm>,
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
            Self::Duration => LocalReply::max_stream_duration(complete),
        }
    }
}

// === impl Pulse ===

impl Pulse {
    pub(super) fn new(config: &HttpConnectionManager, start: Instant) -> Self {
        Self {
            timed: Cell::new(config.stream_idle_timeout.is_some()),
            start,
            last: Cell::new(start),
            received: Cell::new(0),
            complete: Cell::new(true),
            broken: Cell::new(None),
            responded: Cell::new(false),
            late: Cell::new(None),
            spent: Cell::new(false),
            own: RefCell::new(None),
            waker: RefCell::new(None),
        }
    }

    /// Something has passed.
    pub(super) fn beat(&self) {
        if self.timed.get() {
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
        self.cut().is_some()
    }

    /// For what it is late then.
    pub(super) fn cut(&self) -> Option<Late> {
        self.late.get().filter(|_| self.responded.get())
    }

    /// Takes the limits that the stream's route has given it. They replace those of the connection manager.
    pub(super) fn limit(&self, config: &HttpConnectionManager, limits: StreamLimits) {
        let idle = limits.idle.or(config.stream_idle_timeout);
        let duration = limits.duration.or(config.max_stream_duration);
        self.timed.set(idle.is_some());
        let first = idle.into_iter().chain(duration).min();
        let alarm = first.map(Alarm::after);
        self.own.replace(Some(Box::new(Own { idle, duration, alarm })));
    }

    /// Whether a stream with limits of its own is late, which it is told then. Wakes the task that asks when it may be.
    pub(super) fn poll_own(&self, cx: &mut Context<'_>) -> Option<Late> {
        let mut own = self.own.borrow_mut();
        let Own { idle, duration, alarm } = &mut **own.as_mut()?;
        let alarm = alarm.as_mut()?;
        // A limit of nothing is over at once; a timer might let a quick upstream win.
        let over = *duration == Some(Duration::ZERO) && !self.spent.get();
        while self.late.get().is_none() && (over || alarm.poll(cx).is_ready()) {
            let now = clock::now();
            let waits = [
                (Late::Idle, *idle, Some(self.last.get())),
                (Late::Duration, *duration, self.lasts()),
            ];
            match self.late_of(&waits, now) {
                Look::Late(late) => return Some(late),
                Look::Left(left) => alarm.set(now + left),
            }
        }
        None
    }

    /// Whether the stream is late at `now`, which it is told then, or how long it is not.
    pub(super) fn look(&self, config: &HttpConnectionManager, now: Instant) -> Look {
        if self.late.get().is_some() {
            // It was told, and has not got round to it.
            return Look::Left(Duration::MAX);
        }
        let inherits = self.own.borrow().is_none();
        let waits = [
            (Late::Idle, config.stream_idle_timeout, inherits.then(|| self.last.get())),
            (Late::Duration, config.max_stream_duration, self.lasts().filter(|_| inherits)),
            (Late::Request, config.request_timeout, self.receiving().then_some(self.start)),
        ];
        self.late_of(&waits, now)
    }

    /// The first of these limits that is over, which the stream is told, or how long none is.
    fn late_of(&self, waits: &[(Late, Option<Duration>, Option<Instant>)], now: Instant) -> Look {
        let mut left = Duration::MAX;
        for &(late, limit, since) in waits {
            let (Some(limit), Some(since)) = (limit, since) else { continue };
            let more = limit.saturating_sub(now.saturating_duration_since(since));
            if more.is_zero() {
                self.late.set(Some(late));
                self.spent.set(self.spent.get() || late == Late::Duration);
                if let Some(waker) = self.waker.take() {
                    waker.wake();
                }
                return Look::Late(late);
            }
            left = left.min(more);
        }
        Look::Left(left)
    }

    /// Since when it lasts, if that may still make it late.
    fn lasts(&self) -> Option<Instant> {
        (!self.spent.get()).then_some(self.start)
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

/// Runs an HTTP/2 connection's stream, and ends it if it is late. `count` is told of that if it was found here.
///
/// A stream whose client grants no more window is not asked for data, so nothing below could end it.
pub(super) async fn in_time(
    connection: Rc<Connection>,
    mut stream: Pin<Box<impl Future<Output = ()>>>,
    count: impl Fn(Late),
) {
    let mut pulse = None;
    poll_fn(|cx: &mut Context<'_>| {
        loop {
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
            match pulse.poll_own(cx) {
                Some(late) => count(late),
                None => return Poll::Pending,
            }
        }
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
