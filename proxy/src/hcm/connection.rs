//! One downstream connection from its first byte to its last.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::base::clock;
use crate::config::hcm::Codec;
use crate::stats::{Counter, Gauge, GaugeGuard};
use crate::stream_info::Downstream;
use crate::transport::peek::{self, Peeked};
use crate::transport::{Meter, Stream};

use super::{Hcm, codec};

/// What a connection's codec and its streams both look at.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) downstream: Downstream,
    /// Streams under way.
    active: Cell<u32>,
    /// Since when there are none.
    idle_since: Cell<Instant>,
    /// Whether it closes when what is under way is done.
    closing: Cell<bool>,
    /// Whether the client went away in the middle of something.
    reset: Cell<bool>,
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
pub async fn serve(hcm: Rc<Hcm>, socket: TcpStream, downstream: Downstream) {
    let start = clock::now();
    let stats = &hcm.stats;
    stats.downstream_cx_total.inc();
    let _active = stats.downstream_cx_active.hold();
    let meter = Meter {
        received: stats.downstream_cx_rx_bytes_total.clone(),
        sent: stats.downstream_cx_tx_bytes_total.clone(),
    };
    let connection = Rc::new(Connection::new(downstream));
    let end = run(&hcm, &connection, Stream::new(socket, meter)).await;
    connection.close(&hcm, end, start);
}

async fn run(hcm: &Rc<Hcm>, connection: &Rc<Connection>, mut stream: Stream) -> End {
    let peeked = match hcm.config.codec {
        Codec::Http1 => Peeked::Http1,
        Codec::Http2 => Peeked::Http2,
        Codec::Auto => match codec::patiently(hcm, peek::protocol(&mut stream)).await {
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
            codec::http2(hcm, connection, stream).await
        }
    }
}

fn opened(total: &Counter, active: &Gauge) -> GaugeGuard {
    total.inc();
    active.hold()
}

// === impl Connection ===

impl Connection {
    fn new(downstream: Downstream) -> Self {
        Self {
            downstream,
            active: Cell::new(0),
            idle_since: Cell::new(clock::now()),
            closing: Cell::new(false),
            reset: Cell::new(false),
        }
    }

    /// A stream has begun.
    pub(super) fn begin_stream(&self) {
        self.active.set(self.active.get() + 1);
    }

    /// A stream has ended.
    pub(super) fn end_stream(&self) {
        self.active.set(self.active.get() - 1);
        self.idle_since.set(clock::now());
    }

    /// For how long no stream has been under way.
    pub(super) fn idle_for(&self) -> Duration {
        if self.active.get() == 0 { self.idle_since.get().elapsed() } else { Duration::ZERO }
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
        if self.reset.get() || self.active.get() > 0 {
            side_busy.inc();
            stats.downstream_cx_destroy_active_rq.inc();
        }
        let millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        stats.downstream_cx_length_ms.record(millis);
    }
}
