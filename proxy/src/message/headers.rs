//! Header names of Envoy's own.

use http::{HeaderMap, HeaderName};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: HeaderName = HeaderName::from_static($text);)*
    };
}

names! {
    /// `keep-alive`
    KEEP_ALIVE = "keep-alive";
    /// `proxy-connection`
    PROXY_CONNECTION = "proxy-connection";
    /// `http2-settings`
    HTTP2_SETTINGS = "http2-settings";
    /// `x-forwarded-proto`
    X_FORWARDED_PROTO = "x-forwarded-proto";
    /// `x-forwarded-for`
    X_FORWARDED_FOR = "x-forwarded-for";
    /// `x-request-id`
    X_REQUEST_ID = "x-request-id";
    /// `x-envoy-upstream-service-time`
    X_ENVOY_UPSTREAM_SERVICE_TIME = "x-envoy-upstream-service-time";
    /// `x-envoy-expected-rq-timeout-ms`
    X_ENVOY_EXPECTED_RQ_TIMEOUT_MS = "x-envoy-expected-rq-timeout-ms";
    /// `x-envoy-upstream-rq-timeout-ms`
    X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS = "x-envoy-upstream-rq-timeout-ms";
    /// `x-envoy-max-retries`
    X_ENVOY_MAX_RETRIES = "x-envoy-max-retries";
    /// `x-envoy-retry-on`
    X_ENVOY_RETRY_ON = "x-envoy-retry-on";
    /// `x-envoy-retry-grpc-on`
    X_ENVOY_RETRY_GRPC_ON = "x-envoy-retry-grpc-on";
    /// `x-envoy-upstream-rq-per-try-timeout-ms`
    X_ENVOY_UPSTREAM_RQ_PER_TRY_TIMEOUT_MS = "x-envoy-upstream-rq-per-try-timeout-ms";
    /// `x-envoy-internal`
    X_ENVOY_INTERNAL = "x-envoy-internal";
    /// `x-envoy-external-address`
    X_ENVOY_EXTERNAL_ADDRESS = "x-envoy-external-address";
    /// `x-envoy-force-trace`
    X_ENVOY_FORCE_TRACE = "x-envoy-force-trace";
    /// `x-envoy-downstream-service-cluster`
    X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER = "x-envoy-downstream-service-cluster";
    /// `x-envoy-downstream-service-node`
    X_ENVOY_DOWNSTREAM_SERVICE_NODE = "x-envoy-downstream-service-node";
    /// `x-forwarded-port`
    X_FORWARDED_PORT = "x-forwarded-port";
    /// `x-forwarded-host`
    X_FORWARDED_HOST = "x-forwarded-host";
    /// `x-envoy-original-host`
    X_ENVOY_ORIGINAL_HOST = "x-envoy-original-host";
    /// `x-envoy-original-path`
    X_ENVOY_ORIGINAL_PATH = "x-envoy-original-path";
    /// `x-envoy-overloaded`
    X_ENVOY_OVERLOADED = "x-envoy-overloaded";
}

/// Keeps the headers whose names `keep` says, in their order: `HeaderMap::remove` moves the last one into the gap.
pub fn retain(headers: &mut HeaderMap, keep: impl Fn(&HeaderName) -> bool) {
    let old = std::mem::take(headers);
    headers.reserve(old.len());
    let mut current = None;
    for (next, value) in old {
        current = next.or(current);
        if let Some(name) = current.as_ref().filter(|name| keep(name)) {
            headers.append(name.clone(), value);
        }
    }
}
