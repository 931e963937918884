//! `envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`.

mod edge;
mod local_reply;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::config::diagnostic::Findings;
use crate::config::hcm::{
    Codec, DEFAULT_DELAYED_CLOSE_TIMEOUT, DEFAULT_DRAIN_TIMEOUT, DEFAULT_IDLE_TIMEOUT,
    DEFAULT_MAX_HEADERS_COUNT, DEFAULT_MAX_REQUEST_HEADERS_KB, DEFAULT_STREAM_IDLE_TIMEOUT,
    HttpConnectionManager, RouterOptions, ServerHeader, StrictHeader, UserAgent,
};

use super::http_filter::{self, ROUTER};
use super::message::Message;
use super::{access_log, protocol, route};

/// Its full name.
pub(super) const NAME: &str =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/// The one extension there is for request ids.
const UUID_REQUEST_ID: &str = "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig";

/// The name `server` has where the file says nothing.
const DEFAULT_SERVER_NAME: &str = "envoy";

/// Lowers a connection manager.
pub(super) fn lower(
    hcm: &Message<'_>,
    clusters: Option<&BTreeSet<&str>>,
    findings: &mut Findings,
) -> Option<HttpConnectionManager> {
    let common = hcm.message("common_http_protocol_options");
    let max_headers_count = common.and_then(|common| common.u32("max_headers_count"));
    let routes = hcm.message("route_config");
    let routes = routes.map(|routes| Arc::new(route::lower(routes, clusters, findings)));
    let flag = |name| hcm.bool(name).unwrap_or_default();
    let number = |name, default| hcm.u32(name).unwrap_or(default);
    let time = |name, default| protocol::timeout(Some(hcm), name, default);
    let codec = codec(hcm, findings);
    request_id_extension(hcm, findings);
    Some(HttpConnectionManager {
        codec,
        stat_prefix: hcm.text("stat_prefix").unwrap_or_default().to_owned(),
        filters: http_filter::lower(hcm, findings),
        router: router(hcm),
        server_name: hcm.nonempty("server_name").unwrap_or(DEFAULT_SERVER_NAME).to_owned(),
        server_header: server_header(hcm),
        via: hcm.nonempty("via").map(str::to_owned),
        generate_request_id: hcm.bool("generate_request_id").unwrap_or(true),
        preserve_external_request_id: flag("preserve_external_request_id"),
        always_set_request_id_in_response: flag("always_set_request_id_in_response"),
        use_remote_address: flag("use_remote_address"),
        xff_num_trusted_hops: number("xff_num_trusted_hops", 0),
        skip_xff_append: flag("skip_xff_append"),
        append_x_forwarded_port: flag("append_x_forwarded_port"),
        internal_addresses: edge::internal_addresses(hcm, findings),
        user_agent: flag("add_user_agent").then(UserAgent::default),
        scheme: edge::scheme(hcm),
        client_cert: edge::client_cert(hcm),
        client_cert_details: edge::client_cert_details(hcm),
        paths: edge::paths(hcm),
        strip_port: edge::strip_port(hcm, findings),
        strip_trailing_host_dot: flag("strip_trailing_host_dot"),
        underscores: edge::underscores(common),
        idle_timeout: protocol::timeout(common, "idle_timeout", Some(DEFAULT_IDLE_TIMEOUT)),
        max_requests_per_connection: common
            .and_then(|common| common.u32("max_requests_per_connection"))
            .filter(|most| *most > 0),
        // Zero is no time, and not none.
        max_connection_duration: common
            .and_then(|common| common.duration("max_connection_duration")),
        http1_safe_max_connection_duration: flag("http1_safe_max_connection_duration"),
        max_stream_duration: protocol::timeout(common, "max_stream_duration", None),
        delayed_close_timeout: time("delayed_close_timeout", Some(DEFAULT_DELAYED_CLOSE_TIMEOUT)),
        stream_idle_timeout: time("stream_idle_timeout", Some(DEFAULT_STREAM_IDLE_TIMEOUT)),
        request_timeout: time("request_timeout", None),
        request_headers_timeout: request_headers_timeout(hcm, codec, findings),
        drain_timeout: hcm.duration("drain_timeout").unwrap_or(DEFAULT_DRAIN_TIMEOUT),
        max_request_headers_kb: number("max_request_headers_kb", DEFAULT_MAX_REQUEST_HEADERS_KB),
        max_headers_count: max_headers_count.unwrap_or(DEFAULT_MAX_HEADERS_COUNT),
        http1: protocol::http1(hcm),
        http2: protocol::http2(hcm.message("http2_protocol_options")),
        local_replies: local_reply::lower(hcm, findings),
        upgrades: upgrades(hcm),
        access_logs: access_log::lower(hcm, "access_log", findings),
        routes: routes?,
    })
}

/// The HTTP/2 codec tells of a head only when it is whole, so there it cannot be late.
fn request_headers_timeout(
    hcm: &Message<'_>,
    codec: Codec,
    findings: &mut Findings,
) -> Option<Duration> {
    let timeout = protocol::timeout(Some(hcm), "request_headers_timeout", None);
    if timeout.is_some() && codec != Codec::Http1 {
        findings
            .warn(hcm.place("request_headers_timeout"), "has no effect on HTTP/2 connections yet");
    }
    timeout
}

fn codec(hcm: &Message<'_>, findings: &mut Findings) -> Codec {
    match hcm.enumeration("codec_type") {
        Some("HTTP1") => Codec::Http1,
        Some("HTTP2") => Codec::Http2,
        Some("HTTP3") => {
            findings.error(hcm.place("codec_type"), "HTTP3 is not supported yet");
            Codec::Auto
        }
        _ => Codec::Auto,
    }
}

fn upgrades(hcm: &Message<'_>) -> Vec<(Box<str>, bool)> {
    let upgrades = hcm.messages("upgrade_configs").map(|upgrade| {
        let kind = upgrade.text("upgrade_type").unwrap_or_default().to_ascii_lowercase();
        (kind.into(), upgrade.bool("enabled").unwrap_or(true))
    });
    upgrades.collect()
}

fn server_header(hcm: &Message<'_>) -> ServerHeader {
    match hcm.enumeration("server_header_transformation") {
        Some("APPEND_IF_ABSENT") => ServerHeader::AppendIfAbsent,
        Some("PASS_THROUGH") => ServerHeader::PassThrough,
        _ => ServerHeader::Overwrite,
    }
}

fn router(hcm: &Message<'_>) -> RouterOptions {
    let router = hcm.messages("http_filters").last().and_then(|filter| filter.any("typed_config"));
    let flag = |name| router.and_then(|router| router.bool(name)).unwrap_or_default();
    if router.is_none_or(|router| router.schema.name != ROUTER) {
        return RouterOptions::default();
    }
    RouterOptions {
        suppress_envoy_headers: flag("suppress_envoy_headers"),
        respect_expected_rq_timeout: flag("respect_expected_rq_timeout"),
        strict_check_headers: router.map(strict_check_headers).unwrap_or_default(),
    }
}

/// Envoy's rules have refused what is none of the five; one that is named again is looked at once.
fn strict_check_headers(router: &Message<'_>) -> [Option<StrictHeader>; 5] {
    let mut headers = [None; 5];
    let names = router.texts("strict_check_headers").filter_map(|(_, name)| match name {
        "x-envoy-upstream-rq-timeout-ms" => Some(StrictHeader::UpstreamRqTimeoutMs),
        "x-envoy-upstream-rq-per-try-timeout-ms" => Some(StrictHeader::UpstreamRqPerTryTimeoutMs),
        "x-envoy-max-retries" => Some(StrictHeader::MaxRetries),
        "x-envoy-retry-on" => Some(StrictHeader::RetryOn),
        "x-envoy-retry-grpc-on" => Some(StrictHeader::RetryGrpcOn),
        _ => None,
    });
    for name in names {
        let free = headers.iter().position(|header| header.is_none() || *header == Some(name));
        if let Some(free) = free {
            headers[free] = Some(name);
        }
    }
    headers
}

/// `request_id_extension`: there is one, and its settings only say how a request's id tells whether it is traced.
fn request_id_extension(hcm: &Message<'_>, findings: &mut Findings) {
    let Some(extension) = hcm.message("request_id_extension") else { return };
    let Some(config) = super::extension(extension, findings) else { return };
    if config.schema.name != UUID_REQUEST_ID {
        super::wrong_extension(extension, config, "a way to make request ids", findings);
    }
}
