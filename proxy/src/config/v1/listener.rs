//! Listeners of the v1 form.

use crate::config::source::{Node, Quoted, Value};

use super::build::{self, Build};
use super::object::{Context, Key, Kind, POSITIVE, optional, refused, required};
use super::{address, hcm};

const KEYS: &[Key] = &[
    required("address", Kind::Text),
    required("filters", Kind::List),
    optional("name", Kind::Name),
    optional("bind_to_port", Kind::Bool),
    optional("per_connection_buffer_limit_bytes", POSITIVE),
    optional("use_proxy_proto", Kind::Off),
    optional("use_original_dst", Kind::Off),
    optional("transparent", Kind::Off),
    optional("drain_type", Kind::Word(&["default", "modify_only"])),
    refused("ssl_context"),
];

const FILTER: &[Key] = &[
    required("name", Kind::Text),
    required("config", Kind::Object),
    optional("type", Kind::Ignored),
];

/// Network filters that v1 files name and that are not supported yet.
const KNOWN: &[&str] =
    &["tcp_proxy", "echo", "ratelimit", "client_ssl_auth", "redis_proxy", "mongo_proxy"];

const HCM: &str = "http_connection_manager";

/// One listener as v3's.
pub(super) fn convert(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let listener = cx.closed(node, KEYS)?;
    let filters = listener.convert_list("filters", |node| filter(node, cx));
    let chains = filters.map(|filters| {
        let chain = Build::at(filters.at).set("filters", filters).finish();
        Node::new(chain.at, Value::List(vec![chain]))
    });
    let limit = "per_connection_buffer_limit_bytes";
    let built = Build::at(listener.at)
        .maybe("name", listener.copy("name"))
        .maybe("address", listener.convert("address", |node| address::literal(node, cx)))
        .maybe("filter_chains", chains)
        .maybe("bind_to_port", listener.copy("bind_to_port"))
        .maybe(limit, listener.copy(limit))
        .maybe("drain_type", listener.convert("drain_type", build::upper));
    Some(built.finish())
}

/// One network filter as v3's. The names of v2 work in v1 files too.
fn filter(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let filter = cx.closed(node, FILTER)?;
    let (name, config) = (filter.text("name")?, filter.get("config")?);
    let bare = name.strip_prefix("envoy.").unwrap_or(name);
    if bare != HCM {
        let at = filter.get("name")?.at;
        if KNOWN.contains(&bare) {
            cx.findings.error(at, format!("filter {} is not supported yet", Quoted(name)));
        } else {
            let message = format!("there is no network filter {}", Quoted(name));
            cx.findings.error(at, message).did_you_mean(bare, KNOWN.iter().copied().chain([HCM]));
        }
        return None;
    }
    cx.loose = true;
    let config = hcm::convert(config, cx);
    cx.loose = false;
    let built = Build::at(filter.at)
        .text("name", filter.at, "envoy.filters.network.http_connection_manager")
        .set("typed_config", config?);
    Some(built.finish())
}
