//! A connection's bytes, counted as they pass.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::stats::{Counter, Gauge};

/// Up to how many bytes of several slices are sent as one.
const MOST_JOINED: usize = 2048;

thread_local! {
    /// Where they are joined.
    static JOINED: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(MOST_JOINED));
}

/// One transport connection.
#[derive(Debug)]
pub struct Stream {
    socket: TcpStream,
    /// Bytes read ahead of the codec, to tell which one it is; given out first.
    ahead: Vec<u8>,
    meter: Meter,
    unsent: Unsent,
}

/// This connection's share of [`Meter::unsent`].
#[derive(Debug)]
struct Unsent {
    gauge: Gauge,
    bytes: u64,
}

/// Where bytes are counted.
#[derive(Clone, Debug)]
pub struct Meter {
    /// Bytes from the peer.
    pub received: Counter,
    /// Bytes to the peer.
    pub sent: Counter,
    /// Bytes that wait because the peer takes no more now: as much of them as the codec has offered.
    pub unsent: Gauge,
}

// === impl Stream ===

impl Stream {
    /// A connection whose bytes count in `meter`.
    pub fn new(socket: TcpStream, meter: Meter) -> Self {
        let unsent = Unsent { gauge: meter.unsent.clone(), bytes: 0 };
        Self { socket, ahead: Vec::new(), meter, unsent }
    }

    /// Has the peer told by a reset, when the stream is dropped, that something went wrong.
    pub fn reset_on_close(&self) {
        // A socket that cannot be told so is broken, and its peer knows.
        let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
    }

    /// Counts what came of an attempt to send so many bytes.
    fn count_sent(&mut self, polled: &Poll<io::Result<usize>>, offered: usize) {
        let sent = match polled {
            Poll::Ready(Ok(sent)) => *sent,
            Poll::Ready(Err(_)) => offered,
            Poll::Pending => 0,
        };
        if let Poll::Ready(Ok(sent)) = polled {
            self.meter.sent.add(*sent as u64);
        }
        self.unsent.set(offered.saturating_sub(sent) as u64);
    }

    /// Gives `bytes`, which were read from it already, out again before all others.
    pub fn put_back(&mut self, mut bytes: Vec<u8>) {
        bytes.append(&mut self.ahead);
        self.ahead = bytes;
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let length = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead[..length]);
            self.ahead.drain(..length);
            if self.ahead.is_empty() {
                self.ahead = Vec::new();
            }
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.socket).poll_read(cx, buffer);
        let read = buffer.filled().len() - before;
        if read > 0 {
            self.meter.received.add(read as u64);
        }
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.count_sent(&polled, bytes.len());
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A plain send costs the system less than one of several slices, and more than a small copy does.
        if let [only] = slices {
            return self.poll_write(cx, only);
        }
        let offered = slices.iter().map(|slice| slice.len()).sum::<usize>();
        if offered <= MOST_JOINED {
            return JOINED.with_borrow_mut(|joined| {
                joined.clear();
                slices.iter().for_each(|slice| joined.extend_from_slice(slice));
                self.poll_write(cx, joined)
            });
        }
        let polled = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.count_sent(&polled, offered);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

// === impl Meter ===

impl Default for Meter {
    /// One that no stat shows.
    fn default() -> Self {
        static UNSEEN: LazyLock<Meter> = LazyLock::new(|| Meter {
            received: Counter::default(),
            sent: Counter::default(),
            unsent: Gauge::default(),
        });
        UNSEEN.clone()
    }
}

// === impl Unsent ===

impl Unsent {
    fn set(&mut self, bytes: u64) {
        if bytes > self.bytes {
            self.gauge.add(bytes - self.bytes);
        } else if bytes < self.bytes {
            self.gauge.sub(self.bytes - bytes);
        }
        self.bytes = bytes;
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.set(0);
    }
}
