//! Tells HTTP/2 from HTTP/1 by a connection's first bytes.

use std::io;

use tokio::io::AsyncReadExt;

use super::Stream;

/// What a client that speaks HTTP/2 with prior knowledge sends first (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the first bytes say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Peeked {
    /// The preface of HTTP/2.
    Http2,
    /// Anything else: the HTTP/1 codec will say what it thinks of it.
    Http1,
    /// The peer closed without a byte.
    Closed,
}

/// Reads until it is clear which codec speaks, and puts what was read back.
///
/// Envoy takes a whole preface for HTTP/2 and the first byte that differs for HTTP/1.
///
/// # Errors
/// What the socket says.
pub async fn protocol(stream: &mut Stream) -> io::Result<Peeked> {
    let mut read = Vec::with_capacity(PREFACE.len());
    let peeked = loop {
        let mut some = [0; PREFACE.len()];
        let count = stream.read(&mut some[read.len()..]).await?;
        let from = read.len();
        read.extend_from_slice(&some[from..from + count]);
        if !PREFACE.starts_with(&read) {
            break Peeked::Http1;
        }
        if read.len() == PREFACE.len() {
            break Peeked::Http2;
        }
        if count == 0 {
            break if read.is_empty() { Peeked::Closed } else { Peeked::Http1 };
        }
    };
    stream.put_back(read);
    Ok(peeked)
}
