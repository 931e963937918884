//! Keys that v1 files are known to have and v1 has not: of older and later versions, of v3, and of its own documents.

/// The key, and what could be done about it.
const HINTS: &[(&str, &str)] = &[
    // Older
    ("port", "since 1.3 it is in address, as in tcp://0.0.0.0:80"),
    ("http_codec_options", "since 1.5 there are http1_settings and http2_settings"),
    ("statsd_local_udp_port", "since 1.5 it is statsd_udp_ip_address, as in 127.0.0.1:8125"),
    // Only in documents
    ("set_current_client_cert", "it is called set_current_client_cert_details"),
    ("interval_jitter_percent", "v1 documents it and takes none, there is interval_jitter_ms"),
    // v3
    ("static_resources", TOP),
    ("dynamic_resources", TOP),
    ("layered_runtime", "in v1 it is runtime"),
    ("stats_sinks", "in v1 it is statsd_udp_ip_address or statsd_tcp_cluster_name"),
    ("stats_flush_interval", "in v1 it is stats_flush_interval_ms"),
    ("watchdogs", "in v1 it is watchdog_miss_timeout_ms and its like"),
    ("node", "v1 has --service-node and --service-cluster on the command line"),
    ("filter_chains", "in v1 a listener has filters"),
    ("listener_filters", "in v1 it is use_proxy_proto or use_original_dst"),
    ("typed_config", "in v1 it is config"),
    ("http_filters", "in v1 it is filters"),
    ("http_protocol_options", "in v1 it is http1_settings"),
    ("http2_protocol_options", "in v1 it is http2_settings"),
    ("common_http_protocol_options", "in v1 it is idle_timeout_s"),
    ("match", "in v1 prefix, path, regex and headers are in the route itself"),
    ("route", "in v1 cluster, timeout_ms and their like are in the route itself"),
    ("redirect", "in v1 it is host_redirect or path_redirect"),
    ("safe_regex", "in v1 it is regex"),
    ("timeout", "in v1 it is timeout_ms"),
    ("host_rewrite_literal", "in v1 it is host_rewrite"),
    ("request_mirror_policies", "in v1 it is shadow"),
    ("upgrade_configs", "in v1 it is use_websocket"),
    ("runtime_fraction", "in v1 it is runtime"),
    ("require_tls", "in v1 it is require_ssl"),
    ("connect_timeout", "in v1 it is connect_timeout_ms"),
    ("lb_policy", "in v1 it is lb_type"),
    ("load_assignment", "in v1 it is hosts"),
    ("health_checks", "in v1 it is health_check"),
    ("transport_socket", "in v1 it is ssl_context"),
    ("tls_context", "in v1 it is ssl_context"),
    ("direct_response", NOT_YET),
    ("https_redirect", NOT_YET),
    ("metadata_match", NOT_YET),
    ("request_headers_to_remove", NOT_YET),
    ("stream_idle_timeout", NOT_YET),
    ("request_timeout", NOT_YET),
    ("upgrade_type", NOT_YET),
];

const TOP: &str =
    "a file has either v1's form or v3's, and this one has v1's listeners and cluster_manager";

const NOT_YET: &str = "v1 has no such thing, v3 has";

/// What could be done about an unknown key.
pub(super) fn of(key: &str) -> Option<&'static str> {
    HINTS.iter().find(|(known, _)| *known == key).map(|(_, hint)| *hint)
}
