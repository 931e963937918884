//! Carries bytes both ways between two streams, with nothing held but what one of them does not take at the moment.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::base::alarm::Alarm;
use crate::base::clock;
use crate::stats::FlowStats;

/// How much is read at once. What the other side takes of it at once is never copied, so that an idle pair of streams
/// holds no buffer at all.
const CHUNK: usize = 64 * 1024;

thread_local! {
    /// Where it is read to.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; CHUNK].into_boxed_slice());
}

/// Two streams, and what is on its way between them.
#[derive(Debug)]
pub struct Relay {
    /// From the downstream to the upstream.
    pub up: Flow,
    /// From the upstream to the downstream.
    pub down: Flow,
    /// How much may be held, each way.
    limit: usize,
    idle: Option<Idle>,
}

/// One direction.
#[derive(Debug, Default)]
pub struct Flow {
    /// Bytes passed so far.
    pub bytes: u64,
    /// Where it is counted that reading stopped because the other side took no more.
    stats: Option<Rc<FlowStats>>,
    /// What was read and not taken yet.
    held: Vec<u8>,
    /// Whether something was taken that may not be on its way yet: TLS keeps it if the system takes no more.
    unflushed: bool,
    ended: bool,
    /// Whether the end was passed on.
    done: bool,
}

/// How it ended.
#[derive(Debug)]
pub enum Ended {
    /// Both sides have ended, the upstream's last.
    ByUpstream,
    /// Both sides have ended, the downstream's last.
    ByDownstream,
    /// The upstream's connection broke.
    UpstreamBroke(io::Error),
    /// The downstream's connection broke.
    DownstreamBroke(io::Error),
    /// Nothing passed for too long.
    Idle,
}

/// The alarm of a relay that must not be idle.
#[derive(Debug)]
struct Idle {
    limit: Duration,
    since: Instant,
    alarm: Alarm,
}

/// Whose fault an error is.
enum Broken {
    Source(io::Error),
    Target(io::Error),
}

// === impl Relay ===

impl Relay {
    /// Nothing has passed yet. `limit` is how much may be held, each way; no limit is that of one read.
    pub fn new(limit: usize, idle_timeout: Option<Duration>) -> Self {
        let limit = if limit == 0 { CHUNK } else { limit.min(CHUNK) };
        let idle = idle_timeout.map(|limit| Idle {
            limit,
            since: clock::now(),
            alarm: Alarm::after(limit),
        });
        Self { up: Flow::default(), down: Flow::default(), limit, idle }
    }

    /// Has it counted there when one side takes no more of what the other sends: the upstream first.
    #[must_use]
    pub fn counting(mut self, up: Rc<FlowStats>, down: Rc<FlowStats>) -> Self {
        (self.up.stats, self.down.stats) = (Some(up), Some(down));
        self
    }

    /// Carries bytes until both sides have ended, or something is wrong.
    pub fn poll<D, U>(&mut self, cx: &mut Context<'_>, down: &mut D, up: &mut U) -> Poll<Ended>
    where
        D: AsyncRead + AsyncWrite + Unpin,
        U: AsyncRead + AsyncWrite + Unpin,
    {
        let before = self.up.bytes + self.down.bytes;
        let upstream_had_ended = self.down.done;
        let upwards = self.up.poll(cx, self.limit, down, up);
        let downwards = self.down.poll(cx, self.limit, up, down);
        for (flow, polled) in [(true, upwards), (false, downwards)] {
            match polled {
                Poll::Ready(Err(Broken::Source(error))) => return Poll::Ready(broken(flow, error)),
                Poll::Ready(Err(Broken::Target(error))) => {
                    return Poll::Ready(broken(!flow, error));
                }
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        if self.up.done && self.down.done {
            let last = if upstream_had_ended { Ended::ByDownstream } else { Ended::ByUpstream };
            return Poll::Ready(last);
        }
        if self.up.bytes + self.down.bytes > before
            && let Some(idle) = &mut self.idle
        {
            idle.since = clock::now();
        }
        match &mut self.idle {
            Some(idle) => idle.poll(cx).map(|()| Ended::Idle),
            None => Poll::Pending,
        }
    }
}

fn broken(downstream: bool, error: io::Error) -> Ended {
    if downstream { Ended::DownstreamBroke(error) } else { Ended::UpstreamBroke(error) }
}

// === impl Flow ===

impl Flow {
    fn poll<S, T>(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
        source: &mut S,
        target: &mut T,
    ) -> Poll<Result<(), Broken>>
    where
        S: AsyncRead + Unpin,
        T: AsyncWrite + Unpin,
    {
        loop {
            ready!(self.poll_held(cx, target)).map_err(Broken::Target)?;
            if self.done {
                return Poll::Ready(Ok(()));
            }
            if self.ended {
                ready!(Pin::new(&mut *target).poll_shutdown(cx)).map_err(Broken::Target)?;
                self.done = true;
                return Poll::Ready(Ok(()));
            }
            let polled = self.poll_chunk(cx, limit, source, target)?;
            if polled.is_pending() {
                return self.poll_flush(cx, target);
            }
        }
    }

    /// Nothing more comes at the moment: what was taken goes on its way.
    fn poll_flush<T>(&mut self, cx: &mut Context<'_>, target: &mut T) -> Poll<Result<(), Broken>>
    where
        T: AsyncWrite + Unpin,
    {
        if self.unflushed {
            ready!(Pin::new(target).poll_flush(cx)).map_err(Broken::Target)?;
            self.unflushed = false;
        }
        Poll::Pending
    }

    /// Writes what is held. What was held long may have been much, and is memory.
    fn poll_held<T>(&mut self, cx: &mut Context<'_>, target: &mut T) -> Poll<io::Result<()>>
    where
        T: AsyncWrite + Unpin,
    {
        while !self.held.is_empty() {
            self.unflushed = true;
            match ready!(Pin::new(&mut *target).poll_write(cx, &self.held))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => drop(self.held.drain(..written)),
            }
            if self.held.is_empty() {
                self.held = Vec::new();
                if let Some(stats) = &self.stats {
                    stats.resumed.inc();
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once, and passes on as much as is taken at once.
    fn poll_chunk<S, T>(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
        source: &mut S,
        target: &mut T,
    ) -> Poll<Result<(), Broken>>
    where
        S: AsyncRead + Unpin,
        T: AsyncWrite + Unpin,
    {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(&mut scratch[..limit]);
            ready!(Pin::new(source).poll_read(cx, &mut buffer)).map_err(Broken::Source)?;
            let bytes = buffer.filled();
            self.bytes += bytes.len() as u64;
            if bytes.is_empty() {
                self.ended = true;
                return Poll::Ready(Ok(()));
            }
            self.unflushed = true;
            let written = match Pin::new(target).poll_write(cx, bytes) {
                Poll::Ready(written) => written.map_err(Broken::Target)?,
                Poll::Pending => 0,
            };
            if written < bytes.len() {
                if let Some(stats) = &self.stats {
                    stats.stopped.inc();
                }
                self.held = bytes[written..].to_vec();
            }
            Poll::Ready(Ok(()))
        })
    }
}

// === impl Idle ===

impl Idle {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.alarm.poll(cx).is_ready() {
            let left = self.limit.saturating_sub(self.since.elapsed());
            if left.is_zero() {
                return Poll::Ready(());
            }
            self.alarm.set(clock::now() + left);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::rc::Rc;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::{Ended, Relay};
    use crate::stats::{Counter, FlowStats};

    #[tokio::test(start_paused = true)]
    async fn each_side_may_end_first_and_still_be_told_the_rest() {
        let (mut client, mut down) = duplex(64);
        let (mut up, mut server) = duplex(64);
        let mut relay = Relay::new(1024, None);
        let run = poll_fn(|cx| relay.poll(cx, &mut down, &mut up));
        let ends = async {
            client.write_all(b"question").await.unwrap();
            client.shutdown().await.unwrap();
            let mut question = Vec::new();
            server.read_to_end(&mut question).await.unwrap();
            assert_eq!(question, b"question");
            server.write_all(b"answer").await.unwrap();
            drop(server);
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, b"answer");
        };
        let (ended, ()) = tokio::join!(run, ends);
        assert!(matches!(ended, Ended::ByUpstream), "{ended:?}");
        assert_eq!((relay.up.bytes, relay.down.bytes), (8, 6));
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_stops_who_sends() {
        let (mut client, mut down) = duplex(16);
        let (mut up, mut server) = duplex(16);
        let flow = || FlowStats { stopped: Counter::default(), resumed: Counter::default() };
        let upwards = Rc::new(flow());
        let mut relay = Relay::new(32, None).counting(upwards.clone(), Rc::new(flow()));
        let run = poll_fn(|cx| relay.poll(cx, &mut down, &mut up));
        let ends = async {
            let data = [7; 100];
            let all = client.write_all(&data);
            let stuck = tokio::time::timeout(Duration::from_secs(1), all).await;
            assert!(stuck.is_err(), "16 on each side and at most 32 between are less than 100");
            // What is on either side has room for no more than 16, so that is what one read brings to be held.
            let mut some = [0; 48];
            server.read_exact(&mut some).await.unwrap();
            drop((client, server));
        };
        let (_ended, ()) = tokio::join!(run, ends);
        assert!(upwards.resumed.value() > 0);
        assert!(upwards.stopped.value() >= upwards.resumed.value());
        assert!(relay.up.bytes <= 100);
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_when_nothing_has_passed_for_long() {
        let start = tokio::time::Instant::now();
        let (mut client, mut down) = duplex(16);
        let (mut up, _server) = duplex(16);
        let mut relay = Relay::new(32, Some(Duration::from_secs(10)));
        let run = poll_fn(|cx| relay.poll(cx, &mut down, &mut up));
        let later = async {
            tokio::time::sleep(Duration::from_secs(7)).await;
            client.write_all(b"x").await.unwrap();
        };
        let (ended, ()) = tokio::join!(run, later);
        assert!(matches!(ended, Ended::Idle));
        assert!(start.elapsed().as_secs() <= 17);
    }
}
