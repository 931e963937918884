//! The HTTP connection manager of the v1 form.

use crate::config::note::Note;
use crate::config::source::{Node, Value};

use super::build::{self, Build, Part};
use super::object::{Context, Key, Kind, Loan, Object, SECONDS, TIME, optional, required};
use super::{access_log, discovery, http_filter, route_table};

const NAME: &str =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

const KEYS: &[Key] = &[
    required("codec_type", Kind::Word(&["http1", "http2", "auto"])),
    required("stat_prefix", Kind::Text),
    required("filters", Kind::FullList),
    optional("route_config", Kind::Object),
    optional("rds", Kind::Object),
    optional("add_user_agent", Kind::Bool),
    optional("tracing", Kind::Object),
    optional("http1_settings", Kind::Object),
    optional("http2_settings", Kind::Object),
    optional("server_name", Kind::Text),
    optional("idle_timeout_s", SECONDS),
    optional("drain_timeout_ms", TIME),
    optional("access_log", Kind::List),
    optional("use_remote_address", Kind::Bool),
    optional("forward_client_cert", Kind::Word(FORWARD_CLIENT_CERT)),
    optional("set_current_client_cert_details", Kind::Words(&["Subject", "SAN"])),
    optional("generate_request_id", Kind::Bool),
];

const FORWARD_CLIENT_CERT: &[&str] =
    &["sanitize", "forward_only", "append_forward", "sanitize_set", "always_forward_only"];

const TRACING: &[Key] = &[
    required("operation_name", Kind::Word(&["ingress", "egress"])),
    optional("request_headers_for_tags", Kind::FullTexts),
];

const HTTP1: &[Key] =
    &[optional("allow_absolute_url", Kind::Bool), optional("allow_connect", Kind::Ignored)];

const WINDOW: Kind = Kind::Integer(65_535, 2_147_483_647);

const HTTP2: &[Key] = &[
    optional("hpack_table_size", Kind::Integer(0, 4_294_967_295)),
    optional("max_concurrent_streams", Kind::Integer(1, 2_147_483_647)),
    optional("initial_stream_window_size", WINDOW),
    optional("initial_connection_window_size", WINDOW),
];

/// A connection manager as v3's.
pub(super) struct Converted {
    /// Its message in an `Any`.
    pub(super) config: Node,
    /// What its tracing says of the listener around it.
    pub(super) direction: Option<Part>,
}

/// The `config` of the filter as v3's message.
pub(super) fn convert(node: &Node, cx: &mut Context<'_>) -> Option<Converted> {
    let hcm = cx.closed(node, KEYS)?;
    let routes = routes(&hcm, cx);
    let idle = hcm
        .convert("idle_timeout_s", |node| Some(build::one("idle_timeout", build::seconds(node)?)));
    let tracing = hcm.get("tracing").and_then(|node| cx.closed(node, TRACING));
    let direction = tracing.as_ref().and_then(|tracing| {
        tracing.convert("operation_name", |node| {
            let ingress = matches!(&node.value, Value::Text(text) if text == "ingress");
            Some(Node::text(node.at, if ingress { "INBOUND" } else { "OUTBOUND" }))
        })
    });
    // It is refused where tracing is, and that is said once.
    let direction =
        direction.map(|part| Part { key: hcm.key("tracing").unwrap_or(part.key), ..part });
    (cx.request_timeout, cx.child_span) = (None, None);
    let filters = hcm.convert_list("filters", |node| http_filter::convert(node, cx));
    let tracing = hcm.convert("tracing", |_| Some(self::tracing(&tracing?, cx)));
    if let Some(Part { key, .. }) = cx.child_span.take_if(|_| !hcm.has("tracing")) {
        cx.findings.warn(key, "no effect without tracing");
    }
    let details = hcm.convert("set_current_client_cert_details", certificate_details);
    let certificates = hcm.convert("forward_client_cert", build::upper);
    let built = Build::any(hcm.at, NAME)
        .maybe("codec_type", hcm.convert("codec_type", build::upper))
        .same(&["stat_prefix"], &hcm);
    let (field, routes) = routes;
    let built = built
        .set(field, routes)
        .maybe("http_filters", filters)
        .same(&["add_user_agent"], &hcm)
        .maybe("tracing", tracing)
        .maybe("common_http_protocol_options", idle)
        .maybe("http_protocol_options", hcm.convert("http1_settings", |node| http1(node, cx)))
        .maybe("http2_protocol_options", hcm.convert("http2_settings", |node| http2(node, cx)))
        .same(&["server_name"], &hcm)
        .maybe("request_timeout", cx.request_timeout.take())
        .note("request_timeout", Note::BufferTime)
        .time("drain_timeout", &hcm)
        .maybe("access_log", hcm.convert_list("access_log", |log| access_log::convert(log, cx)))
        .same(&["use_remote_address", "generate_request_id"], &hcm)
        .maybe("forward_client_cert_details", certificates)
        .maybe("set_current_client_cert_details", details);
    Some(Converted { config: built.finish(), direction })
}

/// The one of the two that says where the routes are.
fn routes(hcm: &Object<'_>, cx: &mut Context<'_>) -> (&'static str, Part) {
    if hcm.has("rds") == hcm.has("route_config") {
        let message = "http connection manager must have either rds or route_config but not both";
        cx.findings.error(hcm.at, message);
    }
    let rds = hcm.convert("rds", |node| discovery::rds(node, cx));
    let table = hcm.convert("route_config", |node| route_table::convert(node, cx));
    match (rds, table) {
        (_, Some(table)) => ("route_config", table),
        (Some(rds), None) => ("rds", rds),
        (None, None) => ("route_config", Node::wrong(hcm.at).into()),
    }
}

/// v3's `Tracing` with the tracer, which it has here.
fn tracing(tracing: &Object<'_>, cx: &mut Context<'_>) -> Node {
    let tags = tracing.convert_list("request_headers_for_tags", |node| {
        let Value::Text(name) = &node.value else { return None };
        let header = build::one("name", node.clone());
        Some(Build::at(node.at).text("tag", node.at, name).set("request_header", header).finish())
    });
    let tracer = Loan::take(&mut cx.tracer);
    Build::at(tracing.at)
        .maybe("custom_tags", tags)
        .maybe("provider", tracer)
        .note("provider", Note::Moved)
        .maybe("spawn_upstream_span", cx.child_span.take())
        .note("spawn_upstream_span", Note::ChildSpan)
        .finish()
}

/// v1's SANs were the URIs in the certificate.
fn certificate_details(node: &Node) -> Option<Node> {
    let Value::List(details) = &node.value else { return None };
    let built = details.iter().fold(Build::at(node.at), |built, detail| match &detail.value {
        Value::Text(text) if text == "Subject" => built.on("subject", detail.at),
        _ => built.on("uri", detail.at),
    });
    Some(built.finish())
}

fn http1(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let settings = cx.open(node, HTTP1)?;
    Some(Build::at(settings.at).same(&["allow_absolute_url"], &settings).finish())
}

/// `http2_settings`, of connection managers and clusters alike.
pub(super) fn http2(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let settings = cx.open(node, HTTP2)?;
    Some(Build::at(settings.at).copies(HTTP2, &settings).finish())
}
