//! An address we accept on: `envoy.config.listener.v3.Listener`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::address::{CidrRange, SocketAddress};
use super::hcm::HttpConnectionManager;
use super::matcher::StringMatcher;
use super::tcp_proxy::TcpProxy;
use super::tls::Downstream;

/// `listener_filters_timeout` where the file says nothing: 15 seconds, Envoy's.
pub const DEFAULT_LISTENER_FILTERS_TIMEOUT: Duration = Duration::from_secs(15);

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
    /// `envoy.resource_limits.listener.<name>.connection_limit` of the runtime: how many connections it has at a time.
    pub most_connections: Option<u64>,
    /// `ignore_global_conn_limit`: its connections do not count among those of all listeners.
    pub ignores_global_limit: bool,
    /// `listener_filters`, in order.
    pub listener_filters: Vec<ListenerFilter>,
    /// `listener_filters_timeout`; none is off.
    pub listener_filters_timeout: Option<Duration>,
    /// `continue_on_listener_filters_timeout`: a connection whose listener filters are late goes on without them.
    pub continues_on_timeout: bool,
    /// `filter_chains`, and last the `default_filter_chain` if there is one.
    pub chains: Vec<FilterChain>,
    /// Which of the chains is the default one.
    pub default_chain: Option<usize>,
    /// `filter_chain_matcher`: finds the chain, in place of what the chains themselves say.
    pub matcher: Option<Matcher>,
}

/// Reads a connection's beginning, before its filter chain is chosen.
#[derive(Clone, Debug)]
pub enum ListenerFilter {
    /// `envoy.filters.listener.proxy_protocol`.
    ProxyProtocol(ProxyProtocol),
    /// `envoy.filters.listener.tls_inspector`: looks at what a client asks for, before its chain is chosen.
    TlsInspector,
}

/// `envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol`: who the client is says a header before all
/// else.
#[derive(Clone, Debug, Default)]
pub struct ProxyProtocol {
    /// `allow_requests_without_proxy_protocol`.
    pub optional: bool,
    /// `disallowed_versions` has V1.
    pub without_v1: bool,
    /// `disallowed_versions` has V2.
    pub without_v2: bool,
    /// `stat_prefix`: stats are `proxy_proto.<stat_prefix>.`; empty leaves it out.
    pub stat_prefix: String,
}

/// One filter chain: `envoy.config.listener.v3.FilterChain`.
#[derive(Clone, Debug)]
pub struct FilterChain {
    /// `name`; may be empty.
    pub name: String,
    /// `filter_chain_match`.
    pub criteria: FilterChainMatch,
    /// The network filters before the terminal one.
    pub filters: Vec<NetworkFilter>,
    /// The terminal one.
    pub terminal: Terminal,
    /// `transport_socket`; none is plain text.
    pub tls: Option<Arc<Downstream>>,
    /// `transport_socket_connect_timeout`: how long a handshake may take; none is off.
    pub handshake_timeout: Option<Duration>,
}

/// `envoy.config.listener.v3.FilterChainMatch`: which connections a chain takes. What is empty takes all.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FilterChainMatch {
    /// `destination_port`.
    pub destination_port: Option<u16>,
    /// `prefix_ranges`, of the address that the client connected to.
    pub destinations: Vec<CidrRange>,
    /// `server_names`, that the client asks for, as a TLS inspector has seen; in lower case.
    pub server_names: Vec<ServerName>,
    /// `transport_protocol`.
    pub transport: Option<Transport>,
    /// `application_protocols`, of which the client must offer one.
    pub protocols: Vec<String>,
    /// `direct_source_prefix_ranges`, of the connection's peer.
    pub direct_sources: Vec<CidrRange>,
    /// `source_type`.
    pub source_type: SourceType,
    /// `source_prefix_ranges`, of who the peer says it speaks for.
    pub sources: Vec<CidrRange>,
    /// `source_ports`.
    pub source_ports: Vec<u16>,
}

/// A name of `server_names`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ServerName {
    /// The name itself.
    Exact(String),
    /// `*` and this, which begins with a dot.
    Suffix(String),
}

/// `transport_protocol`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// `tls`.
    Tls,
    /// `raw_buffer`: anything else.
    RawBuffer,
}

/// `source_type`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SourceType {
    /// Whoever.
    #[default]
    Any,
    /// From this machine.
    SameIpOrLoopback,
    /// From another one.
    External,
}

/// `xds.type.matcher.v3.Matcher`, with names of filter chains as its actions.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    /// `matcher_list`: the first that holds decides.
    pub list: Vec<(Predicate, OnMatch)>,
    /// `on_no_match`.
    pub otherwise: Option<Box<OnMatch>>,
}

/// `xds.type.matcher.v3.Matcher.OnMatch`.
#[derive(Clone, Debug)]
pub enum OnMatch {
    /// `matcher`: goes on there.
    Matcher(Matcher),
    /// `action`: the filter chain, by its place in [`Listener::chains`].
    Chain(usize),
}

/// A condition on a connection.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// `custom_match` of an address.
    Address(End, Vec<CidrRange>),
    /// `value_match` of an address or a port as text.
    Text(Input, StringMatcher),
    /// `or_matcher`.
    Or(Vec<Self>),
    /// `and_matcher`.
    And(Vec<Self>),
    /// `not_matcher`.
    Not(Box<Self>),
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Who called.
    Source,
    /// Who was called.
    Destination,
}

/// What a text matcher looks at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Input {
    /// `SourceIPInput`, `DestinationIPInput`.
    Address(End),
    /// `SourcePortInput`, `DestinationPortInput`.
    Port(End),
}

/// A network filter before the terminal one.
#[derive(Clone, Debug)]
pub enum NetworkFilter {
    /// `envoy.filters.network.connection_limit`.
    ConnectionLimit(Arc<ConnectionLimit>),
    /// `envoy.filters.network.local_ratelimit`.
    LocalRateLimit(Arc<LocalRateLimit>),
}

/// `envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit`.
#[derive(Clone, Debug)]
pub struct ConnectionLimit {
    /// `stat_prefix`: stats are `connection_limit.<stat_prefix>.`.
    pub stat_prefix: String,
    /// `max_connections`.
    pub max_connections: u64,
    /// `delay`: how long a connection over the limit is kept waiting for its end.
    pub delay: Option<Duration>,
    /// `runtime_enabled`.
    pub enabled: bool,
}

/// `envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit`.
#[derive(Clone, Debug)]
pub struct LocalRateLimit {
    /// `stat_prefix`: stats are `local_rate_limit.<stat_prefix>.`.
    pub stat_prefix: String,
    /// `token_bucket.max_tokens`.
    pub max_tokens: u32,
    /// `token_bucket.tokens_per_fill`.
    pub tokens_per_fill: u32,
    /// `token_bucket.fill_interval`.
    pub fill_interval: Duration,
    /// `runtime_enabled`.
    pub enabled: bool,
}

/// What a filter chain ends in.
#[derive(Clone, Debug)]
pub enum Terminal {
    /// `envoy.filters.network.http_connection_manager`.
    Http(Arc<HttpConnectionManager>),
    /// `envoy.filters.network.tcp_proxy`.
    Tcp(Arc<TcpProxy>),
    /// `envoy.filters.network.echo`.
    Echo,
    /// `envoy.filters.network.direct_response`: these bytes.
    DirectResponse(Bytes),
    /// A chain without filters closes what it gets.
    Nothing,
}

// === impl Listener ===

impl Listener {
    /// The HTTP connection managers of its chains, with the chain's number.
    pub fn managers(&self) -> impl Iterator<Item = (usize, &Arc<HttpConnectionManager>)> {
        self.chains.iter().enumerate().filter_map(|(index, chain)| match &chain.terminal {
            Terminal::Http(manager) => Some((index, manager)),
            _ => None,
        })
    }

    /// The same, to be changed.
    pub fn managers_mut(
        &mut self,
    ) -> impl Iterator<Item = (usize, &mut Arc<HttpConnectionManager>)> {
        self.chains.iter_mut().enumerate().filter_map(|(index, chain)| match &mut chain.terminal {
            Terminal::Http(manager) => Some((index, manager)),
            _ => None,
        })
    }

    /// The connection manager of its first chain that has one, with the chain's number.
    pub fn manager(&self) -> Option<(usize, &Arc<HttpConnectionManager>)> {
        self.managers().next()
    }
}

// === impl FilterChain ===

impl FilterChain {
    /// A chain that takes every connection.
    pub fn of(terminal: Terminal) -> Self {
        let criteria = FilterChainMatch::default();
        Self {
            name: String::new(),
            criteria,
            filters: Vec::new(),
            terminal,
            tls: None,
            handshake_timeout: None,
        }
    }
}
