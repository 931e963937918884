//! Which filter chain owns a connection.

use super::most_exact;
use crate::config::address::CidrRange;
use crate::config::listener::{FilterChain, FilterChainMatch, SourceType, Terminal};
use crate::stream_info::Downstream;

fn chain(criteria: FilterChainMatch) -> FilterChain {
    FilterChain { criteria, ..FilterChain::of(Terminal::Nothing) }
}

fn range(text: &str) -> CidrRange {
    let (address, length) = text.split_once('/').unwrap();
    CidrRange { address: address.parse().unwrap(), length: length.parse().unwrap() }
}

fn find(chains: &[FilterChain], remote: &str, local: &str) -> Option<usize> {
    most_exact(chains, &Downstream::new(remote.parse().unwrap(), local.parse().unwrap()), None)
}

#[test]
fn the_longest_prefix_wins_and_nobody_goes_back() {
    let to = |texts: &[&str]| texts.iter().map(|text| range(text)).collect();
    let chains = [
        chain(FilterChainMatch { destinations: to(&["10.0.0.0/8"]), ..Default::default() }),
        chain(FilterChainMatch {
            destinations: to(&["10.1.0.0/16"]),
            source_ports: vec![7],
            ..Default::default()
        }),
        chain(FilterChainMatch { destination_port: Some(443), ..Default::default() }),
        chain(FilterChainMatch::default()),
    ];
    let from = "8.8.8.8:1";
    assert_eq!(find(&chains, from, "10.2.0.1:80"), Some(0));
    assert_eq!(find(&chains, "8.8.8.8:7", "10.1.0.1:80"), Some(1));
    assert_eq!(find(&chains, from, "10.1.0.1:80"), None, "the first would take it");
    assert_eq!(find(&chains, from, "10.1.0.1:443"), Some(2), "the port is looked at first");
    assert_eq!(find(&chains, from, "9.9.9.9:80"), Some(3));
    assert_eq!(find(&chains[..3], from, "9.9.9.9:80"), None);
}

#[test]
fn who_comes_from_this_machine_is_told_from_others() {
    let of = |source_type| chain(FilterChainMatch { source_type, ..Default::default() });
    let chains = [of(SourceType::SameIpOrLoopback), of(SourceType::External)];
    assert_eq!(find(&chains, "127.0.0.1:1", "10.0.0.1:80"), Some(0));
    assert_eq!(find(&chains, "127.0.0.5:1", "10.0.0.1:80"), Some(1), "as Envoy has it");
    assert_eq!(find(&chains, "10.0.0.1:1", "10.0.0.1:80"), Some(0));
    assert_eq!(find(&chains, "10.0.0.2:1", "10.0.0.1:80"), Some(1));
    let chains = [of(SourceType::Any), of(SourceType::External)];
    assert_eq!(find(&chains, "127.0.0.1:1", "10.0.0.1:80"), Some(0));
}
