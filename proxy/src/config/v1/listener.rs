//! Listeners of the v1 form.

use crate::config::note::Note;
use crate::config::source::{At, Node, Value};

use super::build::{self, Build, Part};
use super::object::{Context, Key, Kind, Object, POSITIVE, optional, required};
use super::tcp_proxy::{self, Proxy};
use super::{address, network_filter, tls};

const KEYS: &[Key] = &[
    required("address", Kind::Text),
    required("filters", Kind::List),
    optional("name", Kind::Name),
    optional("ssl_context", Kind::Object),
    optional("bind_to_port", Kind::Bool),
    optional("use_proxy_proto", Kind::Bool),
    optional("use_original_dst", Kind::Bool),
    optional("transparent", Kind::Bool),
    optional("per_connection_buffer_limit_bytes", POSITIVE),
    optional("drain_type", Kind::Word(&["default", "modify_only"])),
];

/// The package of v3's listener filters.
const PACKAGE: &str = "envoy.extensions.filters.listener";

/// One listener as v3's.
pub(super) fn convert(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let listener = cx.closed(node, KEYS)?;
    let mut direction = None;
    let mut proxies = None;
    let filters = listener.convert_list("filters", |node| {
        let filter = network_filter::convert(node, cx)?;
        direction = direction.take().or(filter.direction);
        proxies = proxies.take().or(filter.proxies);
        Some(filter.node)
    });
    let socket = listener.convert("ssl_context", |node| tls::downstream(node, cx));
    let each = filters.iter().chain(&socket).map(|part| build::size(&part.node)).sum::<usize>();
    let many = proxies.as_ref().map_or(0, Vec::len);
    if each.saturating_mul(many) > build::MOST_REPEATED {
        let message = "too many routes of a TCP proxy, v3 repeats the other filters for each";
        cx.findings.error(listener.at, message);
        return None;
    }
    let chains = filters.map(|filters| chains(filters, socket, proxies.as_deref()));
    let flag = |key| listener.switch(key, |at| Node::new(at, Value::Bool(true)));
    let limit = "per_connection_buffer_limit_bytes";
    let built = Build::at(listener.at)
        .same(&["name"], &listener)
        .maybe("address", listener.convert("address", |node| address::literal(node, cx)))
        .maybe("listener_filters", listener_filters(&listener))
        .note("listener_filters", Note::ListenerFilters)
        .maybe("filter_chain_matcher", proxies.as_deref().and_then(tcp_proxy::matcher))
        .maybe("filter_chains", chains)
        .maybe("use_original_dst", flag("use_original_dst"))
        .maybe("transparent", flag("transparent"))
        .same(&["bind_to_port", limit], &listener)
        .maybe("drain_type", listener.convert("drain_type", build::upper))
        .maybe("traffic_direction", direction)
        .note("traffic_direction", Note::Direction);
    Some(built.finish())
}

/// The filters in one chain, or in one for each TCP proxy that the listener chooses among, which goes last.
fn chains(filters: Part, socket: Option<Part>, proxies: Option<&[Proxy]>) -> Part {
    let Some(proxies) = proxies else {
        return filters.map(|filters| {
            let chain = Build::at(filters.at).set("filters", filters);
            build::list_of(chain.maybe("transport_socket", socket).finish())
        });
    };
    let Part { key, node } = filters;
    let Value::List(before) = node.value else { return Part { key, node } };
    let chain = |(index, proxy): (usize, &Proxy)| {
        let at = proxy.config.at;
        let last = Build::extension(at, "envoy.filters.network.tcp_proxy", proxy.config.clone());
        let all = before.iter().cloned().chain([last.finish()]).collect();
        let chain = Build::at(at).text("name", at, &tcp_proxy::chain_name(index));
        chain.list("filters", at, all).maybe("transport_socket", socket.clone()).finish()
    };
    let mut chains: Vec<Node> = proxies.iter().enumerate().map(chain).collect();
    if chains.is_empty() {
        // A chain without filters closes what it gets.
        chains.push(Build::at(node.at).finish());
    }
    Part { key, node: Node::new(node.at, Value::List(chains)) }
}

/// What read the connection's beginning, in the order of 2018.
fn listener_filters(listener: &Object<'_>) -> Option<Part> {
    let filter = |key: &str, name: &str, message: &str| {
        listener.switch(key, |at: At| {
            let config = Build::any(at, &format!("{PACKAGE}.{message}")).finish();
            Build::extension(at, &format!("envoy.filters.listener.{name}"), config).finish()
        })
    };
    let original = filter("use_original_dst", "original_dst", "original_dst.v3.OriginalDst");
    let proxy = filter("use_proxy_proto", "proxy_protocol", "proxy_protocol.v3.ProxyProtocol");
    let key = proxy.as_ref().or(original.as_ref())?.key;
    let filters = [original, proxy].into_iter().flatten().map(|part| part.node).collect();
    Some(Part { key, node: Node::new(key, Value::List(filters)) })
}
