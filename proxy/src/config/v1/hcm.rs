//! The HTTP connection manager of the v1 form, and the HTTP filters.

use crate::config::source::{At, Node, Quoted, Value};

use super::build::{self, Build};
use super::object::{Context, Key, Kind, NUMBER, optional, refused, required};
use super::{access_log, route};

const KEYS: &[Key] = &[
    required("codec_type", Kind::Word(&["http1", "http2", "auto"])),
    required("stat_prefix", Kind::Text),
    required("filters", Kind::FullList),
    optional("route_config", Kind::Object),
    refused("rds"),
    optional("add_user_agent", Kind::Off),
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
    if hcm.get("route_config").is_none()
        && ["route_config", "rds"].iter().all(|k| node.get(k).is_none())
    {
        cx.findings.error(hcm.at, "route_config is missing");
    }
    let routes = hcm.get("route_config").and_then(|node| route::convert(node, cx));
    let filters = hcm.list("filters").iter().filter_map(|node| filter(node, cx)).collect();
    let logs = hcm.list("access_log").iter().filter_map(|node| access_log::convert(node, cx));
    let logs: Vec<Node> = logs.collect();
    let idle = build::seconds(cx.number(&hcm, "idle_timeout_s"))
        .map(|idle| Build::at(idle.at).set("idle_timeout", idle).finish());
    let built = Build::any(hcm.at, NAME)
        .upper("codec_type", hcm.get("codec_type"))
        .copy("stat_prefix", hcm.get("stat_prefix"))
        .maybe("route_config", routes)
        .maybe("http_filters", list(hcm.get("filters"), filters))
        .maybe("http_protocol_options", hcm.get("http1_settings").and_then(|s| http1(s, cx)))
        .maybe("http2_protocol_options", hcm.get("http2_settings").and_then(|s| http2(s, cx)))
        .copy("server_name", hcm.get("server_name"))
        .maybe("common_http_protocol_options", idle)
        .maybe("drain_timeout", build::milliseconds(cx.number(&hcm, "drain_timeout_ms")))
        .maybe("access_log", list(hcm.get("access_log"), logs))
        .copy("use_remote_address", hcm.get("use_remote_address"))
        .upper("forward_client_cert_details", hcm.get("forward_client_cert"))
        .copy("generate_request_id", hcm.get("generate_request_id"));
    Some(built.finish())
}

const NAME: &str =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

fn http1(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let settings = cx.open(node, HTTP1)?;
    let built = Build::at(settings.at);
    Some(built.copy("allow_absolute_url", settings.get("allow_absolute_url")).finish())
}

/// `http2_settings`, of connection managers and clusters alike.
pub(super) fn http2(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let settings = cx.open(node, HTTP2)?;
    let built = Build::at(settings.at);
    Some(
        HTTP2
            .iter()
            .fold(built, |built, key| built.copy(key.name, settings.get(key.name)))
            .finish(),
    )
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
    let typed = Build::any(router.at, "envoy.extensions.filters.http.router.v3.Router")
        .copy("dynamic_stats", router.get("dynamic_stats"))
        .copy("start_child_span", router.get("start_child_span"))
        .finish();
    let built = Build::at(at).text("name", at, "envoy.filters.http.router");
    Some(built.set("typed_config", typed).finish())
}

fn list(node: Option<&Node>, items: Vec<Node>) -> Option<Node> {
    node.map(|node| Node::new(node.at, Value::List(items)))
}
