//! Checks a host by a TCP connection, and by what comes over it.

use std::future;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::config::health_check::Tcp;
use crate::transport::Stream;

use super::checker::Target;
use super::payload;
use super::progress::{Failure, Outcome};

/// Bytes that do not match are kept, since the rest may come; beyond this (Envoy's connection buffer) nothing more is
/// read, and the check ends by its timeout.
const MOST_KEPT: usize = 1024 * 1024;

/// How much is read at a time.
const CHUNK: usize = 4096;

/// One host's checks.
pub(super) struct Client {
    target: Target,
    config: Arc<Tcp>,
    socket: Option<Stream>,
    received: Vec<u8>,
}

// === impl Client ===

impl Client {
    pub(super) fn new(target: Target, config: Arc<Tcp>) -> Self {
        Self { target, config, socket: None, received: Vec::new() }
    }

    /// Forgets the connection.
    pub(super) fn reset(&mut self) {
        self.socket = None;
        self.received = Vec::new();
    }

    pub(super) async fn check(&mut self) -> Outcome {
        let passed = self.exchange().await;
        if passed.is_err() || !self.target.reuse || self.config.receive.is_empty() {
            self.reset();
        }
        match passed {
            Ok(()) => Outcome::Passed { degraded: false },
            Err(error) => {
                tracing::debug!(address = %self.target.address, %error, "health check: no answer");
                Outcome::failed(Failure::Network)
            }
        }
    }

    async fn exchange(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        let mut socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.target.connect().await?,
        };
        // In this case Envoy sends nothing, whatever there is to send.
        if self.config.receive.is_empty() {
            return Ok(());
        }
        socket.write_all(&self.config.send).await?;
        socket.flush().await?;
        let socket = self.socket.insert(socket);
        while !payload::contains(&self.received, &self.config.receive) {
            if self.received.len() >= MOST_KEPT {
                future::pending::<()>().await;
            }
            self.received.reserve(CHUNK);
            if socket.read_buf(&mut self.received).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
        self.received.clear();
        Ok(())
    }

    /// Waits for the connection to close by itself, if it was kept.
    pub(super) async fn broken(&mut self) {
        let Some(socket) = &mut self.socket else { return future::pending().await };
        while self.received.len() < MOST_KEPT {
            self.received.reserve(CHUNK);
            match socket.read_buf(&mut self.received).await {
                Ok(0) | Err(_) => {
                    self.reset();
                    return;
                }
                Ok(_) => {}
            }
        }
        future::pending().await
    }
}
