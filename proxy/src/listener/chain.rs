//! A filter chain on one worker: filters that may stop a connection, and the one that serves it.

use std::rc::Rc;

use bytes::Bytes;
use tokio::time::sleep;

use crate::hcm::{self, Hcm};
use crate::network::{self, Admitted, Filter, TcpProxy, Verdict};
use crate::stream_info::{Downstream, Opening};
use crate::transport::{Meter, Socket, Stream};

/// One filter chain.
#[derive(Debug)]
pub struct Chain {
    /// The filters before the terminal one.
    pub filters: Vec<Filter>,
    /// The terminal one.
    pub terminal: Terminal,
}

/// What serves the connections of a chain.
#[derive(Clone, Debug)]
pub enum Terminal {
    /// An HTTP connection manager.
    Http(Rc<Hcm>),
    /// A TCP proxy.
    Tcp(Rc<TcpProxy>),
    /// What comes goes back.
    Echo,
    /// These bytes.
    DirectResponse(Bytes),
    /// Nobody: it is closed.
    Nothing,
}

// === impl Chain ===

impl Chain {
    /// A chain without other filters.
    pub fn of(terminal: Terminal) -> Self {
        Self { filters: Vec::new(), terminal }
    }

    /// Asks the filters before the terminal one; says what keeps their count of it, or that one closes it.
    pub(super) async fn admit(&self, downstream: Downstream) -> Option<Vec<Admitted>> {
        let mut admitted = Vec::new();
        for filter in &self.filters {
            match filter.admit() {
                Verdict::Continue(place) => admitted.extend(place),
                Verdict::Close(delay) => {
                    if let Some(delay) = delay {
                        sleep(delay).await;
                    }
                    self.terminal.refuse(downstream, delay.is_none());
                    return None;
                }
            }
        }
        Some(admitted)
    }

    /// Serves a connection until it ends.
    pub(super) async fn serve(&self, socket: Socket, opening: Opening, downstream: Downstream) {
        // Boxed by kind: the task of an HTTP connection has no room in it for those of the others.
        match &self.terminal {
            Terminal::Http(hcm) => {
                hcm::connection::serve(hcm.clone(), socket, opening, downstream).await
            }
            Terminal::Tcp(proxy) => Box::pin(proxy.serve(socket, opening, downstream)).await,
            other => Box::pin(other.answer(socket)).await,
        }
    }
}

// === impl Terminal ===

impl Terminal {
    /// Counts a connection that another filter of the chain has closed.
    fn refuse(&self, downstream: Downstream, at_once: bool) {
        match self {
            Self::Http(hcm) => hcm::connection::refuse(hcm),
            Self::Tcp(proxy) => proxy.refuse(downstream, at_once),
            Self::Echo | Self::DirectResponse(_) | Self::Nothing => {}
        }
    }

    /// Counts a connection whose handshake has failed.
    pub(super) fn fail_handshake(&self, downstream: Downstream) {
        match self {
            Self::Http(hcm) => hcm::connection::fail_handshake(hcm),
            Self::Tcp(proxy) => proxy.refuse(downstream, false),
            Self::Echo | Self::DirectResponse(_) | Self::Nothing => {}
        }
    }

    /// Serves a connection in which nobody else has a part.
    async fn answer(&self, socket: Socket) {
        // No stats of Envoy's count these bytes.
        let stream = Stream::new(socket, Meter::default());
        let ended = match self {
            Self::Echo => network::echo(stream).await,
            Self::DirectResponse(response) => network::respond(stream, response.clone()).await,
            Self::Http(_) | Self::Tcp(_) | Self::Nothing => Ok(()),
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "downstream connection broke");
        }
    }
}
