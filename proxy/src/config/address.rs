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

/// `envoy.config.core.v3.CidrRange`: addresses that begin alike.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CidrRange {
    /// `address_prefix`.
    pub address: IpAddr,
    /// `prefix_len`: how many bits count; more than an address has are all of them.
    pub length: u32,
}

// === impl CidrRange ===

impl CidrRange {
    /// Whether the address is one of these. An IPv4 address is none of IPv6, however it is written.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(range), IpAddr::V4(address)) => {
                let differ = range.to_bits() ^ address.to_bits();
                differ.leading_zeros() >= self.length.min(32)
            }
            (IpAddr::V6(range), IpAddr::V6(address)) => {
                let differ = range.to_bits() ^ address.to_bits();
                differ.leading_zeros() >= self.length.min(128)
            }
            _ => false,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::CidrRange;

    #[test]
    fn a_range_is_who_begins_alike() {
        let contains = |range: &str, length, address: &str| {
            let range = CidrRange { address: range.parse().unwrap(), length };
            range.contains(address.parse().unwrap())
        };
        assert!(contains("10.1.2.3", 8, "10.9.9.9"));
        assert!(!contains("10.1.2.3", 8, "11.1.2.3"));
        assert!(contains("1.2.3.4", 33, "1.2.3.4"));
        assert!(!contains("1.2.3.4", 33, "1.2.3.5"));
        assert!(contains("1.2.3.4", 0, "8.8.8.8"));
        assert!(!contains("1.2.3.4", 0, "::1"));
        assert!(contains("fd00::", 8, "fdff::1"));
        assert!(!contains("::ffff:10.0.0.0", 104, "10.0.0.1"));
    }
}
