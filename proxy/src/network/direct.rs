//! Terminal filters that need nobody else: `envoy.filters.network.echo` and `direct_response`.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::transport::Stream;

/// How much an echo holds.
const CHUNK: usize = 16 * 1024;

/// Sends back what comes, until no more does.
///
/// # Errors
/// The connection broke.
pub async fn echo(mut stream: Stream) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return stream.shutdown().await;
        }
        stream.write_all(&buffer[..count]).await?;
    }
}

/// Sends these bytes, and nothing more.
///
/// # Errors
/// The connection broke.
pub async fn respond(mut stream: Stream, response: Bytes) -> io::Result<()> {
    stream.write_all(&response).await?;
    stream.shutdown().await
}
