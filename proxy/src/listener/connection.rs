//! One accepted connection: its listener filters, then its filter chain.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::base::clock;
use crate::config::listener::Terminal;
use crate::overload::Slot;
use crate::stream_info::{Downstream, Opening};
use crate::transport::tls::hello::Hello;
use crate::transport::tls::{Accepted, Acceptor};
use crate::transport::{Raw, Socket};

use super::filter::{self, Refused};
use super::stats::WorkerStats;
use super::{Chain, Listener, chain_match};

/// Where a connection was accepted.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) listener: Arc<Listener>,
    pub(super) chains: Rc<[Chain]>,
    pub(super) worker: Rc<WorkerStats>,
    /// Among all connections, and among those of the listener.
    pub(super) _slots: [Option<Slot>; 2],
}

// === impl Place ===

impl Place {
    /// Serves a connection until it ends.
    pub(super) async fn serve(self, mut socket: TcpStream, mut downstream: Downstream) {
        let mut ahead = Vec::new();
        let mut hello = None;
        if !self.listener.config.listener_filters.is_empty() {
            let ready =
                Box::pin(self.filter(&mut socket, &mut ahead, (&mut downstream, &mut hello))).await;
            if !ready {
                return;
            }
        }
        let config = &self.listener.config;
        let stats = &self.listener.stats;
        let Some(index) = chain_match::find(config, &downstream, hello.as_ref()) else {
            stats.no_filter_chain_match.inc();
            tracing::debug!(client = %downstream.remote, "no filter chain takes the connection");
            return;
        };
        stats.downstream_cx_total.inc();
        self.worker.downstream_cx_total.inc();
        let _active = (stats.downstream_cx_active.hold(), self.worker.downstream_cx_active.hold());
        let start = clock::now();
        if let Terminal::Nothing = config.chains[index].terminal {
            stats.network_extension_config_missing.inc();
        } else {
            let asked = hello.and_then(|hello| hello.server_name).map(Rc::from);
            self.carry(index, (socket, ahead), (downstream, asked)).await;
        }
        stats.downstream_cx_destroy.inc();
        let millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        stats.downstream_cx_length_ms.record(millis);
    }

    /// Makes the connection, if it is one of TLS, and has its chain serve it.
    async fn carry(
        &self,
        index: usize,
        (socket, ahead): (TcpStream, Vec<u8>),
        (downstream, server_name): (Downstream, Option<Rc<str>>),
    ) {
        let chain = &self.chains[index];
        let Some(_admitted) = chain.admit(downstream).await else { return };
        let Some(Some(acceptor)) = self.listener.acceptors.get(index) else {
            let opening = Opening { tls: None, server_name };
            return chain.serve(Socket::plain(socket, ahead), opening, downstream).await;
        };
        // Boxed: a connection without TLS has no room in it for a handshake.
        let handshake = Box::pin(self.handshake(index, acceptor, Raw::new(socket, ahead)));
        match handshake.await {
            Some(Accepted { socket, tls }) => {
                let opening = Opening { tls: Some(Rc::new(tls)), server_name };
                chain.serve(socket, opening, downstream).await;
            }
            None => chain.terminal.fail_handshake(downstream),
        }
    }

    /// Makes a connection of TLS, in time.
    async fn handshake(&self, index: usize, acceptor: &Acceptor, raw: Raw) -> Option<Accepted> {
        let limit = self.listener.config.chains[index].handshake_timeout;
        let reason = match timeout(limit.unwrap_or(Duration::MAX), acceptor.accept(raw)).await {
            Ok(Ok(accepted)) => return Some(accepted),
            Ok(Err(failure)) => failure.to_string(),
            Err(_elapsed) => {
                self.listener.stats.downstream_cx_transport_socket_connect_timeout.inc();
                String::from("connection timed out before the handshake was done")
            }
        };
        let address = self.listener.address;
        tracing::debug!(%address, %reason, "a connection with TLS was not made");
        None
    }

    /// Runs the listener filters, in time. Says whether the connection goes on.
    async fn filter(
        &self,
        socket: &mut TcpStream,
        ahead: &mut Vec<u8>,
        (downstream, hello): (&mut Downstream, &mut Option<Hello>),
    ) -> bool {
        let (config, stats) = (&self.listener.config, &self.listener.stats);
        let _active = stats.downstream_pre_cx_active.hold();
        let run = filter::run(&self.listener, socket, ahead, (downstream, hello));
        let limit = config.listener_filters_timeout.unwrap_or(Duration::MAX);
        let refused = match timeout(limit, run).await {
            Ok(Ok(())) => return true,
            Ok(Err(refused)) => refused,
            Err(_elapsed) => {
                stats.downstream_pre_cx_timeout.inc();
                if config.continues_on_timeout {
                    return true;
                }
                Refused::Late
            }
        };
        if refused == Refused::Gone {
            stats.downstream_listener_filter_remote_close.inc();
        }
        tracing::debug!(client = %downstream.direct, reason = ?refused, "a listener filter closes the connection");
        filter::reset(socket);
        false
    }
}
