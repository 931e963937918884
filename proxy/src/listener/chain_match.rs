//! Which filter chain of a listener takes a connection.
//!
//! Envoy looks at one property of a connection after the other, and of the chains that are left keeps those which ask
//! for it most exactly; it never goes back. So do we.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::address::CidrRange;
use crate::config::listener::{
    End, FilterChain, FilterChainMatch, Input, Listener, Matcher, OnMatch, Predicate, ServerName,
    SourceType, Transport,
};
use crate::stream_info::Downstream;
use crate::transport::tls::hello::Hello;

/// The chain that takes the connection, by its number.
pub(super) fn find(listener: &Listener, ends: &Downstream, hello: Option<&Hello>) -> Option<usize> {
    if let Some(matcher) = &listener.matcher {
        return matcher.find(ends).or(listener.default_chain);
    }
    let chains = &listener.chains[..listener.default_chain.unwrap_or(listener.chains.len())];
    // Nearly all listeners have one chain, which takes everything.
    if let [only] = chains
        && only.criteria == FilterChainMatch::default()
    {
        return Some(0);
    }
    most_exact(chains, ends, hello).or(listener.default_chain)
}

fn most_exact(chains: &[FilterChain], ends: &Downstream, hello: Option<&Hello>) -> Option<usize> {
    let mut left: Vec<usize> = (0..chains.len()).collect();
    let criteria = |index: usize| &chains[index].criteria;
    let port = ends.local.port();
    keep(&mut left, |index| match criteria(index).destination_port {
        None => Some(0),
        Some(wanted) => (wanted == port).then_some(1),
    });
    keep(&mut left, |index| exactness(&criteria(index).destinations, ends.local.ip()));
    let asked = hello.and_then(|hello| hello.server_name.as_deref());
    keep(&mut left, |index| name_exactness(&criteria(index).server_names, asked));
    let transport = if hello.is_some() { Transport::Tls } else { Transport::RawBuffer };
    keep(&mut left, |index| match criteria(index).transport {
        None => Some(0),
        Some(wanted) => (wanted == transport).then_some(1),
    });
    let offered = hello.map_or(&[][..], |hello| &hello.alpn);
    keep(&mut left, |index| protocol_exactness(&criteria(index).protocols, offered));
    keep(&mut left, |index| exactness(&criteria(index).direct_sources, ends.direct.ip()));
    let from_here = is_from_here(ends);
    keep(&mut left, |index| match criteria(index).source_type {
        SourceType::Any => Some(0),
        SourceType::SameIpOrLoopback => from_here.then_some(1),
        SourceType::External => (!from_here).then_some(1),
    });
    keep(&mut left, |index| exactness(&criteria(index).sources, ends.remote.ip()));
    keep(&mut left, |index| match criteria(index).source_ports.as_slice() {
        [] => Some(0),
        ports => ports.contains(&ends.remote.port()).then_some(1),
    });
    left.first().copied()
}

/// Keeps those that ask for it most exactly; who asks for something else asks for it not at all.
fn keep<E: Ord>(left: &mut Vec<usize>, exactness: impl Fn(usize) -> Option<E>) {
    let most = left.iter().filter_map(|index| exactness(*index)).max();
    left.retain(|index| most.is_some() && exactness(*index) == most);
}

/// How exactly ranges have the address: the longest prefix, and zero if any address will do.
fn exactness(ranges: &[CidrRange], address: IpAddr) -> Option<u32> {
    if ranges.is_empty() {
        return Some(0);
    }
    let all = if address.is_ipv4() { 32 } else { 128 };
    let around = ranges.iter().filter(|range| range.contains(address));
    around.map(|range| range.length.min(all) + 1).max()
}

/// How exactly names have the one that is asked for: wholly, or by the longest ending.
fn name_exactness(names: &[ServerName], asked: Option<&str>) -> Option<usize> {
    if names.is_empty() {
        return Some(0);
    }
    let asked = asked?;
    let each = names.iter().filter_map(|name| match name {
        ServerName::Exact(name) => (name == asked).then_some(usize::MAX),
        ServerName::Suffix(suffix) => {
            (asked.len() > suffix.len() && asked.ends_with(suffix)).then_some(suffix.len())
        }
    });
    each.max()
}

/// Which of the protocols is offered, those that the client likes better before others.
fn protocol_exactness(protocols: &[String], offered: &[Vec<u8>]) -> Option<usize> {
    if protocols.is_empty() {
        return Some(0);
    }
    let wanted = |offer: &Vec<u8>| protocols.iter().any(|own| own.as_bytes() == offer);
    offered.iter().position(wanted).map(|place| offered.len() - place)
}

/// Of all loopback addresses, Envoy knows one of each family.
fn is_from_here(ends: &Downstream) -> bool {
    let remote = ends.remote.ip();
    remote == Ipv4Addr::LOCALHOST || remote == Ipv6Addr::LOCALHOST || remote == ends.local.ip()
}

// === impl Matcher ===

impl Matcher {
    fn find(&self, ends: &Downstream) -> Option<usize> {
        let met = self.list.iter().find(|(predicate, _)| predicate.holds(ends));
        match met.map(|(_, then)| then).or(self.otherwise.as_deref())? {
            OnMatch::Chain(chain) => Some(*chain),
            OnMatch::Matcher(matcher) => matcher.find(ends),
        }
    }
}

// === impl Predicate ===

impl Predicate {
    fn holds(&self, ends: &Downstream) -> bool {
        match self {
            Self::Address(end, ranges) => {
                let address = end.of(ends).ip();
                ranges.iter().any(|range| range.contains(address))
            }
            Self::Text(input, matcher) => matcher.matches(input.text(ends).as_bytes()),
            Self::Or(any) => any.iter().any(|one| one.holds(ends)),
            Self::And(all) => all.iter().all(|one| one.holds(ends)),
            Self::Not(one) => !one.holds(ends),
        }
    }
}

// === impl End ===

impl End {
    fn of(self, ends: &Downstream) -> SocketAddr {
        match self {
            Self::Source => ends.remote,
            Self::Destination => ends.local,
        }
    }
}

// === impl Input ===

impl Input {
    fn text(self, ends: &Downstream) -> String {
        match self {
            Self::Address(end) => end.of(ends).ip().to_string(),
            Self::Port(end) => end.of(ends).port().to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
