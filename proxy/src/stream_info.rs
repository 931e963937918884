//! What we learn about one request on its way, for stats and access logs.

pub mod certificate;
mod flags;
mod limits;
mod tls;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

pub use self::flags::{Flag, Flags};
pub use self::limits::{Limit, StreamLimits};
pub use self::tls::{Chain, Opening, Tls};

/// What we learn about one request.
#[derive(Debug)]
pub struct StreamInfo {
    /// When its head was complete.
    pub start: Instant,
    /// The same by the wall clock; read only when a log will print it.
    pub start_wall: Option<SystemTime>,
    /// The downstream protocol.
    pub protocol: Protocol,
    /// The status sent downstream; none before there is one.
    pub response_code: Option<u16>,
    /// Why it was not an ordinary answer.
    pub flags: Flags,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub details: Option<Cow<'static, str>>,
    /// `%CONNECTION_TERMINATION_DETAILS%`.
    pub termination_details: Option<Cow<'static, str>>,
    /// `%UPSTREAM_TRANSPORT_FAILURE_REASON%`.
    pub transport_failure: Option<String>,
    /// Body bytes from downstream.
    pub bytes_received: u64,
    /// Body bytes to downstream.
    pub bytes_sent: u64,
    /// From `start` to the end of the request.
    pub request_duration: Option<Duration>,
    /// From `start` to the upstream's response head.
    pub response_duration: Option<Duration>,
    /// The whole, set when the stream ends.
    pub duration: Option<Duration>,
    /// The host of the last attempt.
    pub upstream_host: Option<SocketAddr>,
    /// Our end of the last attempt's connection.
    pub upstream_local: Option<SocketAddr>,
    /// The cluster that the route chose.
    pub upstream_cluster: Option<Arc<str>>,
    /// How often the request was sent upstream.
    pub attempts: u32,
    /// The downstream connection's addresses.
    pub downstream: Downstream,
    /// The downstream connection's TLS, if it has any.
    pub tls: Option<Rc<Tls>>,
    /// `%REQUESTED_SERVER_NAME%`: the name that a TLS inspector has seen the client ask for.
    pub server_name: Option<Rc<str>>,
    /// The TLS of the last attempt's connection.
    pub upstream_tls: Option<Rc<Tls>>,
    /// The client: the connection's peer, or who a believed proxy says it is (then without a port).
    pub client: SocketAddr,
    /// Whether the client is one of our own, by `internal_address_config`.
    pub internal: bool,
    /// Whether the request is gRPC, which is told of failures in its own way.
    pub grpc: bool,
    /// Whether upstream gets a gRPC request: it was one, or a filter has made it one.
    pub grpc_upstream: bool,
    /// Whether it is a health check, as the filter of that name says.
    pub health_check: bool,
    /// How long the stream may take, where its route says so itself.
    pub limits: Option<Box<StreamLimits>>,
    /// Whether the response is one that we invented.
    pub local_reply: bool,
    /// `name` of the route that matched.
    pub route_name: Option<Arc<str>>,
    /// `name` of its virtual host.
    pub virtual_host: Option<Arc<str>>,
}

/// The protocol of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
    /// None that is looked into: the connection of a TCP proxy.
    Tcp,
}

/// The two ends of a downstream connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Downstream {
    /// Who called, or for whom the peer says that it does (the PROXY protocol).
    pub remote: SocketAddr,
    /// Where it was accepted, or where the peer says that it was.
    pub local: SocketAddr,
    /// The connection's peer.
    pub direct: SocketAddr,
}

// === impl StreamInfo ===

impl StreamInfo {
    /// A request whose head has just come.
    pub fn new(start: Instant, protocol: Protocol, downstream: Downstream) -> Self {
        Self {
            start,
            start_wall: None,
            protocol,
            response_code: None,
            flags: Flags::default(),
            details: None,
            termination_details: None,
            transport_failure: None,
            bytes_received: 0,
            bytes_sent: 0,
            request_duration: None,
            response_duration: None,
            duration: None,
            upstream_host: None,
            upstream_local: None,
            upstream_cluster: None,
            attempts: 0,
            downstream,
            tls: None,
            server_name: None,
            upstream_tls: None,
            client: downstream.remote,
            internal: false,
            grpc: false,
            grpc_upstream: false,
            health_check: false,
            limits: None,
            local_reply: false,
            route_name: None,
            virtual_host: None,
        }
    }
}

// === impl Downstream ===

impl Downstream {
    /// A connection between these two.
    pub fn new(remote: SocketAddr, local: SocketAddr) -> Self {
        Self { remote, local, direct: remote }
    }
}

// === impl Protocol ===

impl Protocol {
    /// `%PROTOCOL%`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
            Self::Tcp => "-",
        }
    }
}
