//! A filter chain on one worker: filters that may stop a connection, and the one that serves it.

use std::rc::Rc;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::hcm::{self, Hcm};
use crate::network::{self, Filter, TcpProxy, Verdict};
use crate::stream_info::Downstream;
use crate::transport::{Meter, Stream};

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

    /// Serves a connection until it ends, unless a filter closes it; `ahead` are bytes that were read of it already.
    pub(super) async fn serve(&self, socket: TcpStream, ahead: Vec<u8>, downstream: Downstream) {
        let mut admitted = Vec::new();
        for filter in &self.filters {
            match filter.admit() {
                Verdict::Continue(place) => admitted.extend(place),
                Verdict::Close(delay) => {
                    if let Some(delay) = delay {
                        sleep(delay).await;
                    }
                    return self.terminal.refuse(downstream, delay.is_none());
                }
            }
        }
        // Boxed by kind: the task of an HTTP connection has no room in it for those of the others.
        match &self.terminal {
            Terminal::Http(hcm) => {
                hcm::connection::serve(hcm.clone(), socket, ahead, downstream).await
            }
            Terminal::Tcp(proxy) => Box::pin(proxy.serve(socket, ahead, downstream)).await,
            other => Box::pin(other.answer(socket, ahead)).await,
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

    /// Serves a connection in which nobody else has a part.
    async fn answer(&self, socket: TcpStream, ahead: Vec<u8>) {
        // No stats of Envoy's count these bytes.
        let mut stream = Stream::new(socket, Meter::default());
        stream.put_back(ahead);
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
