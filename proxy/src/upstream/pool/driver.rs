//! Runs one upstream connection until it ends, and keeps its books.

use std::cell::{Cell, OnceCell, RefCell};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::base::alarm::Alarm;
use crate::base::{clock, task};
use crate::message::body::Pace;
use crate::stream_info::Tls;
use crate::transport::{Meter, Stream};
use crate::upstream::connect::{Dialed, millis};
use crate::upstream::pool::ExchangeError;
use crate::upstream::pool::opening::Occupied;
use crate::upstream::{Cluster, Host, tunnel};

/// What a connection's driver and its users both look at.
#[derive(Debug)]
pub(in crate::upstream) struct State {
    /// Requests it ever carried.
    pub(in crate::upstream) requests: Cell<u64>,
    /// Requests it carries now.
    pub(in crate::upstream) active: Cell<u32>,
    /// How many requests the peer lets it carry at a time.
    pub(super) capacity: Cell<usize>,
    /// Since when it carries none.
    pub(super) idle_since: Cell<Instant>,
    /// Whether it is we who end it: it takes no more requests, and ends with those that it carries.
    pub(in crate::upstream) given_up: Cell<bool>,
    /// Whether it is to end at once, whatever it carries.
    broken: Cell<bool>,
    /// Whether it has ended.
    pub(super) ended: Cell<bool>,
    /// Who is to get the connection itself, if it is upgraded.
    pub(super) upgrade: RefCell<Option<oneshot::Sender<Upgraded>>>,
    /// Who waits for what the peer allows.
    pub(super) watcher: RefCell<Option<Waker>>,
    /// Our end.
    pub(in crate::upstream) local: Option<SocketAddr>,
    /// Whether it still asks for the request's body that it sends; HTTP/1.
    pub(super) pace: Rc<Pace>,
    /// Its TLS, if the cluster has it.
    pub(in crate::upstream) tls: Option<Rc<Tls>>,
    /// The driver.
    waker: OnceCell<Waker>,
}

/// A connection's entry in the books, from the first byte to the last.
#[derive(Debug)]
pub(in crate::upstream) struct Open {
    cluster: Arc<Cluster>,
    host: Arc<Host>,
    since: Instant,
    pub(in crate::upstream) state: Rc<State>,
    _occupied: Occupied,
}

/// How many requests a connection takes at a time, and what is left of it after an upgrade.
pub(super) type Ways<C> = (fn(&C) -> usize, fn(C) -> Option<Stream>);

/// A connection that was upgraded. Its books are open until this is dropped.
#[derive(Debug)]
pub(super) struct Upgraded {
    pub(super) stream: Stream,
    pub(super) books: UpgradedBooks,
}

/// Keeps the books of such a connection open.
#[derive(Debug)]
pub(super) struct UpgradedBooks {
    state: Rc<State>,
    _open: oneshot::Sender<()>,
}

impl tunnel::Books for UpgradedBooks {
    fn ended_by_host(&self) {
        self.state.given_up.set(false);
    }

    /// HTTP/1 knows no half of a connection.
    fn ends_in_order(&self) -> bool {
        false
    }
}

/// The least that hyper's codec for HTTP/1 can do with.
const LEAST_BUFFER: usize = 8 * 1024;

/// More than this is of no use to it, and would only be memory.
const MOST_BUFFER: usize = 400 * 1024;

/// How much a codec may hold back for a slow peer, with this `per_connection_buffer_limit_bytes`.
pub(super) fn buffer(limit: u32) -> usize {
    (limit as usize).clamp(LEAST_BUFFER, MOST_BUFFER)
}

// === impl State ===

impl State {
    /// Ends the connection, whatever it is in the middle of.
    pub(super) fn break_off(&self) {
        self.given_up.set(true);
        self.broken.set(true);
        self.wake();
    }

    /// Has the driver look at it.
    pub(super) fn wake(&self) {
        if let Some(driver) = self.waker.get() {
            driver.wake_by_ref();
        }
    }

    /// Whether it takes no more requests, and ends with those that it carries.
    pub(super) fn leaves(&self) -> bool {
        self.given_up.get()
    }

    fn is_broken_off(&self) -> bool {
        self.broken.get()
    }
}

// === impl Open ===

impl Open {
    /// Opens the books on a connection that was just made, and makes it a counted stream.
    pub(in crate::upstream) fn new(
        cluster: &Arc<Cluster>,
        host: &Arc<Host>,
        Dialed { socket, tls }: Dialed,
        occupied: Occupied,
    ) -> (Self, Stream) {
        let now = clock::now();
        let state = State {
            requests: Cell::new(0),
            active: Cell::new(0),
            capacity: Cell::new(1),
            idle_since: Cell::new(now),
            given_up: Cell::new(false),
            broken: Cell::new(false),
            ended: Cell::new(false),
            upgrade: RefCell::new(None),
            watcher: RefCell::new(None),
            local: socket.local_addr().ok(),
            pace: Rc::default(),
            tls,
            waker: OnceCell::new(),
        };
        let meter = Meter {
            received: cluster.stats.upstream_cx_rx_bytes_total.clone(),
            sent: cluster.stats.upstream_cx_tx_bytes_total.clone(),
            unsent: cluster.stats.upstream_cx_tx_bytes_buffered.clone(),
        };
        let open = Self {
            since: now,
            state: Rc::new(state),
            _occupied: occupied,
            cluster: cluster.clone(),
            host: host.clone(),
        };
        (open, Stream::new(socket, meter))
    }

    /// Drives `connection` in a task of its own; `on_end` is told when it has ended. `stream` gives what is left of it
    /// after an upgrade.
    pub(super) fn drive<C, E, F>(self, mut connection: C, (capacity, stream): Ways<C>, on_end: F)
    where
        C: Future<Output = Result<(), E>> + Unpin + 'static,
        E: Into<ExchangeError> + 'static,
        F: FnOnce() + 'static,
    {
        task::spawn(async move {
            let ended = self.run(&mut connection, capacity).await;
            let wanted = self.state.upgrade.take();
            if let (Ok(()), Some(tell)) = (&ended, wanted)
                && let Some(stream) = stream(connection)
            {
                self.serve_upgraded(stream, tell).await;
            }
            self.close(&ended);
            self.state.ended.set(true);
            drop(self);
            on_end();
        });
    }

    /// Hands over the connection, and waits until it is not used any more.
    async fn serve_upgraded(&self, stream: Stream, tell: oneshot::Sender<Upgraded>) {
        let (open, mut closed) = oneshot::channel();
        // It is we who end it, unless the host is heard to.
        self.state.given_up.set(true);
        let books = UpgradedBooks { state: self.state.clone(), _open: open };
        if tell.send(Upgraded { stream, books }).is_ok() {
            // Nothing is ever sent: the sender goes with the books.
            let _ = (&mut closed).await;
        }
    }

    async fn run<C, E>(
        &self,
        connection: &mut C,
        capacity: fn(&C) -> usize,
    ) -> Result<(), ExchangeError>
    where
        C: Future<Output = Result<(), E>> + Unpin,
        E: Into<ExchangeError>,
    {
        let idle_timeout = self.cluster.config.idle_timeout;
        let mut alarm = idle_timeout.map(|after| (after, Alarm::after(after)));
        let mut life = self.cluster.config.max_connection_duration.map(Alarm::after);
        poll_fn(|cx| {
            self.state.waker.get_or_init(|| cx.waker().clone());
            // Its codec might wait for the rest of a request that nobody is to get.
            if self.state.is_broken_off() {
                return Poll::Ready(Ok(()));
            }
            let polled = Pin::new(&mut *connection).poll(cx);
            self.state.pace.turn_ends();
            self.state.capacity.set(capacity(connection));
            if let Some(watcher) = self.state.watcher.take() {
                watcher.wake();
            }
            if let Some(alarm) = &mut life
                && alarm.poll(cx).is_ready()
            {
                life = None;
                self.cluster.stats.upstream_cx_max_duration_reached.inc();
                // It ends with what it carries.
                self.state.given_up.set(true);
            }
            if polled.is_pending() && self.state.given_up.get() && self.state.active.get() == 0 {
                return Poll::Ready(Ok(()));
            }
            if polled.is_pending()
                && let Some((after, alarm)) = &mut alarm
                && self.is_idle_for(*after, alarm, cx)
            {
                self.state.given_up.set(true);
                self.cluster.stats.upstream_cx_idle_timeout.inc();
                return Poll::Ready(Ok(()));
            }
            polled.map_err(Into::into)
        })
        .await
    }

    /// Whether the connection carried nothing for `limit`. The alarm is set anew only when it has gone off, since
    /// moving it with every request would cost every request.
    fn is_idle_for(&self, limit: Duration, alarm: &mut Alarm, cx: &mut Context<'_>) -> bool {
        while alarm.poll(cx).is_ready() {
            let idle = match self.state.active.get() {
                0 => self.state.idle_since.get().elapsed(),
                _ => Duration::ZERO,
            };
            let Some(left) = limit.checked_sub(idle).filter(|left| !left.is_zero()) else {
                return true;
            };
            alarm.set(clock::now() + left);
        }
        false
    }

    /// Closes the books.
    pub(in crate::upstream) fn close(&self, ended: &Result<(), ExchangeError>) {
        let stats = &self.cluster.stats;
        let busy = self.state.active.get() > 0;
        stats.upstream_cx_destroy.inc();
        let (side, side_busy) = if self.state.given_up.get() {
            (&stats.upstream_cx_destroy_local, &stats.upstream_cx_destroy_local_with_active_rq)
        } else {
            (&stats.upstream_cx_destroy_remote, &stats.upstream_cx_destroy_remote_with_active_rq)
        };
        side.inc();
        if busy {
            side_busy.inc();
            stats.upstream_cx_destroy_with_active_rq.inc();
        }
        if let Err(error) = ended {
            tracing::debug!(cluster = %self.cluster.name, host = %self.host.address, %error, "upstream connection broke");
        }
        stats.upstream_cx_length_ms.record(millis(self.since.elapsed()));
        stats.upstream_rq_per_cx.record(self.state.requests.get());
    }
}
