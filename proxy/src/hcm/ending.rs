//! Watches a connection, beside its codec, for the reasons to end it or one of its streams.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::base::alarm::Alarm;
use crate::base::clock;
use crate::base::drain::Phase;
use crate::message::local_reply::LocalReply;

use super::Hcm;
use super::connection::{Connection, End};
use super::pulse::{Late, Look};

/// Watches one connection.
///
/// There is one timer. It is never set farther than the shortest limit there is, so whatever begins to run later is due
/// no earlier than the timer, and nothing that begins or moves has to touch it.
pub(super) struct Ending<'a> {
    hcm: &'a Hcm,
    connection: &'a Connection,
    http2: bool,
    timer: Option<Alarm>,
    /// The shortest limit there is.
    shortest: Duration,
    /// Goes off when the connection has lasted for as long as it may.
    life: Option<Alarm>,
    /// Runs while an HTTP/1 connection drains.
    drain: Option<Alarm>,
    /// Whether the codec was told to end.
    told: bool,
    /// When that was.
    told_at: Option<Instant>,
    draining: bool,
    late_head: Option<LocalReply>,
}

/// What a look at the timers says.
enum Due {
    /// Nothing for this long.
    Not(Duration),
    /// A stream that has not been answered: the codec must ask it.
    Stream,
    /// The connection, when what is under way is done.
    End,
    /// The connection, at once.
    Cut,
}

// === impl Ending ===

impl<'a> Ending<'a> {
    pub(super) fn new(hcm: &'a Hcm, connection: &'a Connection, http2: bool) -> Self {
        let config = &hcm.config;
        let of_heads = config.request_headers_timeout.filter(|_| !http2);
        let limits = [
            config.idle_timeout,
            config.stream_idle_timeout,
            config.max_stream_duration,
            config.request_timeout,
            of_heads,
        ];
        let shortest = limits.into_iter().flatten().min();
        let timer = shortest.map(Alarm::after);
        Self {
            hcm,
            connection,
            http2,
            timer,
            shortest: shortest.unwrap_or(Duration::MAX),
            life: config.max_connection_duration.map(|most| Alarm::at(connection.since + most)),
            drain: None,
            told: false,
            told_at: None,
            draining: false,
            late_head: None,
        }
    }

    /// The answer to a head that did not come in whole in time, if that is why the connection ended.
    pub(super) fn late_head(&mut self) -> Option<LocalReply> {
        self.late_head.take()
    }

    /// Runs `codec` to its end, telling it to end in time.
    pub(super) async fn watch<C, E>(
        &mut self,
        codec: &mut C,
        poll: impl Fn(&mut C, &mut Context<'_>) -> Poll<Result<(), E>>,
        tell: impl Fn(&mut C),
    ) -> Result<End, E> {
        let drain = &self.hcm.ending.drain;
        let mut drained = pin!(drain.until(Phase::Draining));
        let mut closed = pin!(drain.until(Phase::Closing));
        // A task's waker stays the same, so the drain needs to be asked again only when it has something to say.
        let mut asked = false;
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(ended) = poll(codec, cx) {
                    return Poll::Ready(ended.map(|()| self.end()));
                }
                self.connection.pace.turn_ends();
                if (!asked || drain.reached(Phase::Closing)) && closed.as_mut().poll(cx).is_ready()
                {
                    return Poll::Ready(Ok(End::Local));
                }
                if !self.draining
                    && (!asked || drain.reached(Phase::Draining))
                    && drained.as_mut().poll(cx).is_ready()
                {
                    self.begin_drain();
                }
                asked = true;
                match self.poll_due(cx) {
                    Due::Not(_) => return Poll::Pending,
                    Due::Stream => {}
                    Due::End => {
                        self.told = true;
                        self.told_at = Some(clock::now());
                        tell(codec);
                    }
                    Due::Cut => return Poll::Ready(Ok(End::Local)),
                }
            }
        })
        .await
    }

    /// An HTTP/2 client learns of a drain at once, by GOAWAY. An HTTP/1 client cannot be told but with a response:
    /// closing an idle connection could cross its next request, so it gets the time to send one.
    fn begin_drain(&mut self) {
        self.draining = true;
        if !self.http2 {
            self.drain = Some(Alarm::after(self.hcm.config.drain_timeout));
        }
    }

    fn poll_due(&mut self, cx: &mut Context<'_>) -> Due {
        self.poll_life(cx);
        if !self.told {
            if self.http2 && (self.draining || self.connection.closes()) {
                return Due::End;
            }
            if let Some(drain) = &mut self.drain
                && drain.poll(cx).is_ready()
            {
                return Due::End;
            }
        }
        if !self.http2
            && let Some(due) = self.poll_own(cx)
        {
            return due;
        }
        // Notes when a head began that did not come in one piece.
        let head = self.connection.head_since();
        while self.timer.as_mut().is_some_and(|timer| timer.poll(cx).is_ready()) {
            let now = clock::now();
            let due = self.due(now, head);
            let left = match due {
                Due::Not(left) => left.min(self.shortest),
                _ => self.shortest,
            };
            if let Some(timer) = &mut self.timer {
                timer.set(now + left);
            }
            if !matches!(due, Due::Not(_)) {
                return due;
            }
        }
        Due::Not(self.shortest)
    }

    /// Begins to end a connection that has lasted for as long as it may: as in a drain, or, where the file wants an HTTP/1
    /// client to lose nothing, with its next response.
    fn poll_life(&mut self, cx: &mut Context<'_>) {
        let Some(life) = &mut self.life else { return };
        if life.poll(cx).is_pending() {
            return;
        }
        self.life = None;
        self.hcm.stats.downstream_cx_max_duration_reached.inc();
        self.connection.close_after_response();
        if !self.draining && (self.http2 || !self.hcm.config.http1_safe_max_connection_duration) {
            self.begin_drain();
        }
    }

    /// What is due of an HTTP/1 stream whose route has given it limits. An HTTP/2 stream sees to that itself.
    fn poll_own(&self, cx: &mut Context<'_>) -> Option<Due> {
        let streams = self.connection.streams();
        let stream = streams.first()?;
        let late = stream.poll_own(cx)?;
        self.hcm.stats.count_late(late);
        Some(if stream.is_cut() { Due::Cut } else { Due::Stream })
    }

    /// What is due at `now`, or how long nothing will be.
    fn due(&mut self, now: Instant, head: Option<Instant>) -> Due {
        let config = &self.hcm.config;
        let mut left = self.shortest;
        for stream in self.connection.streams().iter() {
            match stream.look(config, now) {
                Look::Left(more) => left = left.min(more),
                Look::Late(late) => {
                    self.hcm.stats.count_late(late);
                    // An HTTP/2 stream has a task of its own, which is awake now.
                    if !self.http2 {
                        return if stream.is_cut() { Due::Cut } else { Due::Stream };
                    }
                }
            }
        }
        if let Some(since) = head {
            return match self.head_left(now.saturating_duration_since(since)) {
                Some(more) => Due::Not(left.min(more)),
                None => Due::Cut,
            };
        }
        if let Some(more) = self.block_left(now) {
            if more.is_zero() {
                return Due::Cut;
            }
            left = left.min(more);
        }
        if let (Some(limit), Some(since)) = (config.idle_timeout, self.connection.idle_since()) {
            let more = limit.saturating_sub(now.saturating_duration_since(since));
            if !more.is_zero() {
                left = left.min(more);
            } else if !self.told {
                self.hcm.stats.downstream_cx_idle_timeout.inc();
                return Due::End;
            }
        }
        Due::Not(left)
    }

    /// How long an HTTP/2 connection that was told to end may yet hang on without a stream. The codec ends it once its
    /// streams have; what keeps it is half a block of headers, which is a stream nobody sees, or a client that does not
    /// listen.
    fn block_left(&self, now: Instant) -> Option<Duration> {
        let limit = self.hcm.config.stream_idle_timeout.filter(|_| self.http2 && self.told)?;
        let since = self.connection.idle_since()?.max(self.told_at?);
        Some(limit.saturating_sub(now.saturating_duration_since(since)))
    }

    /// How long a head that began `ago` may take yet. None if no longer; its answer is kept then.
    fn head_left(&mut self, ago: Duration) -> Option<Duration> {
        let config = &self.hcm.config;
        let limits = [
            (config.request_headers_timeout, Late::Head),
            (config.request_timeout, Late::Request),
            (config.stream_idle_timeout, Late::Idle),
            (config.max_stream_duration, Late::Duration),
        ];
        let limits = limits.into_iter().filter_map(|(limit, late)| Some((limit?, late)));
        let Some((limit, late)) = limits.min_by_key(|(limit, _)| *limit) else {
            return Some(Duration::MAX);
        };
        let left = limit.saturating_sub(ago);
        if !left.is_zero() {
            return Some(left);
        }
        self.hcm.stats.count_late(late);
        self.late_head = Some(late.reply(false));
        None
    }

    /// The codec has ended without an error: whose doing was it?
    fn end(&self) -> End {
        if self.told || self.connection.closes() { End::Local } else { End::Remote }
    }
}
