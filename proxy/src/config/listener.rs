//! An address we accept on: `envoy.config.listener.v3.Listener`.

use std::sync::Arc;

use super::address::SocketAddress;
use super::hcm::HttpConnectionManager;

/// `per_connection_buffer_limit_bytes` where the file says nothing: 1 MiB, Envoy's.
pub const DEFAULT_BUFFER_LIMIT: u32 = 1024 * 1024;

/// `tcp_backlog_size` where the file says nothing. Envoy takes the kernel's somaxconn, 4096 on Linux since 5.4.
pub const DEFAULT_BACKLOG: u32 = 4096;

/// One listener.
#[derive(Clone, Debug)]
pub struct Listener {
    /// `name`; a made-up UUID where the file gives none, as in Envoy.
    pub name: String,
    /// `address`; always a literal.
    pub address: SocketAddress,
    /// `stat_prefix`; none uses the address (`listener.127.0.0.1_80.`).
    pub stat_prefix: Option<String>,
    /// `per_connection_buffer_limit_bytes`.
    pub buffer_limit: u32,
    /// `tcp_backlog_size`.
    pub backlog: u32,
    /// `enable_reuse_port`: one listening socket per worker (default true).
    pub reuse_port: bool,
    /// `bind_to_port` (default true).
    pub bind_to_port: bool,
    /// The filter chain's terminal; in this slice a listener has exactly one chain.
    pub terminal: Terminal,
}

/// What a filter chain ends in.
#[derive(Clone, Debug)]
pub enum Terminal {
    /// `envoy.filters.network.http_connection_manager`.
    Http(Arc<HttpConnectionManager>),
}
