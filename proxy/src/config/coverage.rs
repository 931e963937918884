//! Which fields of Envoy's messages take effect here; a field that is set and not in this table is refused by name.
//!
//! The table is the one list of what the loader supports. The message descriptions in `schema.txt` are cut out of
//! Envoy's own descriptors along it (a test compares them), so a message or a field becomes readable by being added here.

/// What is supported of one message.
#[derive(Clone, Copy, Debug)]
pub struct Covered {
    /// The message's full name.
    pub message: &'static str,
    /// Fields that the proxy acts on.
    pub applied: &'static [&'static str],
    /// Fields that are accepted and have no effect, because nothing they would influence exists or because they have
    /// none in Envoy either.
    pub no_op: &'static [&'static str],
    /// Fields that are accepted with the one value that asks for what the proxy does anyway, and that value as JSON.
    pub fixed: &'static [(&'static str, &'static str)],
}

/// Every message the loader reads.
pub const COVERAGE: &[Covered] = &[
    // Bootstrap
    applied(
        "envoy.config.bootstrap.v3.Bootstrap",
        &[
            "node",
            "static_resources",
            "admin",
            "cluster_manager",
            "overload_manager",
            "layered_runtime",
        ],
    )
        // No stats sink can be configured yet, so there is nothing to flush.
        .no_op(&["stats_flush_interval"]),
    applied("envoy.config.bootstrap.v3.Bootstrap.StaticResources", &["listeners", "clusters"]),
    applied("envoy.config.bootstrap.v3.ClusterManager", &["outlier_detection"]),
    applied("envoy.config.bootstrap.v3.ClusterManager.OutlierDetection", &["event_log_path"]),
    applied("envoy.config.bootstrap.v3.LayeredRuntime", &["layers"]),
    applied("envoy.config.bootstrap.v3.RuntimeLayer", &["name", "static_layer"]),
    // Overload
    applied(
        "envoy.config.overload.v3.OverloadManager",
        &["refresh_interval", "resource_monitors", "actions"],
    ),
    applied("envoy.config.overload.v3.ResourceMonitor", &["name", "typed_config"]),
    applied("envoy.config.overload.v3.OverloadAction", &["name", "triggers"]),
    applied("envoy.config.overload.v3.Trigger", &["name", "threshold", "scaled"]),
    applied("envoy.config.overload.v3.ThresholdTrigger", &["value"]),
    applied(
        "envoy.config.overload.v3.ScaledTrigger",
        &["scaling_threshold", "saturation_threshold"],
    ),
    applied(
        "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
        &["max_heap_size_bytes"],
    ),
    applied(
        "envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig",
        &["filename"],
    ),
    applied(
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        &["max_active_downstream_connections"],
    ),
    applied("envoy.config.bootstrap.v3.Admin", &["address", "access_log_path", "access_log"])
        // Where a CPU profile would be written; there is no profiler.
        .no_op(&["profile_path"]),
    applied("envoy.config.core.v3.Node", &["id", "cluster", "locality"]),
    applied("envoy.config.core.v3.Locality", &["region", "zone", "sub_zone"]),
    applied("envoy.config.core.v3.Metadata", &["filter_metadata"])
        // Nothing here reads metadata of a type of its own.
        .no_op(&["typed_filter_metadata"]),
    // Addresses and data
    applied("envoy.config.core.v3.Address", &["socket_address"]),
    applied("envoy.config.core.v3.SocketAddress", &["protocol", "address", "port_value"]),
    applied(
        "envoy.config.core.v3.DataSource",
        &["inline_string", "inline_bytes", "filename", "environment_variable"],
    ),
    // Listeners
    applied(
        "envoy.config.listener.v3.Listener",
        &[
            "name",
            "address",
            "stat_prefix",
            "filter_chains",
            "per_connection_buffer_limit_bytes",
            "tcp_backlog_size",
            "enable_reuse_port",
            "bind_to_port",
            "default_filter_chain",
            "filter_chain_matcher",
            "listener_filters",
            "listener_filters_timeout",
            "continue_on_listener_filters_timeout",
            "ignore_global_conn_limit",
        ],
    )
    // Which side of a service it is on; Envoy's own code does nothing with it but tell others.
    .no_op(&["traffic_direction"]),
    applied(
        "envoy.config.listener.v3.FilterChain",
        &[
            "filters",
            "name",
            "filter_chain_match",
            "transport_socket",
            "transport_socket_connect_timeout",
        ],
    ),
    // TLS
    applied("envoy.config.core.v3.TransportSocket", &["name", "typed_config"]),
    applied("envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer", &[]),
    applied(
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        &[
            "common_tls_context",
            "require_client_certificate",
            "disable_stateless_session_resumption",
            "disable_stateful_session_resumption",
            "full_scan_certs_on_sni_mismatch",
            "prefer_client_ciphers",
        ],
    )
    // Envoy takes it, and serves clients that name no server all the same.
    .no_op(&["require_sni"]),
    applied(
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        &[
            "common_tls_context",
            "sni",
            "auto_host_sni",
            "auto_sni_san_validation",
            "max_session_keys",
        ],
    ),
    applied(
        "envoy.extensions.transport_sockets.tls.v3.CommonTlsContext",
        &[
            "tls_params",
            "tls_certificates",
            "tls_certificate_sds_secret_configs",
            "validation_context",
            "validation_context_sds_secret_config",
            "alpn_protocols",
        ],
    ),
    applied(
        "envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig",
        &["name", "sds_config"],
    ),
    applied(
        "envoy.extensions.transport_sockets.tls.v3.Secret",
        &["name", "tls_certificate", "validation_context"],
    ),
    applied(
        "envoy.extensions.transport_sockets.tls.v3.TlsParameters",
        &[
            "tls_minimum_protocol_version",
            "tls_maximum_protocol_version",
            "cipher_suites",
            "ecdh_curves",
        ],
    ),
    applied(
        "envoy.extensions.transport_sockets.tls.v3.TlsCertificate",
        &["certificate_chain", "private_key", "watched_directory"],
    ),
    applied(
        "envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext",
        &[
            "trusted_ca",
            "watched_directory",
            "system_root_certs",
            "verify_certificate_spki",
            "verify_certificate_hash",
            "match_typed_subject_alt_names",
            "crl",
            "allow_expired_certificate",
            "trust_chain_verification",
            "only_verify_leaf_cert_crl",
            "max_verify_depth",
        ],
    ),
    applied(
        "envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext.SystemRootCerts",
        &[],
    ),
    applied(
        "envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher",
        &["san_type", "matcher"],
    ),
    applied(
        "envoy.config.listener.v3.FilterChainMatch",
        &[
            "destination_port",
            "prefix_ranges",
            "direct_source_prefix_ranges",
            "source_type",
            "source_prefix_ranges",
            "source_ports",
            "server_names",
            "transport_protocol",
            "application_protocols",
        ],
    ),
    applied("envoy.config.listener.v3.Filter", &["name", "typed_config"]),
    applied("envoy.config.listener.v3.ListenerFilter", &["name", "typed_config"]),
    applied(
        "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
        &["allow_requests_without_proxy_protocol", "disallowed_versions", "stat_prefix"],
    ),
    applied("envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector", &[])
        // How much is read at first; here it is what has come.
        .no_op(&["initial_read_buffer_size"]),
    // A tree of conditions
    applied("xds.type.matcher.v3.Matcher", &["matcher_list", "on_no_match"]),
    applied("xds.type.matcher.v3.Matcher.OnMatch", &["matcher", "action"]),
    applied("xds.type.matcher.v3.Matcher.MatcherList", &["matchers"]),
    applied(
        "xds.type.matcher.v3.Matcher.MatcherList.FieldMatcher",
        &["predicate", "on_match"],
    ),
    applied(
        "xds.type.matcher.v3.Matcher.MatcherList.Predicate",
        &["single_predicate", "or_matcher", "and_matcher", "not_matcher"],
    ),
    applied(
        "xds.type.matcher.v3.Matcher.MatcherList.Predicate.SinglePredicate",
        &["input", "value_match", "custom_match"],
    ),
    applied("xds.type.matcher.v3.Matcher.MatcherList.Predicate.PredicateList", &["predicate"]),
    applied("xds.core.v3.TypedExtensionConfig", &["name", "typed_config"]),
    applied("xds.core.v3.CidrRange", &["address_prefix", "prefix_len"]),
    applied(
        "xds.type.matcher.v3.StringMatcher",
        &["exact", "prefix", "suffix", "safe_regex", "contains", "ignore_case"],
    ),
    applied("xds.type.matcher.v3.RegexMatcher", &["regex"]).no_op(&["google_re2"]),
    applied(
        "envoy.extensions.matching.common_inputs.network.v3.DestinationIPInput",
        &[],
    ),
    applied("envoy.extensions.matching.common_inputs.network.v3.DestinationPortInput", &[]),
    applied("envoy.extensions.matching.common_inputs.network.v3.SourceIPInput", &[]),
    applied("envoy.extensions.matching.common_inputs.network.v3.SourcePortInput", &[]),
    applied(
        "envoy.extensions.matching.input_matchers.ip.v3.Ip",
        &["cidr_ranges", "stat_prefix"],
    ),
    applied("google.protobuf.StringValue", &["value"]),
    // Network filters
    applied(
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        &[
            "stat_prefix",
            "cluster",
            "weighted_clusters",
            "idle_timeout",
            "access_log",
            "max_connect_attempts",
            "max_downstream_connection_duration",
        ],
    ),
    applied(
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster",
        &["clusters"],
    ),
    applied(
        "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight",
        &["name", "weight"],
    ),
    applied(
        "envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit",
        &["stat_prefix", "max_connections", "delay", "runtime_enabled"],
    ),
    applied(
        "envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit",
        &["stat_prefix", "token_bucket", "runtime_enabled"],
    ),
    // There is no runtime that could say otherwise.
    applied("envoy.config.core.v3.RuntimeFeatureFlag", &["default_value"])
        .no_op(&["runtime_key"]),
    applied("envoy.type.v3.TokenBucket", &["max_tokens", "tokens_per_fill", "fill_interval"]),
    applied("envoy.extensions.filters.network.echo.v3.Echo", &[]),
    applied("envoy.extensions.filters.network.direct_response.v3.Config", &["response"]),
    // HTTP connection manager
    applied(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        &[
            "codec_type",
            "stat_prefix",
            "route_config",
            "http_filters",
            "server_name",
            "server_header_transformation",
            "via",
            "generate_request_id",
            "preserve_external_request_id",
            "always_set_request_id_in_response",
            "use_remote_address",
            "xff_num_trusted_hops",
            "skip_xff_append",
            "append_x_forwarded_port",
            "internal_address_config",
            "add_user_agent",
            "scheme_header_transformation",
            "forward_client_cert_details",
            "set_current_client_cert_details",
            "normalize_path",
            "merge_slashes",
            "path_with_escaped_slashes_action",
            "strip_matching_host_port",
            "strip_any_host_port",
            "strip_trailing_host_dot",
            "common_http_protocol_options",
            "stream_idle_timeout",
            "request_timeout",
            "request_headers_timeout",
            "delayed_close_timeout",
            "http1_safe_max_connection_duration",
            "drain_timeout",
            "max_request_headers_kb",
            "http_protocol_options",
            "http2_protocol_options",
            "local_reply_config",
            "upgrade_configs",
            "stream_error_on_invalid_http_message",
            "request_id_extension",
            "access_log",
        ],
    )
    // Envoy 1.40 reads it and writes IPv4 addresses as ever.
    .no_op(&["represent_ipv4_remote_address_as_ipv4_mapped_ipv6"]),
    applied(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.SetCurrentClientCertDetails",
        &["subject", "cert", "chain", "dns", "uri"],
    ),
    applied(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.InternalAddressConfig",
        &["cidr_ranges"],
    )
    // No listener is on one.
    .no_op(&["unix_sockets"]),
    applied(
        "envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig",
        &["mappers", "body_format"],
    ),
    applied(
        "envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper",
        &["filter", "status_code", "body", "headers_to_add", "body_format_override"],
    ),
    applied(
        "envoy.config.accesslog.v3.AccessLogFilter",
        &[
            "status_code_filter",
            "duration_filter",
            "response_flag_filter",
            "and_filter",
            "or_filter",
            "not_health_check_filter",
            "header_filter",
            "runtime_filter",
            "grpc_status_filter",
            "log_type_filter",
            "traceable_filter",
        ],
    ),
    applied("envoy.config.accesslog.v3.HeaderFilter", &["header"]),
    // There is no runtime that could say otherwise.
    applied(
        "envoy.config.accesslog.v3.RuntimeFilter",
        &["percent_sampled", "use_independent_randomness"],
    )
    .no_op(&["runtime_key"]),
    applied("envoy.config.accesslog.v3.GrpcStatusFilter", &["statuses", "exclude"]),
    applied("envoy.config.accesslog.v3.LogTypeFilter", &["types", "exclude"]),
    applied("envoy.config.accesslog.v3.TraceableFilter", &[]),
    applied("envoy.config.accesslog.v3.StatusCodeFilter", &["comparison"]),
    applied("envoy.config.accesslog.v3.DurationFilter", &["comparison"]),
    applied("envoy.config.accesslog.v3.ComparisonFilter", &["op", "value"]),
    // There is no runtime that could say otherwise.
    applied("envoy.config.core.v3.RuntimeUInt32", &["default_value"]).no_op(&["runtime_key"]),
    applied("envoy.config.accesslog.v3.ResponseFlagFilter", &["flags"]),
    applied("envoy.config.accesslog.v3.AndFilter", &["filters"]),
    applied("envoy.config.accesslog.v3.OrFilter", &["filters"]),
    applied("envoy.config.accesslog.v3.NotHealthCheckFilter", &[]),
    applied("envoy.config.core.v3.CidrRange", &["address_prefix", "prefix_len"]),
    applied("envoy.config.core.v3.SchemeHeaderTransformation", &["scheme_to_overwrite"]),
    applied(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter",
        &["name", "typed_config", "disabled"],
    )
    // Of a filter that is not known, whose type the loader refuses.
    .no_op(&["is_optional"]),
    applied(
        "envoy.extensions.filters.http.router.v3.Router",
        &["suppress_envoy_headers", "respect_expected_rq_timeout", "strict_check_headers"],
    )
        .fixed(&[("dynamic_stats", "true")]),
    // HTTP filters
    applied("envoy.config.route.v3.FilterConfig", &["config", "disabled"]).no_op(&["is_optional"]),
    applied(
        "envoy.extensions.filters.http.fault.v3.HTTPFault",
        &[
            "delay",
            "abort",
            "upstream_cluster",
            "headers",
            "downstream_nodes",
            "max_active_faults",
            "response_rate_limit",
            "disable_downstream_cluster_stats",
        ],
    )
    // No layer of a runtime exists that could have the keys.
    .no_op(&[
        "delay_percent_runtime",
        "abort_percent_runtime",
        "delay_duration_runtime",
        "abort_http_status_runtime",
        "max_active_faults_runtime",
        "response_rate_limit_percent_runtime",
        "abort_grpc_status_runtime",
    ]),
    applied(
        "envoy.extensions.filters.http.fault.v3.FaultAbort",
        &["http_status", "grpc_status", "header_abort", "percentage", "response_body"],
    ),
    applied("envoy.extensions.filters.http.fault.v3.FaultAbort.HeaderAbort", &[]),
    applied(
        "envoy.extensions.filters.common.fault.v3.FaultDelay",
        &["fixed_delay", "header_delay", "percentage"],
    ),
    applied("envoy.extensions.filters.common.fault.v3.FaultDelay.HeaderDelay", &[]),
    applied(
        "envoy.extensions.filters.common.fault.v3.FaultRateLimit",
        &["fixed_limit", "header_limit", "percentage"],
    ),
    applied("envoy.extensions.filters.common.fault.v3.FaultRateLimit.FixedLimit", &["limit_kbps"]),
    applied("envoy.extensions.filters.common.fault.v3.FaultRateLimit.HeaderLimit", &[]),
    applied(
        "envoy.extensions.filters.http.health_check.v3.HealthCheck",
        &["pass_through_mode", "cache_time", "cluster_min_healthy_percentages", "headers"],
    ),
    applied(
        "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        &[
            "stat_prefix",
            "status",
            "token_bucket",
            "filter_enabled",
            "filter_enforced",
            "request_headers_to_add_when_not_enforced",
            "response_headers_to_add",
            "descriptors",
            "stage",
            "enable_x_ratelimit_headers",
            "vh_rate_limits",
            "always_consume_default_token_bucket",
            "local_rate_limit_per_downstream_connection",
            "rate_limited_as_resource_exhausted",
        ],
    ),
    applied(
        "envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor",
        &["entries", "token_bucket"],
    ),
    applied(
        "envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry",
        &["key", "value"],
    ),
    applied("envoy.type.v3.HttpStatus", &["code"]),
    applied(
        "envoy.extensions.filters.http.ratelimit.v3.RateLimit",
        &[
            "domain",
            "stage",
            "request_type",
            "timeout",
            "failure_mode_deny",
            "failure_mode_deny_percent",
            "rate_limited_as_resource_exhausted",
            "rate_limit_service",
            "enable_x_ratelimit_headers",
            "disable_x_envoy_ratelimited_header",
            "rate_limited_status",
            "response_headers_to_add",
            "status_on_error",
            "stat_prefix",
            "filter_enabled",
            "filter_enforced",
        ],
    ),
    applied(
        "envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute",
        &["vh_rate_limits", "rate_limits", "domain"],
    ),
    applied(
        "envoy.config.ratelimit.v3.RateLimitServiceConfig",
        &["grpc_service", "transport_api_version"],
    ),
    applied("envoy.config.core.v3.GrpcService", &["envoy_grpc"]),
    applied("envoy.config.core.v3.GrpcService.EnvoyGrpc", &["cluster_name"]),
    applied("envoy.config.route.v3.RateLimit", &["stage", "actions", "hits_addend"])
        // No layer of a runtime exists that could have it.
        .no_op(&["disable_key"]),
    applied("envoy.config.route.v3.RateLimit.HitsAddend", &["number"]),
    applied(
        "envoy.config.route.v3.RateLimit.Action",
        &[
            "source_cluster",
            "destination_cluster",
            "request_headers",
            "remote_address",
            "generic_key",
            "header_value_match",
            "masked_remote_address",
            "query_parameter_value_match",
            "query_parameters",
        ],
    ),
    applied("envoy.config.route.v3.RateLimit.Action.SourceCluster", &[]),
    applied("envoy.config.route.v3.RateLimit.Action.DestinationCluster", &[]),
    applied("envoy.config.route.v3.RateLimit.Action.RemoteAddress", &[]),
    applied(
        "envoy.config.route.v3.RateLimit.Action.RequestHeaders",
        &["header_name", "descriptor_key", "skip_if_absent"],
    ),
    applied(
        "envoy.config.route.v3.RateLimit.Action.GenericKey",
        &["descriptor_value", "descriptor_key"],
    ),
    applied(
        "envoy.config.route.v3.RateLimit.Action.HeaderValueMatch",
        &["descriptor_value", "descriptor_key", "expect_match", "headers"],
    ),
    applied(
        "envoy.config.route.v3.RateLimit.Action.QueryParameterValueMatch",
        &["descriptor_value", "descriptor_key", "expect_match", "query_parameters"],
    ),
    applied(
        "envoy.config.route.v3.RateLimit.Action.QueryParameters",
        &["query_parameter_name", "descriptor_key", "skip_if_absent"],
    ),
    applied(
        "envoy.config.route.v3.RateLimit.Action.MaskedRemoteAddress",
        &["v4_prefix_mask_len", "v6_prefix_mask_len"],
    ),
    applied(
        "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig",
        &[
            "individual_method_stats_allowlist",
            "stats_for_all_methods",
            "enable_upstream_stats",
            "replace_dots_in_grpc_service_name",
        ],
    )
    // Nothing here reads the state of a filter: `%FILTER_STATE%` is refused.
    .no_op(&["emit_filter_state"]),
    applied("envoy.config.core.v3.GrpcMethodList", &["services"]),
    applied("envoy.config.core.v3.GrpcMethodList.Service", &["name", "method_names"]),
    applied("envoy.extensions.filters.http.grpc_web.v3.GrpcWeb", &[]),
    applied(
        "envoy.extensions.filters.http.grpc_http1_bridge.v3.Config",
        &["upgrade_protobuf_to_grpc", "ignore_query_parameters"],
    ),
    applied("envoy.extensions.filters.http.buffer.v3.Buffer", &["max_request_bytes"]),
    applied("envoy.extensions.filters.http.buffer.v3.BufferPerRoute", &["disabled", "buffer"]),
    applied(
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        &["mutations", "most_specific_header_mutations_wins"],
    ),
    applied(
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
        &["mutations"],
    ),
    applied(
        "envoy.extensions.filters.http.header_mutation.v3.Mutations",
        &["request_mutations", "response_mutations"],
    ),
    applied(
        "envoy.config.common.mutation_rules.v3.HeaderMutation",
        &["remove", "append", "remove_on_match"],
    ),
    applied(
        "envoy.config.common.mutation_rules.v3.HeaderMutation.RemoveOnMatch",
        &["key_matcher"],
    ),
    applied(
        "envoy.config.core.v3.HttpProtocolOptions",
        &[
            "idle_timeout",
            "max_headers_count",
            "max_requests_per_connection",
            "max_connection_duration",
            "max_stream_duration",
            "headers_with_underscores_action",
        ],
    ),
    applied(
        "envoy.config.core.v3.Http1ProtocolOptions",
        &[
            "accept_http_10",
            "default_host_for_http_10",
            "override_stream_error_on_invalid_http_message",
        ],
    )
    .fixed(&[("allow_absolute_url", "true")]),
    applied(
        "envoy.config.core.v3.Http2ProtocolOptions",
        &[
            "hpack_table_size",
            "max_concurrent_streams",
            "initial_stream_window_size",
            "initial_connection_window_size",
            "allow_connect",
        ],
    ),
    applied(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig",
        &["upgrade_type", "enabled"],
    ),
    applied(
        "envoy.config.route.v3.RouteAction.UpgradeConfig",
        &["upgrade_type", "enabled", "connect_config"],
    ),
    applied("envoy.config.route.v3.RouteAction.UpgradeConfig.ConnectConfig", &[]),
    // Routes
    applied(
        "envoy.config.route.v3.RouteConfiguration",
        &[
            "name",
            "virtual_hosts",
            "validate_clusters",
            "max_direct_response_body_size_bytes",
            "vhost_header",
            "ignore_port_in_host_matching",
            "ignore_path_parameters_in_path_matching",
            "typed_per_filter_config",
            "request_headers_to_add",
            "request_headers_to_remove",
            "response_headers_to_add",
            "response_headers_to_remove",
            "most_specific_header_mutations_wins",
            "request_mirror_policies",
        ],
    )
    // Nothing here reads it.
    .no_op(&["metadata"]),
    applied(
        "envoy.config.route.v3.VirtualHost",
        &[
            "name",
            "domains",
            "routes",
            "require_tls",
            "rate_limits",
            "typed_per_filter_config",
            "retry_policy",
            "include_request_attempt_count",
            "include_attempt_count_in_response",
            "include_is_timeout_retry_header",
            "per_request_buffer_limit_bytes",
            "request_body_buffer_limit",
            "request_mirror_policies",
            "request_headers_to_add",
            "request_headers_to_remove",
            "response_headers_to_add",
            "response_headers_to_remove",
        ],
    )
    .no_op(&["metadata"]),
    applied(
        "envoy.config.route.v3.Route",
        &[
            "name",
            "match",
            "route",
            "redirect",
            "direct_response",
            "non_forwarding_action",
            "typed_per_filter_config",
            "per_request_buffer_limit_bytes",
            "request_body_buffer_limit",
            "request_headers_to_add",
            "request_headers_to_remove",
            "response_headers_to_add",
            "response_headers_to_remove",
        ],
    )
    // There are no spans that the decorator would name.
    .no_op(&["metadata", "decorator"]),
    applied("envoy.config.route.v3.NonForwardingAction", &[]),
    applied(
        "envoy.config.core.v3.HeaderValueOption",
        &["header", "append", "append_action", "keep_empty_value"],
    ),
    applied("envoy.config.core.v3.HeaderValue", &["key", "value", "raw_value"]),
    applied(
        "envoy.config.route.v3.RouteMatch",
        &[
            "prefix",
            "path",
            "safe_regex",
            "path_separated_prefix",
            "connect_matcher",
            "case_sensitive",
            "headers",
            "query_parameters",
            "cookies",
            "path_match_policy",
            "grpc",
            "runtime_fraction",
            "tls_context",
        ],
    ),
    applied(
        "envoy.config.route.v3.RouteMatch.TlsContextMatchOptions",
        &["presented", "validated"],
    ),
    applied("envoy.config.route.v3.RouteMatch.ConnectMatcher", &[]),
    applied("envoy.config.route.v3.RouteMatch.GrpcRouteMatchOptions", &[]),
    applied(
        "envoy.config.route.v3.HeaderMatcher",
        &[
            "name",
            "exact_match",
            "safe_regex_match",
            "range_match",
            "present_match",
            "prefix_match",
            "suffix_match",
            "contains_match",
            "string_match",
            "invert_match",
            "treat_missing_header_as_empty",
        ],
    ),
    applied(
        "envoy.config.route.v3.QueryParameterMatcher",
        &["name", "string_match", "present_match"],
    ),
    applied("envoy.config.route.v3.CookieMatcher", &["name", "string_match", "invert_match"]),
    applied(
        "envoy.extensions.filters.network.http_connection_manager.v3.RequestIDExtension",
        &["typed_config"],
    ),
    // They say how an id tells whether its request is traced, and nothing is.
    applied("envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig", &[])
        .no_op(&["pack_trace_reason", "use_request_id_for_trace_sampling"]),
    applied("envoy.config.core.v3.TypedExtensionConfig", &["name", "typed_config"]),
    applied(
        "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
        &["path_template"],
    ),
    applied(
        "envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig",
        &["path_template_rewrite"],
    ),
    applied("envoy.config.core.v3.RuntimeFractionalPercent", &["default_value"])
        // No layer of a runtime exists that could have it.
        .no_op(&["runtime_key"]),
    applied("envoy.type.v3.FractionalPercent", &["numerator", "denominator"]),
    applied("envoy.type.v3.Int64Range", &["start", "end"]),
    applied(
        "envoy.type.matcher.v3.StringMatcher",
        &["exact", "prefix", "suffix", "safe_regex", "contains", "ignore_case"],
    ),
    applied("envoy.type.matcher.v3.RegexMatcher", &["regex"])
        // Which engine: there has never been another one.
        .no_op(&["google_re2"]),
    applied("envoy.type.matcher.v3.RegexMatchAndSubstitute", &["pattern", "substitution"]),
    applied(
        "envoy.config.route.v3.RouteAction",
        &[
            "cluster",
            "cluster_header",
            "weighted_clusters",
            "cluster_not_found_response_code",
            "timeout",
            "prefix_rewrite",
            "regex_rewrite",
            "path_rewrite_policy",
            "host_rewrite_literal",
            "auto_host_rewrite",
            "host_rewrite_header",
            "host_rewrite_path_regex",
            "host_rewrite",
            "path_rewrite",
            "append_x_forwarded_host",
            "upgrade_configs",
            "priority",
            "hash_policy",
            "rate_limits",
            "include_vh_rate_limits",
            "retry_policy",
            "idle_timeout",
            "max_stream_duration",
            "max_grpc_timeout",
            "grpc_timeout_offset",
            "metadata_match",
            "request_mirror_policies",
        ],
    ),
    applied(
        "envoy.config.route.v3.RouteAction.RequestMirrorPolicy",
        &[
            "cluster",
            "cluster_header",
            "runtime_fraction",
            "disable_shadow_host_suffix_append",
            "request_headers_mutations",
            "host_rewrite_literal",
        ],
    )
    // There are no spans that would be sampled.
    .no_op(&["trace_sampled"]),
    applied(
        "envoy.config.route.v3.RouteAction.HashPolicy",
        &["header", "cookie", "connection_properties", "query_parameter", "terminal"],
    ),
    applied(
        "envoy.config.route.v3.RouteAction.HashPolicy.Header",
        &["header_name", "regex_rewrite"],
    ),
    applied(
        "envoy.config.route.v3.RouteAction.HashPolicy.Cookie",
        &["name", "ttl", "path", "attributes"],
    ),
    applied("envoy.config.route.v3.RouteAction.HashPolicy.CookieAttribute", &["name", "value"]),
    applied("envoy.config.route.v3.RouteAction.HashPolicy.ConnectionProperties", &["source_ip"]),
    applied("envoy.config.route.v3.RouteAction.HashPolicy.QueryParameter", &["name"]),
    applied(
        "envoy.config.route.v3.RetryPolicy",
        &[
            "retry_on",
            "num_retries",
            "per_try_timeout",
            "per_try_idle_timeout",
            "retriable_status_codes",
            "retriable_headers",
            "retriable_request_headers",
            "retry_back_off",
            "rate_limited_retry_back_off",
            "retry_host_predicate",
            "host_selection_retry_max_attempts",
        ],
    ),
    applied(
        "envoy.config.route.v3.RetryPolicy.RetryBackOff",
        &["base_interval", "max_interval"],
    ),
    applied(
        "envoy.config.route.v3.RetryPolicy.RateLimitedRetryBackOff",
        &["reset_headers", "max_interval"],
    ),
    applied("envoy.config.route.v3.RetryPolicy.ResetHeader", &["name", "format"]),
    applied("envoy.config.route.v3.RetryPolicy.RetryHostPredicate", &["name", "typed_config"]),
    applied("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate", &[]),
    applied("envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate", &[]),
    applied(
        "envoy.config.route.v3.RouteAction.MaxStreamDuration",
        &["max_stream_duration", "grpc_timeout_header_max", "grpc_timeout_header_offset"],
    ),
    applied("envoy.config.route.v3.WeightedCluster", &["clusters", "header_name"])
        // Envoy counts for itself; and no layer of a runtime exists that could have the keys.
        .no_op(&["total_weight", "runtime_key_prefix"]),
    applied(
        "envoy.config.route.v3.WeightedCluster.ClusterWeight",
        &[
            "name",
            "cluster_header",
            "weight",
            "metadata_match",
            "host_rewrite_literal",
            "typed_per_filter_config",
            "request_headers_to_add",
            "request_headers_to_remove",
            "response_headers_to_add",
            "response_headers_to_remove",
        ],
    ),
    applied(
        "envoy.config.route.v3.RedirectAction",
        &[
            "https_redirect",
            "scheme_redirect",
            "host_redirect",
            "port_redirect",
            "path_redirect",
            "prefix_rewrite",
            "regex_rewrite",
            "response_code",
            "path_rewrite",
            "strip_query",
        ],
    ),
    applied("envoy.config.route.v3.DirectResponseAction", &["status", "body", "body_format"]),
    // Clusters
    applied(
        "envoy.config.cluster.v3.Cluster",
        &[
            "name",
            "alt_stat_name",
            "type",
            "cluster_type",
            "lb_policy",
            "load_balancing_policy",
            "round_robin_lb_config",
            "least_request_lb_config",
            "ring_hash_lb_config",
            "maglev_lb_config",
            "common_lb_config",
            "lb_subset_config",
            "connect_timeout",
            "per_connection_buffer_limit_bytes",
            "load_assignment",
            "eds_cluster_config",
            "circuit_breakers",
            "typed_extension_protocol_options",
            "http2_protocol_options",
            "dns_lookup_family",
            "dns_refresh_rate",
            "dns_failure_refresh_rate",
            "dns_jitter",
            "dns_resolvers",
            "use_tcp_for_dns_lookups",
            "dns_resolution_config",
            "typed_dns_resolver_config",
            "respect_dns_ttl",
            "health_checks",
            "outlier_detection",
            "ignore_health_on_host_removal",
            "transport_socket",
        ],
    ),
    applied("envoy.config.cluster.v3.Cluster.CustomClusterType", &["name", "typed_config"]),
    applied("envoy.config.cluster.v3.Cluster.RefreshRate", &["base_interval", "max_interval"]),
    applied(
        "envoy.extensions.clusters.dns.v3.DnsCluster",
        &[
            "dns_refresh_rate",
            "dns_failure_refresh_rate",
            "respect_dns_ttl",
            "dns_jitter",
            "typed_dns_resolver_config",
            "dns_lookup_family",
            "all_addresses_in_single_endpoint",
            "dns_min_refresh_rate",
        ],
    ),
    applied(
        "envoy.extensions.clusters.dns.v3.DnsCluster.RefreshRate",
        &["base_interval", "max_interval"],
    ),
    applied("envoy.config.core.v3.DnsResolutionConfig", &["resolvers", "dns_resolver_options"]),
    applied(
        "envoy.config.core.v3.DnsResolverOptions",
        &["use_tcp_for_dns_lookups", "no_default_search_domain"],
    ),
    applied(
        "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
        &["resolvers", "dns_resolver_options", "query_timeout_seconds", "query_tries"],
    ),
    applied("envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig", &[])
        // They are threads of the runtime's, which is not told how many to have.
        .no_op(&["num_resolver_threads"]),
    applied(
        "envoy.config.cluster.v3.Cluster.EdsClusterConfig",
        &["eds_config", "service_name"],
    ),
    applied(
        "envoy.config.core.v3.ConfigSource",
        &["path", "path_config_source"],
    )
    // Every version but V3 is gone; and a file is there at once, so that nothing waits for it, in Envoy either.
    .no_op(&["resource_api_version", "initial_fetch_timeout"]),
    applied("envoy.config.core.v3.PathConfigSource", &["path", "watched_directory"]),
    applied("envoy.config.core.v3.WatchedDirectory", &["path"]),
    // A file of endpoints
    applied("envoy.service.discovery.v3.DiscoveryResponse", &["version_info", "resources"])
        // What a server and its clients tell each other; nothing follows from it.
        .no_op(&["type_url", "nonce", "canary", "control_plane"]),
    // Load balancing
    applied(
        "envoy.config.cluster.v3.Cluster.CommonLbConfig",
        &[
            "healthy_panic_threshold",
            "zone_aware_lb_config",
            "locality_weighted_lb_config",
            "consistent_hashing_lb_config",
        ],
    )
    // For so long Envoy gathers changes of health before its workers learn of them; here they learn at once.
    .no_op(&["update_merge_window"]),
    applied(
        "envoy.config.cluster.v3.Cluster.CommonLbConfig.ZoneAwareLbConfig",
        &["fail_traffic_on_panic"],
    )
    // Without a local cluster there is no routing by zones in Envoy either.
    .no_op(&["routing_enabled", "min_cluster_size"]),
    applied("envoy.config.cluster.v3.Cluster.CommonLbConfig.LocalityWeightedLbConfig", &[]),
    applied(
        "envoy.config.cluster.v3.Cluster.CommonLbConfig.ConsistentHashingLbConfig",
        &["use_hostname_for_hashing"],
    ),
    applied("envoy.config.cluster.v3.Cluster.RoundRobinLbConfig", &["slow_start_config"]),
    applied(
        "envoy.config.cluster.v3.Cluster.LeastRequestLbConfig",
        &["choice_count", "active_request_bias", "slow_start_config"],
    ),
    applied(
        "envoy.config.cluster.v3.Cluster.RingHashLbConfig",
        &["minimum_ring_size", "maximum_ring_size", "hash_function"],
    ),
    applied("envoy.config.cluster.v3.Cluster.MaglevLbConfig", &["table_size"]),
    applied(
        "envoy.config.cluster.v3.Cluster.LbSubsetConfig",
        &["fallback_policy", "default_subset", "subset_selectors", "panic_mode_any"],
    ),
    applied(
        "envoy.config.cluster.v3.Cluster.LbSubsetConfig.LbSubsetSelector",
        &["keys", "fallback_policy", "fallback_keys_subset"],
    ),
    applied(
        "envoy.config.cluster.v3.Cluster.SlowStartConfig",
        &["slow_start_window", "aggression", "min_weight_percent"],
    ),
    applied("envoy.config.core.v3.RuntimeDouble", &["default_value"])
        // There is no runtime that could say otherwise.
        .no_op(&["runtime_key"]),
    applied("envoy.config.cluster.v3.LoadBalancingPolicy", &["policies"]),
    applied("envoy.config.cluster.v3.LoadBalancingPolicy.Policy", &["typed_extension_config"]),
    applied("envoy.config.core.v3.TypedExtensionConfig", &["name", "typed_config"]),
    applied(
        "envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin",
        &["slow_start_config", "locality_lb_config"],
    ),
    applied(
        "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest",
        &[
            "choice_count",
            "active_request_bias",
            "slow_start_config",
            "locality_lb_config",
            "enable_full_scan",
            "selection_method",
        ],
    ),
    applied("envoy.extensions.load_balancing_policies.random.v3.Random", &["locality_lb_config"]),
    applied(
        "envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash",
        &[
            "hash_function",
            "minimum_ring_size",
            "maximum_ring_size",
            "consistent_hashing_lb_config",
            "locality_weighted_lb_config",
        ],
    ),
    applied(
        "envoy.extensions.load_balancing_policies.maglev.v3.Maglev",
        &["table_size", "consistent_hashing_lb_config", "locality_weighted_lb_config"],
    ),
    applied(
        "envoy.extensions.load_balancing_policies.common.v3.SlowStartConfig",
        &["slow_start_window", "aggression", "min_weight_percent"],
    ),
    applied(
        "envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig",
        &["zone_aware_lb_config", "locality_weighted_lb_config"],
    ),
    applied(
        "envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig",
        &["fail_traffic_on_panic"],
    )
    // As above.
    .no_op(&["routing_enabled", "min_cluster_size", "force_locality_direct_routing"]),
    applied(
        "envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.LocalityWeightedLbConfig",
        &[],
    ),
    applied(
        "envoy.extensions.load_balancing_policies.common.v3.ConsistentHashingLbConfig",
        &["use_hostname_for_hashing"],
    ),
    applied(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        &["common_http_protocol_options", "explicit_http_config", "request_mirror_policies"],
    ),
    applied(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig",
        &["http_protocol_options", "http2_protocol_options"],
    ),
    applied("envoy.config.cluster.v3.CircuitBreakers", &["thresholds", "per_host_thresholds"]),
    applied(
        "envoy.config.cluster.v3.CircuitBreakers.Thresholds",
        &[
            "priority",
            "max_connections",
            "max_pending_requests",
            "max_requests",
            "max_retries",
            "retry_budget",
            "track_remaining",
            "max_connection_pools",
        ],
    ),
    applied(
        "envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget",
        &["budget_percent", "min_retry_concurrency"],
    ),
    applied("envoy.type.v3.Percent", &["value"]),
    applied(
        "envoy.config.endpoint.v3.ClusterLoadAssignment",
        &["cluster_name", "endpoints", "policy"],
    ),
    applied(
        "envoy.config.endpoint.v3.ClusterLoadAssignment.Policy",
        &["overprovisioning_factor", "weighted_priority_health", "endpoint_stale_after"],
    ),
    applied(
        "envoy.config.endpoint.v3.LocalityLbEndpoints",
        &["locality", "lb_endpoints", "load_balancing_weight", "priority"],
    ),
    applied(
        "envoy.config.endpoint.v3.LbEndpoint",
        &["endpoint", "health_status", "metadata", "load_balancing_weight"],
    ),
    applied(
        "envoy.config.endpoint.v3.Endpoint",
        &["address", "hostname", "health_check_config"],
    ),
    applied(
        "envoy.config.endpoint.v3.Endpoint.HealthCheckConfig",
        &["port_value", "hostname", "address", "disable_active_health_check"],
    ),
    // Health
    applied(
        "envoy.config.cluster.v3.OutlierDetection",
        &[
            "consecutive_5xx",
            "interval",
            "base_ejection_time",
            "max_ejection_percent",
            "enforcing_consecutive_5xx",
            "enforcing_success_rate",
            "success_rate_minimum_hosts",
            "success_rate_request_volume",
            "success_rate_stdev_factor",
            "consecutive_gateway_failure",
            "enforcing_consecutive_gateway_failure",
            "split_external_local_origin_errors",
            "consecutive_local_origin_failure",
            "enforcing_consecutive_local_origin_failure",
            "enforcing_local_origin_success_rate",
            "failure_percentage_threshold",
            "enforcing_failure_percentage",
            "enforcing_failure_percentage_local_origin",
            "failure_percentage_minimum_hosts",
            "failure_percentage_request_volume",
            "max_ejection_time",
            "max_ejection_time_jitter",
            "successful_active_health_check_uneject_host",
            "always_eject_one_host",
        ],
    )
    .fixed(&[("detect_degraded_hosts", "false")]),
    applied(
        "envoy.config.core.v3.HealthCheck",
        &[
            "timeout",
            "interval",
            "initial_jitter",
            "interval_jitter",
            "interval_jitter_percent",
            "unhealthy_threshold",
            "healthy_threshold",
            "reuse_connection",
            "http_health_check",
            "tcp_health_check",
            "grpc_health_check",
            "no_traffic_interval",
            "no_traffic_healthy_interval",
            "unhealthy_interval",
            "unhealthy_edge_interval",
            "healthy_edge_interval",
            "event_log_path",
            "event_logger",
            "always_log_health_check_failures",
            "always_log_health_check_success",
        ],
    )
    // Envoy reads it nowhere.
    .no_op(&["alt_port"]),
    applied("envoy.config.core.v3.HealthCheck.Payload", &["text", "binary"]),
    applied(
        "envoy.config.core.v3.HealthCheck.HttpHealthCheck",
        &[
            "host",
            "path",
            "send",
            "receive",
            "response_buffer_size",
            "request_headers_to_add",
            "request_headers_to_remove",
            "expected_statuses",
            "retriable_statuses",
            "codec_client_type",
            "service_name_matcher",
            "method",
        ],
    ),
    applied("envoy.config.core.v3.HealthCheck.TcpHealthCheck", &["send", "receive"]),
    applied(
        "envoy.config.core.v3.HealthCheck.GrpcHealthCheck",
        &["service_name", "authority", "initial_metadata"],
    ),
    applied("envoy.config.core.v3.TypedExtensionConfig", &["name", "typed_config"]),
    applied(
        "envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink",
        &["event_log_path"],
    ),
    // Access logs
    applied("envoy.config.accesslog.v3.AccessLog", &["name", "filter", "typed_config"]),
    applied(
        "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        &["path", "format", "json_format", "typed_json_format", "log_format"],
    ),
    applied("envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", &["log_format"]),
    applied("envoy.extensions.access_loggers.stream.v3.StderrAccessLog", &["log_format"]),
    applied(
        "envoy.config.core.v3.SubstitutionFormatString",
        &[
            "text_format",
            "text_format_source",
            "json_format",
            "omit_empty_values",
            "content_type",
            "json_format_options",
        ],
    ),
    // Keys are sorted anyway, as they are in Envoy, where this is deprecated.
    applied("envoy.config.core.v3.JsonFormatOptions", &[]).no_op(&["sort_properties"]),
];

/// What is covered of the message of that full name, if it is read at all.
pub fn of(message: &str) -> Option<&'static Covered> {
    COVERAGE.iter().find(|covered| covered.message == message)
}

const fn applied(message: &'static str, applied: &'static [&'static str]) -> Covered {
    Covered { message, applied, no_op: &[], fixed: &[] }
}

// === impl Covered ===

impl Covered {
    const fn no_op(mut self, fields: &'static [&'static str]) -> Self {
        self.no_op = fields;
        self
    }

    const fn fixed(mut self, fields: &'static [(&'static str, &'static str)]) -> Self {
        self.fixed = fields;
        self
    }

    /// Whether the loader looks into the field at all.
    pub fn reads(&self, field: &str) -> bool {
        self.applied.contains(&field)
            || self.no_op.contains(&field)
            || self.fixed.iter().any(|(name, _)| *name == field)
    }
}
