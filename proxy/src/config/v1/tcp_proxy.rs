//! The TCP proxy of the v1 form: it had routes, of which the first that matched a connection took it. In v3 a proxy has
//! one cluster, and the listener chooses among proxies.

use crate::config::note::Note;
use crate::config::source::{At, Node, Value};

use super::build::{self, Build, Part};
use super::object::{Context, Key, Kind, Object, optional, required};
use super::{access_log, address, ports};

const KEYS: &[Key] = &[
    required("stat_prefix", Kind::Text),
    required("route_config", Kind::Object),
    optional("access_log", Kind::List),
];

const ROUTES: &[Key] = &[required("routes", Kind::List)];

const ROUTE: &[Key] = &[
    required("cluster", Kind::Text),
    optional("destination_ip_list", Kind::Texts),
    optional("source_ip_list", Kind::Texts),
    optional("destination_ports", Kind::Filled),
    optional("source_ports", Kind::Filled),
];

/// The criteria of routes, and v3's inputs that they look at.
const NETWORKS: &[(&str, &str)] =
    &[("destination_ip_list", "DestinationIPInput"), ("source_ip_list", "SourceIPInput")];
const PORTS: &[(&str, &str)] =
    &[("destination_ports", "DestinationPortInput"), ("source_ports", "SourcePortInput")];

const INPUTS: &str = "envoy.extensions.matching.common_inputs.network.v3";

const IP_MATCHER: &str = "envoy.extensions.matching.input_matchers.ip.v3.Ip";

/// The proxy of one route.
pub(super) struct Proxy {
    /// Its v3 message.
    pub(super) config: Node,
    /// Which connections it takes, as v3's `Predicate`; all if there is none.
    predicate: Option<Node>,
}

/// A proxy for each route that can be met.
pub(super) fn convert(node: &Node, cx: &mut Context<'_>) -> Option<Vec<Proxy>> {
    let proxy = cx.closed(node, KEYS)?;
    let logs = proxy.convert_list("access_log", |log| access_log::convert(log, cx));
    let routes = proxy.get("route_config").and_then(|node| cx.closed(node, ROUTES))?;
    let mut proxies: Vec<Proxy> = Vec::new();
    let mut right = !routes.is_wrong("routes");
    let each = logs.as_ref().map_or(1, |logs| build::size(&logs.node));
    if each.saturating_mul(routes.items("routes").len()) > build::MOST_REPEATED {
        cx.findings.error(routes.at, "too many routes, v3 repeats the filter for each");
        return None;
    }
    for node in routes.items("routes") {
        let Some(route) = cx.closed(node, ROUTE) else {
            right = false;
            continue;
        };
        let predicate = predicate(&route, &proxy, cx);
        if proxies.last().is_some_and(|last| last.predicate.is_none()) {
            cx.findings.warn(route.at, "no effect, a route before it takes every connection");
            continue;
        }
        let config = Build::any(proxy.at, "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy")
            .same(&["stat_prefix"], &proxy)
            .same(&["cluster"], &route)
            .maybe("access_log", logs.clone());
        proxies.push(Proxy { config: config.finish(), predicate });
    }
    if right && proxies.is_empty() {
        cx.findings.warn(routes.at, "without a route every connection is closed");
    }
    right.then_some(proxies)
}

/// What a connection must be to take the route; all criteria that are given must be met.
fn predicate(route: &Object<'_>, proxy: &Object<'_>, cx: &mut Context<'_>) -> Option<Node> {
    let mut all = Vec::new();
    for (key, input) in NETWORKS {
        // An empty list asks for nothing.
        if route.items(key).is_empty() {
            continue;
        }
        let networks = route.convert_list(key, |node| address::network(node, cx));
        all.extend(networks.map(|networks| {
            let at = networks.key;
            let ip = Build::any(at, IP_MATCHER).set("cidr_ranges", networks);
            let ip = ip.same(&["stat_prefix"], proxy).finish();
            let ip = Build::extension(at, "envoy.matching.matchers.ip", ip).finish();
            single(at, input, "custom_match", ip)
        }));
    }
    for (key, input) in PORTS {
        let pattern = route.convert(key, |node| ports::pattern(node, cx));
        all.extend(pattern.map(|pattern| {
            let at = pattern.key;
            let engine = Build::at(at).finish();
            let regex = Build::at(at).set("google_re2", engine).set("regex", pattern).finish();
            single(at, input, "value_match", build::one("safe_regex", regex))
        }));
    }
    match all.len() {
        0 => None,
        1 => all.pop(),
        _ => {
            let list = Build::at(route.at).list("predicate", route.at, all).finish();
            Some(build::one("and_matcher", list))
        }
    }
}

fn single(at: At, input: &str, field: &str, matcher: Node) -> Node {
    let config = Build::any(at, &format!("{INPUTS}.{input}")).finish();
    let input = Build::extension(at, input, config).finish();
    build::one("single_predicate", Build::at(at).set("input", input).set(field, matcher).finish())
}

/// v3's `filter_chain_matcher`, which finds the chain of a proxy by name: the first whose predicate holds.
pub(super) fn matcher(proxies: &[Proxy]) -> Option<Part> {
    let at = proxies.first()?.config.at;
    let mut matchers = Vec::new();
    let mut otherwise = None;
    for (index, proxy) in proxies.iter().enumerate() {
        let at = proxy.config.at;
        let name = chain_name(index);
        let value = Build::any(at, "google.protobuf.StringValue").text("value", at, &name).finish();
        let action = build::one("action", Build::extension(at, &name, value).finish());
        match &proxy.predicate {
            None => otherwise = Some(action),
            Some(predicate) => {
                let matcher = Build::at(at).set("predicate", predicate.clone());
                matchers.push(matcher.set("on_match", action).finish());
            }
        }
    }
    let list = Build::at(at).set("matchers", Node::new(at, Value::List(matchers))).finish();
    let matcher = Build::at(at)
        .set("matcher_list", list)
        .note("matcher_list", Note::FirstRoute)
        .maybe("on_no_match", otherwise);
    Some(Part { key: at, node: matcher.finish() })
}

/// The name of the chain with the proxy of that route.
pub(super) fn chain_name(index: usize) -> String {
    format!("route {index}")
}

// === impl Proxy ===

impl Proxy {
    /// Whether it takes every connection.
    pub(super) fn takes_all(&self) -> bool {
        self.predicate.is_none()
    }
}
