//! Listeners of the v1 form.

use crate::config::note::Note;
use crate::config::source::{At, Node, Value};

use super::build::{self, Build, Part};
use super::object::{Context, Key, Kind, Object, POSITIVE, optional, required};
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
    let filters = listener.convert_list("filters", |node| {
        let filter = network_filter::convert(node, cx)?;
        direction = direction.take().or(filter.direction);
        Some(filter.node)
    });
    let socket = listener.convert("ssl_context", |node| tls::downstream(node, cx));
    let chain = filters.map(|filters| {
        let chain = Build::at(filters.node.at);
        build::list_of(chain.set("filters", filters).maybe("transport_socket", socket).finish())
    });
    let flag = |key| listener.switch(key, |at| Node::new(at, Value::Bool(true)));
    let limit = "per_connection_buffer_limit_bytes";
    let built = Build::at(listener.at)
        .same(&["name"], &listener)
        .maybe("address", listener.convert("address", |node| address::literal(node, cx)))
        .maybe("listener_filters", listener_filters(&listener))
        .note("listener_filters", Note::ListenerFilters)
        .maybe("filter_chains", chain)
        .maybe("use_original_dst", flag("use_original_dst"))
        .maybe("transparent", flag("transparent"))
        .same(&["bind_to_port", limit], &listener)
        .maybe("drain_type", listener.convert("drain_type", build::upper))
        .maybe("traffic_direction", direction)
        .note("traffic_direction", Note::Direction);
    Some(built.finish())
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
