//! The HTTP connection manager of the v1 form, and the HTTP filters.

use crate::config::source::{At, Node, Quoted};

use super::build::{self, Build};
use super::object::{Context, Key, Kind, NUMBER, optional, refused, required};
use super::{access_log, route};

const NAME: &str =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

const KEYS: &[Key] = &[
    required("codec_type", Kind::Word(&["http1", "http2", "auto"])),
    required("stat_prefix", Kind::Text),
    required("filters", Kind::FullList),
    optional("route_config", Kind::Object),
    refused("rds"),
    optional("add_user_agent", Kind::Bool),
    refused("tracing"),
    optional("http1_settings", Kind::Object),
    optional("http2_settings", Kind::Object),
    optional("server_name", Kind::Text),
    optional("idle_timeout_s", NUMBER),
    optional("drain_timeout_ms", NUMBER),
    optional("access_log", Kind::List),
    optional("use_remote_address", Kind::Bool),
    optional("forward_client_cert", Kind::Word(FORWARD_CLIENT_CERT)),
    refused("set_current_client_cert_details"),
    optional("generate_request_id", Kind::Bool),
];

const FORWARD_CLIENT_CERT: &[&str] =
    &["sanitize", "forward_only", "append_forward", "sanitize_set", "always_forward_only"];

const HTTP1: &[Key] =
    &[optional("allow_absolute_url", Kind::Bool), optional("allow_connect", Kind::Ignored)];

const WINDOW: Kind = Kind::Integer(65_535, 2_147_483_647);

const HTTP2: &[Key] = &[
    optional("hpack_table_size", Kind::Integer(0, 4_294_967_295)),
    optional("max_concurrent_streams", Kind::Integer(1, 2_147_483_647)),
    optional("initial_stream_window_size", WINDOW),
    optional("initial_connection_window_size", WINDOW),
];

const FILTER: &[Key] = &[required("name", Kind::Text), required("config", Kind::Object)];

const ROUTER: &[Key] =
    &[optional("dynamic_stats", Kind::Bool), optional("start_child_span", Kind::Bool)];

/// HTTP filters that v1 files name and that are not supported yet.
const KNOWN: &[&str] = &[
    "fault",
    "health_check",
    "rate_limit",
    "buffer",
    "cors",
    "lua",
    "grpc_http1_bridge",
    "grpc_web",
    "grpc_json_transcoder",
    "http_dynamo_filter",
    "ip_tagging",
    "squash",
];

/// The `config` of the filter as v3's message in an `Any`.
pub(super) fn convert(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let hcm = cx.closed(node, KEYS)?;
    if node.get("route_config").is_none() && node.get("rds").is_none() {
        cx.findings.error(hcm.at, "route_config is missing");
    }
    let routes = hcm.convert("route_config", |node| route::convert(node, cx));
    let idle = hcm.convert("idle_timeout_s", |node| {
        let idle = build::seconds(node)?;
        Some(Build::at(idle.at).set("idle_timeout", idle).finish())
    });
    let certificates = hcm.convert("forward_client_cert", build::upper);
    let built = Build::any(hcm.at, NAME)
        .maybe("codec_type", hcm.convert("codec_type", build::upper))
        .maybe("stat_prefix", hcm.copy("stat_prefix"))
        .set("route_config", routes.unwrap_or_else(|| Node::wrong(hcm.at)))
        .maybe("http_filters", hcm.convert_list("filters", |node| filter(node, cx)))
        .maybe("http_protocol_options", hcm.convert("http1_settings", |node| http1(node, cx)))
        .maybe("http2_protocol_options", hcm.convert("http2_settings", |node| http2(node, cx)))
        .maybe("server_name", hcm.copy("server_name"))
        .maybe("common_http_protocol_options", idle)
        .maybe("drain_timeout", hcm.convert("drain_timeout_ms", build::milliseconds))
        .maybe("access_log", hcm.convert_list("access_log", |log| access_log::convert(log, cx)))
        .maybe("add_user_agent", hcm.copy("add_user_agent"))
        .maybe("use_remote_address", hcm.copy("use_remote_address"))
        .maybe("forward_client_cert_details", certificates)
        .maybe("generate_request_id", hcm.copy("generate_request_id"));
    Some(built.finish())
}

fn http1(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let settings = cx.open(node, HTTP1)?;
    let built = Build::at(settings.at);
    Some(built.maybe("allow_absolute_url", settings.copy("allow_absolute_url")).finish())
}

/// `http2_settings`, of connection managers and clusters alike.
pub(super) fn http2(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let settings = cx.open(node, HTTP2)?;
    Some(Build::at(settings.at).copies(HTTP2, &settings).finish())
}

/// One HTTP filter as v3's. Its schema was written wrongly, so that other keys beside the two are passed over.
fn filter(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let filter = cx.open(node, FILTER)?;
    let (name, config) = (filter.text("name")?, filter.get("config")?);
    let bare = name.strip_prefix("envoy.").unwrap_or(name);
    if bare == "router" {
        return router(filter.at, config, cx);
    }
    let at = filter.get("name")?.at;
    if KNOWN.contains(&bare) {
        cx.findings.error(at, format!("filter {} is not supported yet", Quoted(name)));
    } else {
        let message = format!("there is no HTTP filter {}", Quoted(name));
        cx.findings.error(at, message).did_you_mean(bare, KNOWN.iter().copied().chain(["router"]));
    }
    None
}

fn router(at: At, config: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let router = cx.closed(config, ROUTER)?;
    let typed = Build::any(router.at, "envoy.extensions.filters.http.router.v3.Router");
    let typed = typed.copies(ROUTER, &router).finish();
    let built = Build::at(at).text("name", at, "envoy.filters.http.router");
    Some(built.set("typed_config", typed).finish())
}
