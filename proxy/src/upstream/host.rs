//! Host: one address in a cluster, with its load.

use std::net::SocketAddr;

use crate::stats::{Counter, Gauge};

/// One address in a cluster.
#[derive(Debug)]
pub struct Host {
    /// Where it is.
    pub address: SocketAddr,
    /// `endpoint.hostname`, or the name that resolved to the address; empty for a literal.
    pub hostname: String,
    /// `load_balancing_weight`, at least 1.
    pub weight: u32,
    /// What it was asked, as `/clusters` shows it.
    pub stats: HostStats,
}

/// What a host was asked; not in the store, since there may be many hosts.
#[derive(Debug, Default)]
pub struct HostStats {
    /// Connections open now.
    pub cx_active: Gauge,
    /// Connections that could not be made.
    pub cx_connect_fail: Counter,
    /// Connections ever opened.
    pub cx_total: Counter,
    /// Requests under way.
    pub rq_active: Gauge,
    /// Requests that ended badly: a 5xx, a reset, a failed connection.
    pub rq_error: Counter,
    /// Requests that ended well.
    pub rq_success: Counter,
    /// Requests that met a timeout.
    pub rq_timeout: Counter,
    /// Requests ever sent.
    pub rq_total: Counter,
}

// === impl Host ===

impl Host {
    /// A host that was asked nothing yet.
    pub fn new(address: SocketAddr, hostname: impl Into<String>, weight: u32) -> Self {
        Self { address, hostname: hostname.into(), weight, stats: HostStats::default() }
    }
}
