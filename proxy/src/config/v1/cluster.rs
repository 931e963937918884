//! Clusters of the v1 form.

use std::collections::HashSet;

use crate::config::note::Note;
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
    let family = cluster.convert("dns_lookup_family", build::upper);
    let unnamed = family.is_none();
    let family = family.or_else(|| dns.then(|| Node::text(cluster.at, "V4_ONLY")));
    let limit = "per_connection_buffer_limit_bytes";
    let assignment = cluster.convert("hosts", |_| Some(assignment(&cluster, dns, cx)));
    let breakers = cluster.convert("circuit_breakers", |node| breakers(node, cx));
    let built = Build::at(cluster.at)
        .maybe("name", cluster.copy("name"))
        .maybe("type", cluster.convert("type", discovery))
        .maybe("connect_timeout", cluster.convert("connect_timeout_ms", build::milliseconds))
        .maybe("lb_policy", cluster.convert("lb_type", lb_policy))
        .maybe(limit, cluster.copy(limit))
        .maybe("load_assignment", assignment)
        .maybe("circuit_breakers", breakers)
        .maybe("typed_extension_protocol_options", protocol_options(&cluster, cx))
        .maybe("dns_refresh_rate", cluster.convert("dns_refresh_rate_ms", build::milliseconds))
        .maybe("dns_lookup_family", family);
    let built = match unnamed {
        true => built.note("dns_lookup_family", Note::Ipv4Alone),
        false => built,
    };
    Some(built.finish())
}

fn discovery(node: &Node) -> Option<Node> {
    match &node.value {
        Value::Text(text) if text == "sds" => Some(Node::text(node.at, "EDS")),
        _ => build::upper(node),
    }
}

fn lb_policy(node: &Node) -> Option<Node> {
    match &node.value {
        Value::Text(text) if text == "original_dst_lb" => {
            Some(Node::text(node.at, "CLUSTER_PROVIDED"))
        }
        _ => build::upper(node),
    }
}

fn assignment(cluster: &Object<'_>, dns: bool, cx: &mut Context<'_>) -> Node {
    let mut urls = HashSet::new();
    let endpoints = cluster.convert_list("hosts", |node| {
        let host = cx.closed(node, HOST)?;
        if let Some(url) = host.text("url")
            && !urls.insert(url)
        {
            cx.findings.error(node.at, "the same host is given twice");
        }
        let address = host.convert("url", |url| match dns {
            true => address::name(url, cx),
            false => address::literal(url, cx),
        });
        let endpoint = Build::at(node.at).maybe("address", address).finish();
        Some(Build::at(node.at).set("endpoint", endpoint).finish())
    });
    let at = endpoints.as_ref().map_or(cluster.at, |endpoints| endpoints.at);
    let locality = Build::at(at).maybe("lb_endpoints", endpoints).finish();
    let name = cluster.copy("name");
    Build::at(at).maybe("cluster_name", name).list("endpoints", at, vec![locality]).finish()
}

/// The HTTP options, if something asks for them. The mere presence of `http2_settings` asks for HTTP/2.
fn protocol_options(cluster: &Object<'_>, cx: &mut Context<'_>) -> Option<Node> {
    let settings = cluster.convert("http2_settings", |node| hcm::http2(node, cx));
    let http2 = settings
        .or_else(|| cluster.convert("features", |feature| Some(Build::at(feature.at).finish())));
    let common = cluster.convert("max_requests_per_connection", |max| {
        Some(Build::at(max.at).set("max_requests_per_connection", max.clone()).finish())
    });
    let at = http2.as_ref().or(common.as_ref())?.at;
    let explicit = Build::at(at);
    let explicit = match http2 {
        Some(http2) => {
            let explicit = explicit.set("http2_protocol_options", http2);
            explicit.note("http2_protocol_options", Note::PriorKnowledge)
        }
        None => explicit.set("http_protocol_options", Build::at(at).finish()),
    };
    let options = Build::any(at, HTTP_OPTIONS)
        .set("explicit_http_config", explicit.finish())
        .maybe("common_http_protocol_options", common);
    Some(Build::at(at).set(HTTP_OPTIONS, options.finish()).finish())
}

fn breakers(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let breakers = cx.closed(node, BREAKERS)?;
    let mut thresholds = Vec::new();
    for (key, priority) in [("default", "DEFAULT"), ("high", "HIGH")] {
        thresholds.extend(breakers.convert(key, |node| {
            let limits = cx.closed(node, LIMITS)?;
            let built = Build::at(limits.at).text("priority", limits.at, priority);
            Some(built.copies(LIMITS, &limits).finish())
        }));
    }
    Some(Build::at(breakers.at).list("thresholds", breakers.at, thresholds).finish())
}
