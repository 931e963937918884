//! Closes a connection so that the client gets what was last written to it.
//!
//! Closing a socket with bytes of the client unread makes the system send a reset, which may overtake our last
//! response. So we end our side, read on for a while, and close when the client does (RFC 9112 §9.6).

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// How much is read meanwhile, so that a client that goes on sending does not keep us busy.
const MOST: u64 = 1024 * 1024;

/// How a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Gave {
    /// The client closed.
    Way,
    /// It did not, and we closed.
    Up,
}

/// Ends our side and waits for the client to end its own, for `delayed_close_timeout`.
pub(super) async fn until_client_closes(
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    patience: Option<Duration>,
) -> Gave {
    if io.shutdown().await.is_err() {
        return Gave::Way;
    }
    let Some(patience) = patience else { return Gave::Way };
    let mut rest = io.take(MOST);
    let mut sink = tokio::io::sink();
    let drained = timeout(patience, async {
        tokio::io::copy(&mut rest, &mut sink).await.is_err() || rest.limit() > 0
    });
    if drained.await.unwrap_or(false) { Gave::Way } else { Gave::Up }
}
