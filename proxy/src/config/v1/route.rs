//! Route tables of the v1 form.

use crate::config::note::Note;
use crate::config::source::Node;

use super::build::{self, Build};
use super::object::{Context, Key, Kind, NUMBER, optional, refused, required};

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
    let built = Build::at(table.at)
        .maybe("virtual_hosts", table.convert_list("virtual_hosts", |host| virtual_host(host, cx)))
        .maybe("validate_clusters", table.copy("validate_clusters"));
    Some(built.finish())
}

fn virtual_host(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let host = cx.closed(node, VIRTUAL_HOST)?;
    let built = Build::at(host.at)
        .maybe("name", host.copy("name"))
        .maybe("domains", host.copy("domains"))
        .maybe("routes", host.convert_list("routes", |node| route(node, cx)));
    Some(built.finish())
}

fn route(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let route = cx.closed(node, ROUTE)?;
    let given = |keys: &[&str]| keys.iter().filter(|key| node.get(key).is_some()).count();
    let redirects = given(&["host_redirect", "path_redirect"]);
    let targets = given(&["cluster", "cluster_header", "weighted_clusters"]);
    let wrong = if given(&["prefix", "path", "regex"]) != 1 {
        Some("routes must specify one of prefix/path/regex")
    } else if redirects > 0 && targets > 0 {
        Some("routes must be either redirects or cluster targets")
    } else if redirects == 0 && targets != 1 {
        Some("routes must specify one of cluster/cluster_header/weighted_clusters")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        cx.findings.error(node.at, wrong);
        return None;
    }
    let matcher = Build::at(route.at)
        .maybe("prefix", route.copy("prefix"))
        .maybe("path", route.copy("path"))
        .maybe("case_sensitive", route.copy("case_sensitive"))
        .finish();
    let action = Build::at(route.at)
        .maybe("cluster", route.copy("cluster"))
        .maybe("timeout", route.convert("timeout_ms", build::milliseconds))
        .maybe("priority", route.convert("priority", build::upper));
    let off = route.get("timeout_ms").and_then(Node::whole) == Some(0);
    let action = if off { action.note("timeout", Note::TimeoutOff) } else { action };
    let action = action.finish();
    // What makes up the rest of the match or the action has been refused by name.
    let unsupported = ["regex", "cluster_header", "weighted_clusters"];
    if redirects > 0 || given(&unsupported) > 0 {
        return None;
    }
    Some(Build::at(route.at).set("match", matcher).set("route", action).finish())
}
