//! Clusters of the v1 form.

use crate::config::source::{Node, Value};

use super::build::{self, Build};
use super::object::{Context, Key, Kind, NUMBER, Object, POSITIVE, optional, refused, required};
use super::{address, hcm};

const KEYS: &[Key] = &[
    required("name", Kind::Name),
    required("type", Kind::Word(TYPES)),
    required("connect_timeout_ms", POSITIVE),
    required("lb_type", Kind::Word(LB_TYPES)),
    optional("hosts", Kind::FullList),
    optional("per_connection_buffer_limit_bytes", POSITIVE),
    optional("max_requests_per_connection", POSITIVE),
    optional("circuit_breakers", Kind::Object),
    optional("features", Kind::Word(&["http2"])),
    optional("http2_settings", Kind::Object),
    optional("dns_refresh_rate_ms", POSITIVE),
    optional("dns_lookup_family", Kind::Word(&["v4_only", "v6_only", "auto"])),
    // Only of clusters of type original_dst, which are not supported yet.
    optional("cleanup_interval_ms", Kind::Refused),
    refused("ring_hash_lb_config"),
    refused("service_name"),
    refused("health_check"),
    refused("ssl_context"),
    refused("dns_resolvers"),
    refused("outlier_detection"),
];

const TYPES: &[&str] = &["static", "strict_dns", "logical_dns", "sds", "original_dst"];

const LB_TYPES: &[&str] =
    &["round_robin", "least_request", "random", "ring_hash", "original_dst_lb"];

const HOST: &[Key] = &[required("url", Kind::Text)];

const BREAKERS: &[Key] = &[optional("default", Kind::Object), optional("high", Kind::Object)];

const LIMITS: &[Key] = &[
    optional("max_connections", NUMBER),
    optional("max_pending_requests", NUMBER),
    optional("max_requests", NUMBER),
    optional("max_retries", NUMBER),
];

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// One cluster as v3's.
pub(super) fn convert(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let cluster = cx.closed(node, KEYS)?;
    let kind = cluster.text("type").unwrap_or_default();
    if matches!(kind, "static" | "strict_dns" | "logical_dns") && node.get("hosts").is_none() {
        cx.findings.error(cluster.at, "hosts is missing");
    }
    let dns = matches!(kind, "strict_dns" | "logical_dns");
    let options = protocol_options(&cluster, cx);
    let breakers = cluster.get("circuit_breakers").and_then(|node| breakers(node, cx));
    let mut built = Build::at(cluster.at)
        .copy("name", cluster.get("name"))
        .maybe("type", cluster.get("type").map(discovery))
        .maybe("connect_timeout", build::milliseconds(cx.number(&cluster, "connect_timeout_ms")))
        .maybe("lb_policy", cluster.get("lb_type").map(lb_policy))
        .copy("per_connection_buffer_limit_bytes", cluster.get("per_connection_buffer_limit_bytes"))
        .maybe("load_assignment", assignment(&cluster, dns, cx))
        .maybe("circuit_breakers", breakers)
        .maybe("typed_extension_protocol_options", options)
        .maybe("dns_refresh_rate", build::milliseconds(cx.number(&cluster, "dns_refresh_rate_ms")));
    built = match cluster.get("dns_lookup_family") {
        // v1 asked for IPv4 alone where v3 asks for both families.
        None if dns => built.text("dns_lookup_family", cluster.at, "V4_ONLY"),
        family => built.upper("dns_lookup_family", family),
    };
    Some(built.finish())
}

fn discovery(node: &Node) -> Node {
    let Value::Text(text) = &node.value else { return node.clone() };
    let name = if text == "sds" { "EDS".to_owned() } else { text.to_ascii_uppercase() };
    Node::text(node.at, name)
}

fn lb_policy(node: &Node) -> Node {
    let Value::Text(text) = &node.value else { return node.clone() };
    let name = match text.as_str() {
        "original_dst_lb" => "CLUSTER_PROVIDED".to_owned(),
        other => other.to_ascii_uppercase(),
    };
    Node::text(node.at, name)
}

fn assignment(cluster: &Object<'_>, dns: bool, cx: &mut Context<'_>) -> Option<Node> {
    let (hosts, name) = (cluster.get("hosts")?, cluster.get("name"));
    let mut endpoints: Vec<Node> = Vec::new();
    let mut urls = Vec::new();
    for node in cluster.list("hosts") {
        let Some(host) = cx.closed(node, HOST) else { continue };
        if let Some(url) = host.text("url") {
            if urls.contains(&url) {
                cx.findings.error(node.at, "the same host is given twice");
            }
            urls.push(url);
        }
        let url = host.get("url");
        let address = if dns { address::name(url, cx) } else { address::literal(url, cx) };
        let Some(address) = address else { continue };
        let endpoint = Build::at(node.at).set("address", address).finish();
        endpoints.push(Build::at(node.at).set("endpoint", endpoint).finish());
    }
    let locality = Build::at(hosts.at).list("lb_endpoints", hosts.at, endpoints).finish();
    let built =
        Build::at(hosts.at).copy("cluster_name", name).list("endpoints", hosts.at, vec![locality]);
    Some(built.finish())
}

/// The HTTP options, if something asks for them. The mere presence of `http2_settings` asks for HTTP/2.
fn protocol_options(cluster: &Object<'_>, cx: &mut Context<'_>) -> Option<Node> {
    let settings = cluster.get("http2_settings").and_then(|node| hcm::http2(node, cx));
    let http2 = settings.or_else(|| {
        let feature = cluster.get("features")?;
        Some(Build::at(feature.at).finish())
    });
    let max_requests = cluster
        .get("max_requests_per_connection")
        .map(|max| Build::at(max.at).copy("max_requests_per_connection", Some(max)).finish());
    let at = http2.as_ref().or(max_requests.as_ref())?.at;
    let explicit = match http2 {
        Some(http2) => Build::at(at).set("http2_protocol_options", http2).finish(),
        None => Build::at(at).set("http_protocol_options", Build::at(at).finish()).finish(),
    };
    let options = Build::any(at, HTTP_OPTIONS)
        .set("explicit_http_config", explicit)
        .maybe("common_http_protocol_options", max_requests)
        .finish();
    Some(Build::at(at).set(HTTP_OPTIONS, options).finish())
}

fn breakers(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let breakers = cx.closed(node, BREAKERS)?;
    let mut thresholds = Vec::new();
    for (key, priority) in [("default", "DEFAULT"), ("high", "HIGH")] {
        let Some(limits) = breakers.get(key).and_then(|node| cx.closed(node, LIMITS)) else {
            continue;
        };
        let built = Build::at(limits.at).text("priority", limits.at, priority);
        let built =
            LIMITS.iter().fold(built, |built, key| built.copy(key.name, limits.get(key.name)));
        thresholds.push(built.finish());
    }
    Some(Build::at(breakers.at).list("thresholds", breakers.at, thresholds).finish())
}
