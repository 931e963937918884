//! Route tables of the v1 form, and their virtual hosts.

use crate::config::note::Note;
use crate::config::source::{Node, Quoted, Value};

use super::build::{self, Build};
use super::object::{Context, Key, Kind, optional, required};
use super::{cors, header, rate_limit, regex, route};

const TABLE: &[Key] = &[
    required("virtual_hosts", Kind::List),
    optional("validate_clusters", Kind::Bool),
    optional("internal_only_headers", Kind::Texts),
    optional("response_headers_to_add", Kind::FullList),
    optional("response_headers_to_remove", Kind::Texts),
    optional("request_headers_to_add", Kind::FullList),
];

const VIRTUAL_HOST: &[Key] = &[
    required("name", Kind::Name),
    required("domains", Kind::Texts),
    required("routes", Kind::List),
    optional("cors", Kind::Object),
    optional("require_ssl", Kind::Word(&["all", "external_only"])),
    optional("virtual_clusters", Kind::FullList),
    optional("rate_limits", Kind::List),
    optional("request_headers_to_add", Kind::FullList),
];

const VIRTUAL_CLUSTER: &[Key] = &[
    required("pattern", Kind::Text),
    required("name", Kind::Text),
    optional("method", Kind::Text),
];

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE"];

/// A route table as v3's.
pub(super) fn convert(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let table = cx.closed(node, TABLE)?;
    let built = Build::at(table.at)
        .maybe("virtual_hosts", table.convert_list("virtual_hosts", |host| virtual_host(host, cx)))
        .same(&["internal_only_headers"], &table)
        .maybe("response_headers_to_add", header::added("response_headers_to_add", &table, cx))
        .same(&["response_headers_to_remove"], &table)
        .maybe("request_headers_to_add", header::added("request_headers_to_add", &table, cx))
        .same(&["validate_clusters"], &table);
    Some(built.finish())
}

fn virtual_host(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let host = cx.closed(node, VIRTUAL_HOST)?;
    let clusters = host.convert_list("virtual_clusters", |node| virtual_cluster(node, cx));
    let filters = cors::of_host(&host, cx);
    let built = Build::at(host.at)
        .same(&["name", "domains"], &host)
        .maybe("routes", host.convert_list("routes", |node| route::convert(node, cx)))
        .maybe("require_tls", host.convert("require_ssl", build::upper))
        .maybe("virtual_clusters", clusters)
        .note("virtual_clusters", Note::VirtualClusters)
        .maybe("rate_limits", rate_limit::limits(&host, cx))
        .maybe("request_headers_to_add", header::added("request_headers_to_add", &host, cx))
        .maybe("typed_per_filter_config", filters.map(cors::per_filter))
        .note("typed_per_filter_config", Note::PerFilter);
    Some(built.finish())
}

fn virtual_cluster(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let cluster = cx.open(node, VIRTUAL_CLUSTER)?;
    let path = cluster
        .convert("pattern", |node| Some(build::one("safe_regex", regex::matcher(node, cx)?)));
    let path = Build::at(cluster.at).text("name", cluster.at, ":path").maybe("string_match", path);
    let method = cluster.get("method").and_then(|node| method(node, cx));
    let headers = [Some(path.finish()), method].into_iter().flatten().collect();
    let built = Build::at(cluster.at).list("headers", cluster.at, headers);
    Some(built.same(&["name"], &cluster).finish())
}

/// The matcher of a method; an unknown one always meant any.
fn method(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let Value::Text(method) = &node.value else { return None };
    if !METHODS.contains(&method.as_str()) {
        let message = format!("no effect, {} is no method, so that any matches", Quoted(method));
        cx.findings.warn(node.at, message).did_you_mean(method, METHODS.iter().copied());
        return None;
    }
    let matcher = Build::at(node.at).text("name", node.at, ":method");
    Some(matcher.maybe("string_match", build::exact(node)).finish())
}
