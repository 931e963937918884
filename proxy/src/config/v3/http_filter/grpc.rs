//! `envoy.extensions.filters.http.grpc_stats.v3`, `grpc_web.v3` and `grpc_http1_bridge.v3`.

use crate::config::http_filter::{CountedMethods, GrpcHttp1Bridge, GrpcStats};
use crate::config::v3::message::Message;

pub(super) const STATS: &str = "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig";

pub(super) const WEB: &str = "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb";

pub(super) const HTTP1_BRIDGE: &str = "envoy.extensions.filters.http.grpc_http1_bridge.v3.Config";

pub(super) fn stats(config: &Message<'_>) -> GrpcStats {
    // Envoy looks at it only where all methods have stats of their own.
    let replace_dots = config.bool("replace_dots_in_grpc_service_name").unwrap_or_default();
    let methods = match config.message("individual_method_stats_allowlist") {
        Some(list) => CountedMethods::Listed(listed(list)),
        None if config.bool("stats_for_all_methods") == Some(true) => {
            CountedMethods::All { replace_dots }
        }
        None => CountedMethods::None,
    };
    let upstream_time = config.bool("enable_upstream_stats").unwrap_or_default();
    GrpcStats { methods, upstream_time }
}

fn listed(list: &Message<'_>) -> Vec<String> {
    let services = list.messages("services");
    let methods = services.flat_map(|service| {
        let name = service.text("name").unwrap_or_default();
        service.texts("method_names").map(move |(_, method)| format!("/{name}/{method}"))
    });
    methods.collect()
}

pub(super) fn http1_bridge(config: &Message<'_>) -> GrpcHttp1Bridge {
    GrpcHttp1Bridge {
        upgrade_protobuf: config.bool("upgrade_protobuf_to_grpc").unwrap_or_default(),
        ignore_query: config.bool("ignore_query_parameters").unwrap_or_default(),
    }
}
