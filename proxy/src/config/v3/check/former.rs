//! What v1 and v2 called things: whoever copies from an old file learns today's name.

/// What each hint starts with; today's name follows.
const NOW: &str = "v3 has ";

/// By the end of a message's name and by key of v1 or v2, where it is now.
const FORMER: &[(&str, &str, &str)] = &[
    ("Bootstrap", "listeners", "v3 has static_resources.listeners"),
    ("Bootstrap", "clusters", "v3 has static_resources.clusters"),
    ("Bootstrap", "lds", "v3 has dynamic_resources.lds_config"),
    ("Bootstrap", "cds", "v3 has dynamic_resources.cds_config"),
    ("Bootstrap", "runtime", "v3 has layered_runtime"),
    ("Bootstrap", "stats_flush_interval_ms", "v3 has stats_flush_interval: a duration, as \"5s\""),
    ("Bootstrap", "statsd_udp_ip_address", "v3 has stats_sinks"),
    ("Bootstrap", "statsd_tcp_cluster_name", "v3 has stats_sinks"),
    ("Admin", "port", "v3 has address.socket_address.port_value"),
    ("SocketAddress", "port", "v3 has port_value"),
    ("SocketAddress", "host", "v3 has address"),
    ("Listener", "filters", "v3 has filter_chains, each with its filters"),
    ("Listener", "ssl_context", "v3 has filter_chains, each with its transport_socket"),
    (
        "Listener",
        "use_proxy_proto",
        "v3 has listener_filters: envoy.filters.listener.proxy_protocol",
    ),
    ("Listener", "per_connection_buffer_limit", "v3 has per_connection_buffer_limit_bytes"),
    ("FilterChain", "tls_context", "v3 has transport_socket"),
    ("Filter", "type", "v3 has typed_config, whose \"@type\" says which filter it is"),
    ("Filter", "config", "v3 has typed_config, with \"@type\""),
    ("HttpFilter", "type", "v3 has typed_config, whose \"@type\" says which filter it is"),
    ("HttpFilter", "config", "v3 has typed_config, with \"@type\""),
    ("AccessLog", "config", "v3 has typed_config, with \"@type\""),
    ("AccessLog", "path", "v3 has typed_config, with \"@type\" and path"),
    ("AccessLog", "format", "v3 has typed_config, with \"@type\" and log_format"),
    ("HttpConnectionManager", "filters", "v3 has http_filters"),
    ("HttpConnectionManager", "idle_timeout", "v3 has common_http_protocol_options.idle_timeout"),
    ("HttpConnectionManager", "idle_timeout_s", "v3 has common_http_protocol_options.idle_timeout"),
    ("HttpConnectionManager", "drain_timeout_ms", "v3 has drain_timeout: a duration, as \"5s\""),
    ("HttpConnectionManager", "http1_settings", "v3 has http_protocol_options"),
    ("HttpConnectionManager", "http2_settings", "v3 has http2_protocol_options"),
    (
        "HttpConnectionManager",
        "use_websocket",
        "v3 has upgrade_configs: [{ upgrade_type: websocket }]",
    ),
    ("VirtualHost", "require_ssl", "v3 has require_tls"),
    ("Route", "prefix", "v3 has match.prefix"),
    ("Route", "path", "v3 has match.path"),
    ("Route", "regex", "v3 has match.safe_regex"),
    ("Route", "headers", "v3 has match.headers"),
    ("Route", "case_sensitive", "v3 has match.case_sensitive"),
    ("Route", "cluster", "v3 has route.cluster"),
    ("Route", "cluster_header", "v3 has route.cluster_header"),
    ("Route", "weighted_clusters", "v3 has route.weighted_clusters"),
    ("Route", "timeout", "v3 has route.timeout"),
    ("Route", "timeout_ms", "v3 has route.timeout: a duration, as \"0.25s\""),
    ("Route", "prefix_rewrite", "v3 has route.prefix_rewrite"),
    ("Route", "host_rewrite", "v3 has route.host_rewrite_literal"),
    ("Route", "auto_host_rewrite", "v3 has route.auto_host_rewrite"),
    ("Route", "host_redirect", "v3 has redirect.host_redirect"),
    ("Route", "path_redirect", "v3 has redirect.path_redirect"),
    ("Route", "use_websocket", "v3 has route.upgrade_configs: [{ upgrade_type: websocket }]"),
    ("Route", "retry_policy", "v3 has route.retry_policy"),
    ("Route", "shadow", "v3 has route.request_mirror_policies"),
    ("Route", "priority", "v3 has route.priority"),
    ("RouteMatch", "regex", "v3 has safe_regex: { regex: … }"),
    ("RouteMatch", "method", "v3 has headers, with the name :method"),
    ("RouteAction", "timeout_ms", "v3 has timeout: a duration, as \"0.25s\""),
    ("RouteAction", "host_rewrite_path", "v3 has host_rewrite_literal"),
    ("RouteAction", "auto_host_rewrite_header", "v3 has host_rewrite_header"),
    ("RouteAction", "use_websocket", "v3 has upgrade_configs: [{ upgrade_type: websocket }]"),
    ("RouteAction", "request_mirror_policy", "v3 has request_mirror_policies, a list"),
    ("RouteAction", "shadow", "v3 has request_mirror_policies, a list"),
    ("RetryPolicy", "per_try_timeout_ms", "v3 has per_try_timeout: a duration, as \"0.25s\""),
    ("HeaderMatcher", "value", "v3 has string_match: { exact: … }"),
    ("HeaderMatcher", "regex", "v3 has string_match: { safe_regex: { regex: … } }"),
    ("Cluster", "connect_timeout_ms", "v3 has connect_timeout: a duration, as \"0.25s\""),
    ("Cluster", "lb_type", "v3 has lb_policy"),
    ("Cluster", "hosts", "v3 has load_assignment: endpoints, each with its lb_endpoints"),
    ("Cluster", "service_name", "v3 has eds_cluster_config.service_name"),
    ("Cluster", "features", "v3 has typed_extension_protocol_options for HTTP/2"),
    ("Cluster", "health_check", "v3 has health_checks, a list"),
    ("Cluster", "ssl_context", "v3 has transport_socket"),
    ("Cluster", "tls_context", "v3 has transport_socket"),
    ("Cluster", "dns_refresh_rate_ms", "v3 has dns_refresh_rate: a duration, as \"5s\""),
    ("Cluster", "cleanup_interval_ms", "v3 has cleanup_interval: a duration, as \"5s\""),
    ("Cluster", "ring_hash_config", "v3 has ring_hash_lb_config"),
    ("Cluster", "endpoints", "v3 has load_assignment.endpoints"),
    (
        "Cluster",
        "idle_timeout",
        "v3 has typed_extension_protocol_options for it: common_http_protocol_options",
    ),
    ("CircuitBreakers", "default", "v3 has thresholds, with priority: DEFAULT"),
    ("CircuitBreakers", "high", "v3 has thresholds, with priority: HIGH"),
    ("Endpoint", "url", "v3 has address.socket_address"),
    ("OutlierDetection", "interval_ms", "v3 has interval: a duration, as \"10s\""),
    (
        "OutlierDetection",
        "base_ejection_time_ms",
        "v3 has base_ejection_time: a duration, as \"30s\"",
    ),
    ("HealthCheck", "timeout_ms", "v3 has timeout: a duration, as \"1s\""),
    ("HealthCheck", "interval_ms", "v3 has interval: a duration, as \"10s\""),
    ("HealthCheck", "path", "v3 has http_health_check.path"),
    ("HealthCheck", "type", "v3 has http_health_check or tcp_health_check"),
];

/// The hint for a key of v1 or v2 in a message of v3.
pub(super) fn today(message: &str, key: &str) -> Option<&'static str> {
    let short = message.rsplit('.').next().unwrap_or(message);
    let found = FORMER.iter().find(|(within, former, _)| *within == short && *former == key);
    found.map(|(_, _, hint)| *hint)
}

/// The field of the same message that a hint names, or in which it says that the value is.
pub(super) fn field(hint: &'static str) -> Option<&'static str> {
    let rest = hint.strip_prefix(NOW)?;
    rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::Schema;

    #[test]
    fn hints_name_fields_of_the_message() {
        let schema = Schema::read();
        let mut wrong = Vec::new();
        for (message, former, hint) in FORMER {
            // Several messages may have the same short name; what is not read yet cannot be looked up.
            let named = schema.names().filter(|name| name.rsplit('.').next() == Some(message));
            let shapes: Vec<_> = named.filter_map(|name| schema.message(name)).collect();
            let today = field(hint).unwrap_or_default();
            let has = |field| shapes.iter().any(|shape| shape.field(field).is_some());
            if !shapes.is_empty() && (has(former) || !has(today)) {
                wrong.push(format!("{message}.{former}: {hint}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
