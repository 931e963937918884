//! `envoy.extensions.filters.http.grpc_stats.v3` and `envoy.extensions.filters.http.grpc_http1_bridge.v3`.

/// `FilterConfig` of the gRPC statistics.
#[derive(Clone, Debug)]
pub struct GrpcStats {
    /// Which calls have stats of their own.
    pub methods: CountedMethods,
    /// `enable_upstream_stats`: whether the time that upstream takes is recorded.
    pub upstream_time: bool,
}

/// Which calls have stats of their own; all others share those without a name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum CountedMethods {
    /// None has.
    #[default]
    None,
    /// `individual_method_stats_allowlist`: these, each as `/service/method`.
    Listed(Vec<String>),
    /// `stats_for_all_methods`.
    All {
        /// `replace_dots_in_grpc_service_name`: dots of a service's name become underscores.
        replace_dots: bool,
    },
}

/// `Config` of the bridge for HTTP/1.1 clients.
#[derive(Clone, Copy, Debug, Default)]
pub struct GrpcHttp1Bridge {
    /// `upgrade_protobuf_to_grpc`: bare messages, of the type `application/x-protobuf`, are put into the frames of gRPC.
    pub upgrade_protobuf: bool,
    /// `ignore_query_parameters`: the query of a path goes.
    pub ignore_query: bool,
}
