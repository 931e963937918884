//! `envoy.config.listener.v3.Listener` and its filter chains.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::base::random;
use crate::config::address::{CidrRange, SocketAddress};
use crate::config::diagnostic::Findings;
use crate::config::listener::{
    DEFAULT_BACKLOG, DEFAULT_BUFFER_LIMIT, DEFAULT_LISTENER_FILTERS_TIMEOUT, FilterChain,
    FilterChainMatch, Listener, ListenerFilter, Matcher, ServerName, SourceType, Transport,
};
use crate::config::source::{At, Quoted};
use crate::config::tls::DEFAULT_HANDSHAKE_TIMEOUT;

use super::message::Message;
use super::{address, chain_matcher, listener_filter, network_filter, protocol, tls};

/// `listener_filters`, their timeout, and whether a late connection goes on.
type Filters = (Vec<ListenerFilter>, Option<Duration>, bool);

/// Lowers a listener.
pub(super) fn lower(
    listener: &Message<'_>,
    clusters: Option<&BTreeSet<&str>>,
    findings: &mut Findings,
) -> Option<Listener> {
    let address = address::literal(listener, "address", "a listener resolves no names", findings);
    let found = chains(listener, clusters, findings);
    let matcher = listener.message("filter_chain_matcher");
    let matcher = match (&found, matcher) {
        (Some((chains, _)), Some(matcher)) => chain_matcher::lower(matcher, chains, findings),
        (Some((chains, default)), None) => {
            check_apart(listener, &chains[..default.unwrap_or(chains.len())], findings);
            None
        }
        (None, matcher) => {
            // Which chains there are is not known.
            matcher.into_iter().for_each(Message::dismiss_all);
            None
        }
    };
    let listener_filters: Vec<_> = listener
        .messages("listener_filters")
        .filter_map(|filter| listener_filter::lower(filter, findings))
        .collect();
    let (filters_timeout, continues) =
        ("listener_filters_timeout", "continue_on_listener_filters_timeout");
    let listener_filters_timeout =
        protocol::timeout(Some(listener), filters_timeout, Some(DEFAULT_LISTENER_FILTERS_TIMEOUT));
    let continues_on_timeout = listener.bool(continues).unwrap_or_default();
    let lowered = (listener_filters, listener_filters_timeout, continues_on_timeout);
    finish(listener, address, (found?, matcher), lowered)
}

/// Puts together what was lowered.
fn finish(
    listener: &Message<'_>,
    address: Option<SocketAddress>,
    ((chains, default_chain), matcher): ((Vec<FilterChain>, Option<usize>), Option<Matcher>),
    (listener_filters, listener_filters_timeout, continues_on_timeout): Filters,
) -> Option<Listener> {
    Some(Listener {
        name: listener.nonempty("name").map_or_else(random::uuid, str::to_owned),
        stat_prefix: listener.nonempty("stat_prefix").map(str::to_owned),
        buffer_limit: listener
            .u32("per_connection_buffer_limit_bytes")
            .unwrap_or(DEFAULT_BUFFER_LIMIT),
        backlog: listener.u32("tcp_backlog_size").unwrap_or(DEFAULT_BACKLOG),
        reuse_port: listener.bool("enable_reuse_port").unwrap_or(true),
        bind_to_port: listener.bool("bind_to_port").unwrap_or(true),
        most_connections: None,
        ignores_global_limit: listener.bool("ignore_global_conn_limit").unwrap_or_default(),
        listener_filters,
        listener_filters_timeout,
        continues_on_timeout,
        address: address?,
        chains,
        default_chain,
        matcher,
    })
}

/// All chains, the default one last, and which one that is. None if one is bad, or if there are none.
fn chains(
    listener: &Message<'_>,
    clusters: Option<&BTreeSet<&str>>,
    findings: &mut Findings,
) -> Option<(Vec<FilterChain>, Option<usize>)> {
    let messages: Vec<&Message<'_>> = listener.messages("filter_chains").collect();
    let default = listener.message("default_filter_chain");
    if messages.is_empty() && default.is_none() {
        if listener.is_empty("filter_chains") {
            findings.error(listener.at, "filter_chains is missing");
        }
        return None;
    }
    // All of them are looked at, so that all that is wrong is reported.
    let chains: Vec<_> = messages.into_iter().map(|one| chain(one, clusters, findings)).collect();
    let count = chains.len();
    let last = default.map(|one| chain(one, clusters, findings));
    let default = last.is_some().then_some(count);
    Some((chains.into_iter().chain(last).collect::<Option<_>>()?, default))
}

fn chain(
    chain: &Message<'_>,
    clusters: Option<&BTreeSet<&str>>,
    findings: &mut Findings,
) -> Option<FilterChain> {
    let criteria = chain.message("filter_chain_match");
    let criteria = criteria.map(|criteria| self::criteria(criteria, findings)).unwrap_or_default();
    let name = chain.text("name").unwrap_or_default().to_owned();
    let timeout = "transport_socket_connect_timeout";
    let handshake_timeout =
        protocol::timeout(Some(chain), timeout, Some(DEFAULT_HANDSHAKE_TIMEOUT));
    let tls = tls::downstream(chain, findings);
    let (filters, terminal) = network_filter::lower(chain, clusters, findings)?;
    Some(FilterChain { name, criteria, filters, terminal, tls: tls.ok()?, handshake_timeout })
}

fn criteria(criteria: &Message<'_>, findings: &mut Findings) -> FilterChainMatch {
    let server_names: Vec<_> =
        criteria.texts("server_names").map(|(at, name)| server_name(at, name, findings)).collect();
    let transport = transport(criteria, findings);
    let mut ranges = |field| -> Vec<CidrRange> {
        let ranges = criteria.messages(field);
        ranges.filter_map(|range| address::cidr_range(range, findings)).collect()
    };
    FilterChainMatch {
        server_names: server_names.into_iter().flatten().collect(),
        transport,
        protocols: criteria.texts("application_protocols").map(|(_, one)| one.to_owned()).collect(),
        destinations: ranges("prefix_ranges"),
        direct_sources: ranges("direct_source_prefix_ranges"),
        sources: ranges("source_prefix_ranges"),
        // The schema has checked their range.
        destination_port: criteria
            .u32("destination_port")
            .and_then(|port| u16::try_from(port).ok()),
        source_type: match criteria.enumeration("source_type") {
            Some("SAME_IP_OR_LOOPBACK") => SourceType::SameIpOrLoopback,
            Some("EXTERNAL") => SourceType::External,
            _ => SourceType::Any,
        },
        source_ports: criteria
            .u32s("source_ports")
            .filter_map(|port| u16::try_from(port).ok())
            .collect(),
    }
}

fn server_name(at: At, name: &str, findings: &mut Findings) -> Option<ServerName> {
    let lower = name.to_ascii_lowercase();
    match lower.strip_prefix('*') {
        // In Envoy's words.
        Some(rest) if !rest.starts_with('.') || rest.contains('*') => {}
        Some(rest) => return Some(ServerName::Suffix(rest.to_owned())),
        None if !lower.contains('*') => return Some(ServerName::Exact(lower)),
        None => {}
    }
    let message =
        format!("expected a name, or one that begins with \"*.\", found {}", Quoted(name));
    findings.error(at, message).hint("Envoy has no other wildcards");
    None
}

fn transport(criteria: &Message<'_>, findings: &mut Findings) -> Option<Transport> {
    match criteria.nonempty("transport_protocol")? {
        "tls" => Some(Transport::Tls),
        "raw_buffer" => Some(Transport::RawBuffer),
        other => {
            let message = format!("{} is not supported, tls and raw_buffer are", Quoted(other));
            findings.unsupported(criteria.place("transport_protocol"), message);
            None
        }
    }
}

/// No two chains may ask for the same.
fn check_apart(listener: &Message<'_>, chains: &[FilterChain], findings: &mut Findings) {
    let places = listener.messages("filter_chains").map(|chain| chain.at);
    for (index, (chain, at)) in chains.iter().zip(places).enumerate() {
        if let Some(other) = chains[..index].iter().find(|other| other.criteria == chain.criteria) {
            let message = format!(
                "there is another filter chain of the same filter_chain_match: {}",
                Quoted(&other.name)
            );
            findings.error(at, message);
        }
    }
}
