//! A connection's bytes, counted as they pass.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::stats::{Counter, Gauge};

use super::tls::TlsStream;

/// Up to how many bytes of several slices are sent as one.
const MOST_JOINED: usize = 2048;

thread_local! {
    /// Where they are joined.
    static JOINED: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(MOST_JOINED));
}

/// One transport connection.
#[derive(Debug)]
pub struct Stream {
    wire: Wire,
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

/// A connection whose bytes are not counted yet.
#[derive(Debug)]
pub struct Socket {
    wire: Wire,
    ahead: Vec<u8>,
}

/// What carries the bytes.
#[derive(Debug)]
enum Wire {
    Plain(TcpStream),
    /// Boxed: a connection without TLS has no room in it for one.
    Tls(Box<TlsStream>),
}

/// A connection as the system has it, with what was read of it already.
#[derive(Debug)]
pub struct Raw {
    socket: TcpStream,
    ahead: Vec<u8>,
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
    pub fn new(socket: impl Into<Socket>, meter: Meter) -> Self {
        let unsent = Unsent { gauge: meter.unsent.clone(), bytes: 0 };
        let Socket { wire, ahead } = socket.into();
        Self { wire, ahead, meter, unsent }
    }

    /// Has the peer told by a reset, when the stream is dropped, that something went wrong.
    pub fn reset_on_close(&self) {
        // A socket that cannot be told so is broken, and its peer knows.
        let _ = SockRef::from(self.wire.tcp()).set_linger(Some(Duration::ZERO));
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

/// Gives out what was read ahead; what it took is memory.
fn give_ahead(ahead: &mut Vec<u8>, buffer: &mut ReadBuf<'_>) {
    let length = ahead.len().min(buffer.remaining());
    buffer.put_slice(&ahead[..length]);
    ahead.drain(..length);
    if ahead.is_empty() {
        *ahead = Vec::new();
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            give_ahead(&mut self.ahead, buffer);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = match &mut self.wire {
            Wire::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Wire::Tls(stream) => poll_read_tls(stream, cx, buffer),
        };
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
        let polled = match &mut self.wire {
            Wire::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Wire::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        };
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
        let polled = match &mut self.wire {
            Wire::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            Wire::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        };
        self.count_sent(&polled, offered);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        match &self.wire {
            Wire::Plain(socket) => socket.is_write_vectored(),
            Wire::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A peer that closes its connection without saying so has ended it all the same: HTTP knows where a message ends.
fn poll_read_tls(
    stream: &mut TlsStream,
    cx: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    match Pin::new(stream).poll_read(cx, buffer) {
        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Poll::Ready(Ok(()))
        }
        polled => polled,
    }
}

// === impl Socket ===

impl Socket {
    /// A connection without TLS, of which these bytes were read already.
    pub fn plain(socket: TcpStream, ahead: Vec<u8>) -> Self {
        Self { wire: Wire::Plain(socket), ahead }
    }

    /// A connection with TLS.
    pub(super) fn tls(stream: Box<TlsStream>) -> Self {
        Self { wire: Wire::Tls(stream), ahead: Vec::new() }
    }

    /// Our end.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.wire.tcp().local_addr()
    }
}

impl From<TcpStream> for Socket {
    fn from(socket: TcpStream) -> Self {
        Self::plain(socket, Vec::new())
    }
}

// === impl Wire ===

impl Wire {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.get_ref().0.socket,
        }
    }
}

// === impl Raw ===

impl Raw {
    /// A connection of which these bytes were read already.
    pub fn new(socket: TcpStream, ahead: Vec<u8>) -> Self {
        Self { socket, ahead }
    }

    /// Its first bytes, as far as they have come, which stay to be read; waits for one.
    pub(super) async fn look(&self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            return self.socket.peek(bytes).await;
        }
        let length = self.ahead.len().min(bytes.len());
        bytes[..length].copy_from_slice(&self.ahead[..length]);
        Ok(length)
    }
}

impl AsyncRead for Raw {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            give_ahead(&mut self.ahead, buffer);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Raw {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
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
