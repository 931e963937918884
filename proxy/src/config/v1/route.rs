//! Route tables of the v1 form.

use crate::config::source::{Node, Value};

use super::build::{self, Build};
use super::object::{Context, Key, Kind, NUMBER, Object, optional, refused, required};

const TABLE: &[Key] = &[
    required("virtual_hosts", Kind::List),
    optional("validate_clusters", Kind::Bool),
    refused("internal_only_headers"),
    refused("response_headers_to_add"),
    refused("response_headers_to_remove"),
    refused("request_headers_to_add"),
];

const VIRTUAL_HOST: &[Key] = &[
    required("name", Kind::Name),
    required("domains", Kind::List),
    required("routes", Kind::List),
    refused("cors"),
    refused("require_ssl"),
    refused("virtual_clusters"),
    refused("rate_limits"),
    refused("request_headers_to_add"),
];

const ROUTE: &[Key] = &[
    optional("prefix", Kind::Text),
    optional("path", Kind::Text),
    refused("regex"),
    optional("case_sensitive", Kind::Bool),
    optional("cluster", Kind::Text),
    refused("cluster_header"),
    refused("weighted_clusters"),
    refused("host_redirect"),
    refused("path_redirect"),
    optional("timeout_ms", NUMBER),
    optional("priority", Kind::Word(&["default", "high"])),
    optional("auto_host_rewrite", Kind::Off),
    optional("use_websocket", Kind::Off),
    optional("include_vh_rate_limits", Kind::Off),
    refused("runtime"),
    refused("headers"),
    refused("query_parameters"),
    refused("prefix_rewrite"),
    refused("host_rewrite"),
    refused("retry_policy"),
    refused("shadow"),
    refused("rate_limits"),
    refused("hash_policy"),
    refused("request_headers_to_add"),
    refused("opaque_config"),
    refused("cors"),
    refused("decorator"),
];

/// A route table as v3's.
pub(super) fn convert(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let table = cx.closed(node, TABLE)?;
    let hosts = elements(&table, "virtual_hosts", cx, virtual_host);
    let built = Build::at(table.at)
        .maybe("virtual_hosts", hosts)
        .copy("validate_clusters", table.get("validate_clusters"));
    Some(built.finish())
}

fn virtual_host(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let host = cx.closed(node, VIRTUAL_HOST)?;
    let routes = elements(&host, "routes", cx, route);
    let built = Build::at(host.at)
        .copy("name", host.get("name"))
        .copy("domains", host.get("domains"))
        .maybe("routes", routes);
    Some(built.finish())
}

fn route(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let route = cx.closed(node, ROUTE)?;
    let given = |keys: &[&str]| keys.iter().filter(|key| node.get(key).is_some()).count();
    if given(&["prefix", "path", "regex"]) != 1 {
        cx.findings.error(node.at, "routes must specify one of prefix/path/regex");
        return None;
    }
    let redirects = given(&["host_redirect", "path_redirect"]);
    let targets = given(&["cluster", "cluster_header", "weighted_clusters"]);
    if redirects > 0 && targets > 0 {
        cx.findings.error(node.at, "routes must be either redirects or cluster targets");
    } else if redirects == 0 && targets != 1 {
        let message = "routes must specify one of cluster/cluster_header/weighted_clusters";
        cx.findings.error(node.at, message);
    }
    let path = ["prefix", "path"].into_iter().find_map(|key| Some((key, route.get(key)?)));
    let (key, path) = path?;
    let matcher = Build::at(path.at)
        .copy(key, Some(path))
        .copy("case_sensitive", route.get("case_sensitive"))
        .finish();
    let action = Build::at(route.at)
        .copy("cluster", Some(route.get("cluster")?))
        .maybe("timeout", build::milliseconds(cx.number(&route, "timeout_ms")))
        .upper("priority", route.get("priority"))
        .finish();
    Some(Build::at(route.at).set("match", matcher).set("route", action).finish())
}

fn elements(
    object: &Object<'_>,
    key: &str,
    cx: &mut Context<'_>,
    convert: fn(&Node, &mut Context<'_>) -> Option<Node>,
) -> Option<Node> {
    let list = object.get(key)?;
    let items = object.list(key).iter().filter_map(|node| convert(node, cx)).collect();
    Some(Node::new(list.at, Value::List(items)))
}
