//! Clusters of the v1 form.

use crate::config::note::Note;
use crate::config::source::{At, Node, Value};

use super::build::{self, Build, Part};
use super::object::{
    Context, Key, Kind, NUMBER, Object, POSITIVE, POSITIVE_TIME, optional, required,
};
use super::{address, discovery, hcm, health_check, tls};

const KEYS: &[Key] = &[
    required("name", Kind::Name),
    required("type", Kind::Word(TYPES)),
    required("connect_timeout_ms", POSITIVE_TIME),
    required("lb_type", Kind::Word(LB_TYPES)),
    optional("hosts", Kind::FullList),
    optional("service_name", Kind::Text),
    optional("per_connection_buffer_limit_bytes", POSITIVE),
    optional("max_requests_per_connection", POSITIVE),
    optional("circuit_breakers", Kind::Object),
    optional("ring_hash_lb_config", Kind::Object),
    optional("health_check", Kind::Object),
    optional("outlier_detection", Kind::Object),
    optional("ssl_context", Kind::Object),
    optional("features", Kind::Word(&["http2"])),
    optional("http2_settings", Kind::Object),
    optional("cleanup_interval_ms", POSITIVE_TIME),
    optional("dns_refresh_rate_ms", POSITIVE_TIME),
    optional("dns_lookup_family", Kind::Word(&["v4_only", "v6_only", "auto"])),
    optional("dns_resolvers", Kind::FullTexts),
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

const RING_HASH: &[Key] =
    &[optional("minimum_ring_size", NUMBER), optional("use_std_hash", Kind::Bool)];

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

const RESOLVER: &str = "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig";

/// One cluster as v3's.
pub(super) fn convert(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let cluster = cx.closed(node, KEYS)?;
    check(&cluster, cx);
    let kind = cluster.text("type").unwrap_or_default();
    let dns = matches!(kind, "strict_dns" | "logical_dns");
    let limit = "per_connection_buffer_limit_bytes";
    let breakers = cluster.convert("circuit_breakers", |node| breakers(node, cx));
    let outliers = cluster.convert("outlier_detection", |node| health_check::outliers(node, cx));
    let checks = cluster
        .convert("health_check", |node| Some(build::list_of(health_check::convert(node, cx)?)));
    let resolver = cluster.convert_list("dns_resolvers", |node| address::bare(node, cx));
    let built = Build::at(cluster.at)
        .same(&["name"], &cluster)
        .maybe("type", cluster.convert("type", |node| discovery_type(node, cx)))
        .time("connect_timeout", &cluster)
        .maybe("lb_policy", cluster.convert("lb_type", lb_policy))
        .maybe("ring_hash_lb_config", ring_hash(&cluster, cx))
        .same(&[limit], &cluster)
        .maybe("load_assignment", assignment(&cluster, kind, cx))
        .maybe("health_checks", checks)
        .maybe("circuit_breakers", breakers)
        .maybe("typed_extension_protocol_options", protocol_options(&cluster, cx))
        .time("dns_refresh_rate", &cluster)
        .maybe("dns_lookup_family", family(&cluster, dns))
        .note_if(!cluster.has("dns_lookup_family"), "dns_lookup_family", Note::Ipv4Alone)
        .maybe("typed_dns_resolver_config", resolver.map(self::resolver))
        .maybe("outlier_detection", outliers)
        .time("cleanup_interval", &cluster)
        .maybe("transport_socket", cluster.convert("ssl_context", |node| tls::upstream(node, cx)));
    Some(built.finish())
}

/// The rules between the keys, which stood in no schema.
fn check(cluster: &Object<'_>, cx: &mut Context<'_>) {
    let kind = cluster.text("type").unwrap_or_default();
    let at = |key| cluster.get(key).map_or(cluster.at, |node| node.at);
    match kind {
        "static" | "strict_dns" | "logical_dns" if !cluster.has("hosts") => {
            cx.findings.error(cluster.at, "hosts is missing");
        }
        "logical_dns" if cluster.items("hosts").len() > 1 => {
            cx.findings.error(at("hosts"), "logical_dns clusters must have a single host");
        }
        "original_dst" if cluster.has("hosts") => {
            cx.findings.error(at("hosts"), "original_dst clusters must have no hosts configured");
        }
        _ => {}
    }
    if let (Some(kind), Some(lb)) = (cluster.text("type"), cluster.text("lb_type"))
        && (kind == "original_dst") != (lb == "original_dst_lb")
    {
        let message = match lb {
            "original_dst_lb" => {
                "LB type 'original_dst_lb' may only be used with cluster type 'original_dst'"
            }
            _ => "cluster type 'original_dst' may only be used with LB type 'original_dst_lb'",
        };
        cx.findings.error(at("lb_type"), message);
    }
    if let (Some(key), true) = (cluster.key("service_name"), kind != "sds") {
        cx.findings.warn(key, "no effect on a cluster that is not of type sds");
    }
    if cluster.text("name") == Some("") {
        cx.findings.error(at("name"), "expected a string that is not empty");
    }
}

fn discovery_type(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    match &node.value {
        Value::Text(text) if text == "sds" => {
            cx.gone(node.at, discovery::GONE);
            None
        }
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

fn ring_hash(cluster: &Object<'_>, cx: &mut Context<'_>) -> Option<Part> {
    if cluster.text("lb_type") != Some("ring_hash") {
        if let Some(key) = cluster.key("ring_hash_lb_config") {
            cx.findings.warn(key, "no effect without lb_type ring_hash");
        }
        return None;
    }
    let config = cluster.convert("ring_hash_lb_config", |node| {
        let ring = cx.open(node, RING_HASH)?;
        let hash = ring.convert("use_std_hash", |node| {
            let standard = matches!(node.value, Value::Bool(true));
            Some(Node::text(node.at, if standard { "MURMUR_HASH_2" } else { "XX_HASH" }))
        });
        let hash = hash.unwrap_or_else(|| Node::text(ring.at, "MURMUR_HASH_2").into());
        let built = Build::at(ring.at).same(&["minimum_ring_size"], &ring);
        let built = built.set("hash_function", hash);
        let unsaid = !ring.has("use_std_hash");
        Some(built.note_if(unsaid, "hash_function", Note::StandardHash).finish())
    });
    config.or_else(|| {
        let at = cluster.get("lb_type")?.at;
        let built = Build::at(at).text("hash_function", at, "MURMUR_HASH_2");
        Some(built.note("hash_function", Note::StandardHash).finish().into())
    })
}

fn family(cluster: &Object<'_>, dns: bool) -> Option<Part> {
    let given = cluster.convert("dns_lookup_family", build::upper);
    given.or_else(|| dns.then(|| Node::text(cluster.at, "V4_ONLY").into()))
}

fn resolver(addresses: Part) -> Part {
    addresses.map(|addresses| {
        let at = addresses.at;
        let config = Build::any(at, RESOLVER).set("resolvers", addresses).finish();
        Build::extension(at, "envoy.network.dns_resolver.cares", config).finish()
    })
}

fn assignment(cluster: &Object<'_>, kind: &str, cx: &mut Context<'_>) -> Option<Part> {
    cx.are_different(cluster.items("hosts"));
    let endpoints = cluster.convert_list("hosts", |node| {
        let host = cx.closed(node, HOST)?;
        let address = host.convert("url", |url| match kind {
            "strict_dns" | "logical_dns" => address::name(url, cx),
            _ => address::host(url, cx),
        });
        let endpoint = Build::at(node.at).maybe("address", address).finish();
        Some(Build::at(node.at).set("endpoint", endpoint).finish())
    })?;
    let (key, at) = (endpoints.key, endpoints.node.at);
    let locality = Build::at(at).set("lb_endpoints", endpoints).finish();
    let built = Build::at(at).maybe("cluster_name", cluster.copy("name"));
    Some(Part { key, node: built.list("endpoints", at, vec![locality]).finish() })
}

/// The HTTP options, if something asks for them. The mere presence of `http2_settings` asks for HTTP/2.
fn protocol_options(cluster: &Object<'_>, cx: &mut Context<'_>) -> Option<Part> {
    let settings = cluster.convert("http2_settings", |node| hcm::http2(node, cx));
    let http2 = settings
        .or_else(|| cluster.convert("features", |feature| Some(Build::at(feature.at).finish())));
    let most = cluster.copy("max_requests_per_connection");
    let Part { key, node } = http2.as_ref().or(most.as_ref())?;
    let (key, at): (At, At) = (*key, node.at);
    let explicit = match http2 {
        Some(http2) => Build::at(at)
            .set("http2_protocol_options", http2)
            .note("http2_protocol_options", Note::PriorKnowledge),
        None => Build::at(at).set("http_protocol_options", Build::at(at).finish()),
    };
    let common = most.map(|most| Build::at(most.node.at).set("max_requests_per_connection", most));
    let options = Build::any(at, HTTP_OPTIONS)
        .maybe("common_http_protocol_options", common.map(Build::finish))
        .set("explicit_http_config", explicit.finish());
    Some(Part { key, node: build::one(HTTP_OPTIONS, options.finish()) })
}

fn breakers(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let breakers = cx.closed(node, BREAKERS)?;
    let mut thresholds = Vec::new();
    for (key, priority) in [("default", "DEFAULT"), ("high", "HIGH")] {
        let limits = breakers.convert(key, |node| {
            let limits = cx.closed(node, LIMITS)?;
            let built = Build::at(limits.at).text("priority", limits.at, priority);
            Some(built.copies(LIMITS, &limits).finish())
        });
        thresholds.extend(limits.map(|part| part.node));
    }
    Some(Build::at(breakers.at).list("thresholds", breakers.at, thresholds).finish())
}
