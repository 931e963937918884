//! Listener filters: what reads a connection's beginning, before its filter chain is chosen.

use std::time::Duration;

use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::config::listener::{ListenerFilter, ProxyProtocol};
use crate::stats::{Counter, Scope, stats};
use crate::stream_info::Downstream;
use crate::transport::proxy_protocol::{self, Parsed, Version};
use crate::transport::tls::hello::{self, Hello, Inspected};

use super::Listener;

/// How much is read at once of what may be a header: a line of version 1, or one of version 2 with its addresses.
const PIECE: usize = 256;

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refused {
    /// It was closed already, or broke.
    Gone,
    /// It took too long.
    Late,
    /// There is no header, and there must be one.
    NoHeader,
    /// The header is wrong.
    WrongHeader,
    /// The first message of its handshake is too large.
    TooLarge,
    /// The header is of a version that is not allowed.
    Version,
}

stats! {
    /// Stats of all filters for the PROXY protocol.
    struct ErrorStats {
        /// Connections refused since their header is wrong or missing
        downstream_cx_proxy_proto_error: Counter,
    }
}

stats! {
    /// Stats of a filter for the PROXY protocol, under `proxy_proto.` or `proxy_proto.<stat_prefix>.`
    struct FoundStats {
        /// Connections let through without a header
        not_found_allowed: Counter,
        /// Connections refused for being without a header
        not_found_disallowed: Counter,
    }
}

stats! {
    /// Stats of one version, under `proxy_proto.versions.<version>.`
    struct VersionStats {
        /// Headers refused for their version
        disallowed: Counter,
        /// Headers that are wrong
        error: Counter,
        /// Headers found
        found: Counter,
    }
}

stats! {
    /// Stats of all filters that inspect TLS, under `tls_inspector.`
    pub(super) struct InspectorStats {
        /// Clients that offered protocols
        alpn_found: Counter,
        /// Clients that offered none
        alpn_not_found: Counter,
        /// How much was read until it was clear
        bytes_processed: Histogram<Bytes>,
        /// Clients whose first message was too large
        client_hello_too_large: Counter,
        /// Clients that asked for a name
        sni_found: Counter,
        /// Clients that did not
        sni_not_found: Counter,
        /// Connections that began with TLS
        tls_found: Counter,
        /// Connections that did not
        tls_not_found: Counter,
    }
}

/// The running state of a listener's filters: one for each, in their order.
#[derive(Debug)]
pub(super) enum FilterStats {
    ProxyProtocol(ProxyStats),
    TlsInspector(InspectorStats),
}

/// That of a filter for the PROXY protocol.
#[derive(Debug)]
pub(super) struct ProxyStats {
    errors: ErrorStats,
    found: FoundStats,
    versions: [VersionStats; 2],
}

/// Runs all filters. What they read and is not theirs is left in `ahead`.
pub(super) async fn run(
    listener: &Listener,
    socket: &mut TcpStream,
    ahead: &mut Vec<u8>,
    (downstream, hello): (&mut Downstream, &mut Option<Hello>),
) -> Result<(), Refused> {
    for (filter, stats) in listener.config.listener_filters.iter().zip(&listener.filter_stats) {
        match (filter, stats) {
            (ListenerFilter::ProxyProtocol(config), FilterStats::ProxyProtocol(stats)) => {
                proxy_protocol(config, stats, (socket, ahead), downstream).await?;
            }
            (ListenerFilter::TlsInspector, FilterStats::TlsInspector(stats)) => {
                *hello = inspect(stats, socket, ahead).await?;
            }
            // They were made for these filters.
            (ListenerFilter::ProxyProtocol(_) | ListenerFilter::TlsInspector, _) => {}
        }
    }
    Ok(())
}

/// Reads what a client says before all else; none if that is no TLS.
async fn inspect(
    stats: &InspectorStats,
    socket: &mut TcpStream,
    ahead: &mut Vec<u8>,
) -> Result<Option<Hello>, Refused> {
    let inspected = loop {
        // The largest first message bounds what it may grow to: 64 KiB, and a record.
        match hello::inspect(ahead) {
            Inspected::Partial => {
                ahead.reserve(PIECE);
                match socket.read_buf(ahead).await {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return Err(Refused::Gone),
                }
            }
            inspected => break inspected,
        }
    };
    stats.bytes_processed.record(ahead.len() as u64);
    match inspected {
        Inspected::Hello(hello) => {
            stats.tls_found.inc();
            let count = |found: bool, yes: &Counter, no: &Counter| match found {
                true => yes.inc(),
                false => no.inc(),
            };
            count(hello.server_name.is_some(), &stats.sni_found, &stats.sni_not_found);
            count(!hello.alpn.is_empty(), &stats.alpn_found, &stats.alpn_not_found);
            Ok(Some(hello))
        }
        Inspected::TooLarge => {
            stats.client_hello_too_large.inc();
            Err(Refused::TooLarge)
        }
        Inspected::Other | Inspected::Partial => {
            stats.tls_not_found.inc();
            Ok(None)
        }
    }
}

/// Has the peer told by a reset that the connection was not wanted.
pub(super) fn reset(socket: &TcpStream) {
    // A socket that cannot be told so is broken, and its peer knows.
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

async fn proxy_protocol(
    config: &ProxyProtocol,
    stats: &ProxyStats,
    (socket, ahead): (&mut TcpStream, &mut Vec<u8>),
    downstream: &mut Downstream,
) -> Result<(), Refused> {
    let parsed = loop {
        // The header bounds what it may grow to: 64 KiB and 16 bytes.
        match config.look(ahead) {
            Parsed::Partial(least) => {
                ahead.reserve(least.max(PIECE));
                match socket.read_buf(ahead).await {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return Err(Refused::Gone),
                }
            }
            parsed => break parsed,
        }
    };
    if let Some(version) = config.disallowed(ahead).filter(|_| !config.optional) {
        stats.version(version).found.inc();
        stats.version(version).disallowed.inc();
        return Err(Refused::Version);
    }
    match parsed {
        Parsed::Header(header) => {
            stats.version(header.version).found.inc();
            ahead.drain(..header.length);
            if let Some((remote, local)) = header.ends {
                (downstream.remote, downstream.local) = (remote, local);
            }
            Ok(())
        }
        Parsed::Wrong(version) => {
            stats.version(version).error.inc();
            stats.errors.downstream_cx_proxy_proto_error.inc();
            Err(Refused::WrongHeader)
        }
        Parsed::Other | Parsed::Partial(_) if config.optional => {
            stats.found.not_found_allowed.inc();
            Ok(())
        }
        Parsed::Other | Parsed::Partial(_) => {
            stats.found.not_found_disallowed.inc();
            stats.errors.downstream_cx_proxy_proto_error.inc();
            Err(Refused::NoHeader)
        }
    }
}

// === impl FilterStats ===

impl FilterStats {
    /// The stats of a filter, below `root`.
    pub(super) fn register(filter: &ListenerFilter, root: &Scope) -> Self {
        match filter {
            ListenerFilter::ProxyProtocol(config) => {
                Self::ProxyProtocol(ProxyStats::register(config, root))
            }
            ListenerFilter::TlsInspector => {
                Self::TlsInspector(InspectorStats::register(&root.scope("tls_inspector")))
            }
        }
    }
}

// === impl ProxyStats ===

impl ProxyStats {
    fn register(config: &ProxyProtocol, root: &Scope) -> Self {
        let mut scope = root.scope("proxy_proto");
        if !config.stat_prefix.is_empty() {
            scope = scope.scope(&config.stat_prefix);
        }
        let versions = scope.scope("versions");
        Self {
            errors: ErrorStats::register(root),
            found: FoundStats::register(&scope),
            versions: ["v1", "v2"].map(|name| VersionStats::register(&versions.scope(name))),
        }
    }

    fn version(&self, version: Version) -> &VersionStats {
        match version {
            Version::V1 => &self.versions[0],
            Version::V2 => &self.versions[1],
        }
    }
}

impl ProxyProtocol {
    /// What the beginning of a connection is, as Envoy decides it.
    fn look(&self, ahead: &[u8]) -> Parsed {
        if self.optional {
            // A header of a version that is not allowed is none.
            return match self.disallowed(ahead) {
                Some(_) => Parsed::Other,
                None => proxy_protocol::parse(ahead),
            };
        }
        match proxy_protocol::parse(ahead) {
            // What is shorter than any header of version 2 may still be no header at all.
            Parsed::Other if ahead.len() < proxy_protocol::HEAD_V2 => Parsed::Partial(1),
            parsed => parsed,
        }
    }

    /// The version that the bytes begin like, if it is not allowed.
    fn disallowed(&self, ahead: &[u8]) -> Option<Version> {
        if ahead.is_empty() {
            return None;
        }
        proxy_protocol::version(ahead).filter(|version| match version {
            Version::V1 => self.without_v1,
            Version::V2 => self.without_v2,
        })
    }
}
