//! Where something listens or is reached: `envoy.config.core.v3.SocketAddress`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// An IP literal or a name to be resolved, and a port.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SocketAddress {
    /// The address part of `socket_address`.
    pub host: Host,
    /// `port_value`.
    pub port: u16,
}

/// The two things an address may name.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Host {
    /// A literal; never resolved.
    Ip(IpAddr),
    /// A DNS name.
    Name(String),
}

// === impl SocketAddress ===

impl SocketAddress {
    /// The address as the system takes it, unless it is a name.
    pub fn literal(&self) -> Option<SocketAddr> {
        match self.host {
            Host::Ip(ip) => Some(SocketAddr::new(ip, self.port)),
            Host::Name(_) => None,
        }
    }
}

impl SocketAddress {
    /// The name, or nothing for a literal.
    pub fn host_name(&self) -> &str {
        match &self.host {
            Host::Ip(_) => "",
            Host::Name(name) => name,
        }
    }
}

impl From<SocketAddr> for SocketAddress {
    fn from(address: SocketAddr) -> Self {
        Self { host: Host::Ip(address.ip()), port: address.port() }
    }
}

impl fmt::Display for SocketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.port),
            Host::Ip(ip) => write!(f, "{ip}:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}
