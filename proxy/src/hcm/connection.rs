//! One downstream connection from its first byte to its last.

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;
use std::time::Instant;

use crate::base::clock;
use crate::config::hcm::Codec;
use crate::filter::http::Kept;
use crate::message::Body;
use crate::message::body::Pace;
use crate::message::body::pipe::Sender;
use crate::stats::{Counter, Gauge, GaugeGuard};
use crate::stream_info::{Downstream, Opening};
use crate::transport::peek::{self, Peeked};
use crate::transport::{Meter, Socket, Stream};

use super::head::{Facts, Scan};
use super::pulse::Pulse;
use super::upgrade::Tunnel;
use super::{Hcm, codec, http2};

/// What a connection's codec and its streams both look at.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) downstream: Downstream,
    /// What was learned of it before.
    pub(super) opening: Opening,
    /// Since when there is one.
    pub(super) since: Instant,
    /// What filters keep for it.
    pub(super) kept: Kept,
    /// Streams under way.
    streams: RefCell<Vec<Rc<Pulse>>>,
    /// The stream that began last, until its task takes it.
    begun: RefCell<Option<Rc<Pulse>>>,
    /// Streams so far.
    total: Cell<u32>,
    /// Whether bytes came that no stream has begun with yet.
    head: Cell<bool>,
    /// What the codec does not tell of these bytes.
    scan: RefCell<Scan>,
    /// Since when the timers know of these bytes.
    head_since: Cell<Option<Instant>>,
    /// Whether the next answer is the one to a version that is not accepted.
    low_version: Cell<bool>,
    /// Since when there are none.
    idle_since: Cell<Instant>,
    /// Whether its next response is its last.
    leaving: Cell<bool>,
    /// Whether it closes when what is under way is done.
    closing: Cell<bool>,
    /// Whether the client went away in the middle of something.
    reset: Cell<bool>,
    /// Where what the client sends goes once the connection is upgraded.
    upload: RefCell<Option<Sender>>,
    /// Whether the codec still asks for the response's body; HTTP/1.
    pub(super) pace: Rc<Pace>,
    /// Both directions, once it is.
    tunnel: RefCell<Option<Box<Tunnel>>>,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// The client closed it, or broke it.
    Remote,
    /// We closed it.
    Local,
    /// We closed it since the client broke the protocol.
    Protocol,
}

/// Serves one connection until it ends.
pub async fn serve(hcm: Rc<Hcm>, socket: Socket, opening: Opening, downstream: Downstream) {
    let start = clock::now();
    let stats = &hcm.stats;
    stats.downstream_cx_total.inc();
    let _active = stats.downstream_cx_active.hold();
    let _secure = opening.tls.as_ref().map(|_| {
        stats.downstream_cx_ssl_total.inc();
        stats.downstream_cx_ssl_active.hold()
    });
    let meter = Meter {
        received: stats.downstream_cx_rx_bytes_total.clone(),
        sent: stats.downstream_cx_tx_bytes_total.clone(),
        unsent: stats.downstream_cx_tx_bytes_buffered.clone(),
    };
    let connection = Rc::new(Connection::new(downstream, opening));
    let stream = Stream::new(socket, meter);
    let end = run(&hcm, &connection, stream).await;
    connection.close(&hcm, end, start);
}

/// Counts a connection that a network filter has closed before it was served.
pub fn refuse(hcm: &Hcm) {
    hcm.stats.downstream_cx_total.inc();
    hcm.stats.downstream_cx_destroy.inc();
    hcm.stats.downstream_cx_destroy_local.inc();
}

/// Counts a connection whose handshake has failed.
pub fn fail_handshake(hcm: &Hcm) {
    hcm.stats.downstream_cx_total.inc();
    hcm.stats.downstream_cx_ssl_total.inc();
    hcm.stats.downstream_cx_destroy.inc();
    hcm.stats.downstream_cx_destroy_remote.inc();
}

async fn run(hcm: &Rc<Hcm>, connection: &Rc<Connection>, mut stream: Stream) -> End {
    let peeked = match hcm.config.codec {
        Codec::Http1 => Peeked::Http1,
        Codec::Http2 => Peeked::Http2,
        Codec::Auto if let Some(protocol) = agreed(connection) => protocol,
        Codec::Auto => match codec::patiently(hcm, connection, peek::protocol(&mut stream)).await {
            Some(Ok(peeked)) => peeked,
            Some(Err(_)) => return End::Remote,
            None => return End::Local,
        },
    };
    let stats = &hcm.stats;
    match peeked {
        Peeked::Closed => End::Remote,
        Peeked::Http1 => {
            let _open = opened(&stats.downstream_cx_http1_total, &stats.downstream_cx_http1_active);
            codec::http1(hcm, connection, stream).await
        }
        Peeked::Http2 => {
            let _open = opened(&stats.downstream_cx_http2_total, &stats.downstream_cx_http2_active);
            http2::serve(hcm, connection, stream).await
        }
    }
}

/// What the handshake has agreed on; what is not HTTP/2 there is HTTP/1.
fn agreed(connection: &Connection) -> Option<Peeked> {
    let alpn = connection.opening.tls.as_ref()?.alpn.as_deref()?;
    Some(if alpn == b"h2" { Peeked::Http2 } else { Peeked::Http1 })
}

fn opened(total: &Counter, active: &Gauge) -> GaugeGuard {
    total.inc();
    active.hold()
}

// === impl Connection ===

impl Connection {
    /// A connection with these ends.
    pub(super) fn new(downstream: Downstream, opening: Opening) -> Self {
        let now = clock::now();
        Self {
            downstream,
            opening,
            since: now,
            kept: Kept::default(),
            streams: RefCell::new(Vec::with_capacity(1)),
            begun: RefCell::new(None),
            total: Cell::new(0),
            head: Cell::new(false),
            scan: RefCell::default(),
            head_since: Cell::new(None),
            low_version: Cell::new(false),
            idle_since: Cell::new(now),
            leaving: Cell::new(false),
            closing: Cell::new(false),
            reset: Cell::new(false),
            upload: RefCell::new(None),
            pace: Rc::default(),
            tunnel: RefCell::new(None),
        }
    }

    /// A stream has begun. Says how many have.
    pub(super) fn begin_stream(&self, pulse: &Rc<Pulse>) -> u32 {
        self.streams.borrow_mut().push(pulse.clone());
        self.begun.replace(Some(pulse.clone()));
        self.head.set(false);
        self.head_since.set(None);
        self.total.set(self.total.get().saturating_add(1));
        self.total.get()
    }

    /// A stream has ended, at `now`.
    pub(super) fn end_stream(&self, pulse: &Rc<Pulse>, now: Instant) {
        self.streams.borrow_mut().retain(|stream| !Rc::ptr_eq(stream, pulse));
        self.idle_since.set(now);
    }

    /// The stream that began last; once.
    pub(super) fn take_begun(&self) -> Option<Rc<Pulse>> {
        self.begun.take()
    }

    /// The streams under way.
    pub(super) fn streams(&self) -> Ref<'_, [Rc<Pulse>]> {
        Ref::map(self.streams.borrow(), Vec::as_slice)
    }

    /// Since when no stream has been under way, if none is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.streams.borrow().is_empty().then(|| self.idle_since.get())
    }

    /// Bytes came. Without a stream under way they are the next one's head.
    pub(super) fn bytes_came(&self, bytes: &[u8]) {
        if !self.streams.borrow().is_empty() {
            return;
        }
        self.head.set(true);
        self.scan.borrow_mut().feed(bytes);
    }

    /// What the head of the request that has just come in had and the codec does not tell; once.
    pub(super) fn take_facts(&self) -> Facts {
        self.scan.borrow_mut().take()
    }

    /// Since when a head is coming in, if one is. A head that comes in one piece never gets here, and costs no look at
    /// the clock.
    pub(super) fn head_since(&self) -> Option<Instant> {
        if self.head.get() && self.head_since.get().is_none() {
            self.head_since.set(Some(clock::now()));
        }
        self.head_since.get()
    }

    /// The answer to come is the one to a version that is not accepted.
    pub(super) fn refuse_version(&self) {
        self.low_version.set(true);
    }

    /// Whether the answer to come is that one.
    pub(super) fn is_version_refused(&self) -> bool {
        self.low_version.get()
    }

    /// The same; asked once.
    pub(super) fn take_version_refused(&self) -> bool {
        self.low_version.take()
    }

    /// Its next response is its last.
    pub(super) fn close_after_response(&self) {
        self.leaving.set(true);
    }

    /// Whether it is.
    pub(super) fn leaves(&self) -> bool {
        self.leaving.get()
    }

    /// It closes when what is under way is done.
    pub(super) fn close_soon(&self) {
        self.closing.set(true);
    }

    /// Whether it closes when what is under way is done.
    pub(super) fn closes(&self) -> bool {
        self.closing.get()
    }

    /// The client went away in the middle of a stream.
    pub(super) fn reset_by_client(&self) {
        self.reset.set(true);
    }

    /// A request asks for the connection itself.
    pub(super) fn begin_upload(&self, upload: Sender) {
        self.upload.replace(Some(upload));
    }

    /// It gets it, and `down` is what is sent to the client.
    pub(super) fn begin_tunnel(&self, down: Body) {
        if let Some(up) = self.upload.take() {
            self.tunnel.replace(Some(Box::new(Tunnel::new(up, down))));
        }
    }

    /// What the connection carries now in place of HTTP, if it was upgraded.
    pub(super) fn take_tunnel(&self) -> Option<Box<Tunnel>> {
        self.tunnel.take()
    }

    fn close(&self, hcm: &Hcm, end: End, start: Instant) {
        let stats = &hcm.stats;
        stats.downstream_cx_destroy.inc();
        let (side, side_busy) = match end {
            End::Remote => {
                (&stats.downstream_cx_destroy_remote, &stats.downstream_cx_destroy_remote_active_rq)
            }
            End::Local | End::Protocol => {
                (&stats.downstream_cx_destroy_local, &stats.downstream_cx_destroy_local_active_rq)
            }
        };
        side.inc();
        if self.reset.get() || !self.streams.borrow().is_empty() {
            side_busy.inc();
            stats.downstream_cx_destroy_active_rq.inc();
        }
        let millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        stats.downstream_cx_length_ms.record(millis);
    }
}
