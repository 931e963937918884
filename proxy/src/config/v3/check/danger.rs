//! What it means that a field is ignored which somebody relies on (`--allow-unsupported`).

/// What is said of a filter or logger that is passed over.
pub(super) const PASSED_OVER: &str =
    "requests go on as if it were not there, unchecked and unrecorded by it";

/// By the end of a message's name and by field, what a proxy does that ignores it. An empty message's name is every
/// message, an empty field every field.
const DANGERS: &[(&str, &str, &str)] = &[
    ("listener.v3.FilterChain", "transport_socket", "clients are served in plain text"),
    ("cluster.v3.Cluster", "transport_socket", "hosts are spoken to in plain text"),
    ("cluster.v3.Cluster", "transport_socket_matches", "hosts are spoken to in plain text"),
    ("listener.v3.FilterChain", "filter_chain_match", "the chain takes every connection"),
    ("listener.v3.Listener", "listener_filters", "addresses and names are taken as they arrive"),
    ("route.v3.RouteMatch", "", "the route matches requests that the file keeps from it"),
    ("route.v3.VirtualHost", "require_tls", "requests in plain text are served"),
    ("", "typed_per_filter_config", "the filters do not see it"),
    ("", "rate_limits", "no rate is limited"),
    ("", "cors", "no origin is checked"),
    ("", "request_headers_to_remove", "clients' headers reach the hosts"),
    ("", "response_headers_to_remove", "hosts' headers reach the clients"),
    ("", "internal_only_headers", "clients' headers reach the hosts"),
    ("route.v3.RouteAction", "retry_policy", "a request that fails is not tried again"),
    ("route.v3.RouteAction", "max_stream_duration", "streams are not bounded by it"),
    ("core.v3.HealthCheck", "custom_health_check", "hosts count as healthy without being asked"),
    ("cluster.v3.OutlierDetection", "", "hosts that fail in this way go on taking requests"),
    ("CircuitBreakers.Thresholds", "", "the limit does not hold"),
    ("bootstrap.v3.Bootstrap", "overload_manager", "nothing sheds load"),
    ("bootstrap.v3.Bootstrap", "dynamic_resources", "nothing comes from the control plane"),
    ("", "forward_client_cert_details", "clients may say who they are"),
    ("", "set_current_client_cert_details", "hosts do not learn who the client is"),
    (
        "HttpConnectionManager",
        "path_with_escaped_slashes_action",
        "paths are not brought into one form",
    ),
    (
        "HttpConnectionManager",
        "original_ip_detection_extensions",
        "the client's address is another one",
    ),
];

/// What a proxy does that ignores the field of that message, if it matters.
pub(super) fn of(message: &str, field: &str) -> Option<&'static str> {
    let here = |pattern: &str, name: &str| pattern.is_empty() || name.ends_with(pattern);
    let found = DANGERS.iter().find(|(in_message, in_field, _)| {
        here(in_message, message) && (in_field.is_empty() || *in_field == field)
    });
    found.map(|(_, _, danger)| *danger)
}

/// Whether a message of that name can be passed over as a whole.
pub(super) fn is_dispensable(message: &str) -> bool {
    message.ends_with(".HttpFilter") || message.ends_with(".AccessLog")
}
