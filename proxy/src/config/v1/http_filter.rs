//! HTTP filters of the v1 form.

use crate::config::note::Note;
use crate::config::source::{Node, Value};

use super::build::{self, Build};
use super::object::{
    Context, Key, Kind, Object, PERCENT, POSITIVE, POSITIVE_TIME, TIME, optional, required,
};
use super::{address, header, rate_limit};

const FILTER: &[Key] = &[
    required("name", Kind::Text),
    required("config", Kind::Object),
    optional("type", Kind::Ignored),
];

/// The filters that v1 files name, without v2's prefix, which works in v1 files too.
const KNOWN: &[&str] = &[
    "router",
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

const ROUTER: &[Key] =
    &[optional("dynamic_stats", Kind::Bool), optional("start_child_span", Kind::Bool)];

const FAULT: &[Key] = &[
    optional("abort", Kind::Object),
    optional("delay", Kind::Object),
    optional("upstream_cluster", Kind::Text),
    optional("headers", Kind::FullList),
    optional("downstream_nodes", Kind::FullTexts),
];

const ABORT: &[Key] =
    &[required("abort_percent", PERCENT), required("http_status", Kind::Integer(0, 599))];

const DELAY: &[Key] = &[
    required("type", Kind::Word(&["fixed"])),
    required("fixed_delay_percent", PERCENT),
    required("fixed_duration_ms", POSITIVE_TIME),
];

const HEALTH_CHECK: &[Key] = &[
    required("pass_through_mode", Kind::Bool),
    required("endpoint", Kind::Text),
    optional("cache_time_ms", TIME),
];

const RATE_LIMIT: &[Key] = &[
    required("domain", Kind::Text),
    optional("stage", rate_limit::STAGE),
    optional("request_type", REQUEST_TYPE),
    optional("timeout_ms", POSITIVE_TIME),
];

const REQUEST_TYPE: Kind = Kind::Word(&["internal", "external", "both"]);

const BUFFER: &[Key] =
    &[required("max_request_bytes", POSITIVE), required("max_request_time_s", POSITIVE)];

const LUA: &[Key] = &[required("inline_code", Kind::Text)];

const TRANSCODER: &[Key] = &[
    required("proto_descriptor", Kind::Text),
    required("services", Kind::FullTexts),
    optional("print_options", Kind::Object),
];

const PRINT_OPTIONS: &[Key] = &[
    optional("add_whitespace", Kind::Bool),
    optional("always_print_primitive_fields", Kind::Bool),
    optional("always_print_enums_as_ints", Kind::Bool),
    optional("preserve_proto_field_names", Kind::Bool),
];

const IP_TAGGING: &[Key] =
    &[optional("request_type", REQUEST_TYPE), optional("ip_tags", Kind::FullList)];

const IP_TAG: &[Key] = &[required("ip_tag_name", Kind::Text), required("ip_list", Kind::FullTexts)];

/// The package of v3's HTTP filters.
const PACKAGE: &str = "envoy.extensions.filters.http";

/// One HTTP filter as v3's; null if it has no effect. Its schema was written wrongly, so that other keys beside the two
/// were passed over.
pub(super) fn convert(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let filter = cx.open(node, FILTER)?;
    let (name, config) = (filter.text("name")?, filter.get("config")?);
    let bare = name.strip_prefix("envoy.").unwrap_or(name);
    let (name, typed) = match bare {
        "router" => ("router", router(config, cx)?),
        "fault" => ("fault", fault(config, cx)?),
        "health_check" => ("health_check", health_check(config, cx)?),
        "rate_limit" => ("ratelimit", rate_limit(config, cx)?),
        "buffer" => ("buffer", buffer(config, cx)?),
        "cors" => ("cors", bare_filter(config, "cors.v3.Cors", cx)?),
        "lua" => ("lua", lua(config, cx)?),
        "grpc_http1_bridge" => {
            let config = bare_filter(config, "grpc_http1_bridge.v3.Config", cx)?;
            ("grpc_http1_bridge", config)
        }
        "grpc_web" => ("grpc_web", bare_filter(config, "grpc_web.v3.GrpcWeb", cx)?),
        "grpc_json_transcoder" => ("grpc_json_transcoder", transcoder(config, cx)?),
        "ip_tagging" => ("ip_tagging", ip_tagging(config, cx)?),
        _ => {
            unknown(&filter, bare, cx);
            return None;
        }
    };
    if matches!(typed.value, Value::Null) {
        return Some(typed);
    }
    let name = format!("envoy.filters.http.{name}");
    Some(Build::extension(filter.at, &name, typed).finish())
}

/// Reports a filter that is none in v3.
fn unknown(filter: &Object<'_>, bare: &str, cx: &mut Context<'_>) {
    let (Some(key), Some(name)) = (filter.key("name"), filter.get("name")) else { return };
    match bare {
        "squash" => return cx.gone(key, "Envoy has no squash filter any more"),
        "http_dynamo_filter" => {
            return cx.gone(key, "the dynamo filter is not in Envoy itself any more");
        }
        _ => {}
    }
    let message = format!(
        "Didn't find a registered implementation for name: {name}, there is no such HTTP filter"
    );
    let finding = cx.findings.error(name.at, message);
    match bare {
        "gzip" => finding.hint("it had no v1 form; v3 has a compressor filter"),
        _ => {
            finding.did_you_mean(bare, KNOWN.iter().copied());
        }
    }
}

fn router(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let router = cx.closed(node, ROUTER)?;
    cx.child_span = router.switch("start_child_span", |at| Node::new(at, Value::Bool(true)));
    let built = Build::any(router.at, &format!("{PACKAGE}.router.v3.Router"));
    Some(built.same(&["dynamic_stats"], &router).finish())
}

/// A filter without settings. It had no schema, so that anything was passed over.
fn bare_filter(node: &Node, message: &str, cx: &mut Context<'_>) -> Option<Node> {
    let config = cx.open(node, &[])?;
    Some(Build::any(config.at, &format!("{PACKAGE}.{message}")).finish())
}

fn fault(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let fault = cx.closed(node, FAULT)?;
    if !fault.has("abort") && !fault.has("delay") {
        let message = "fault filter must have at least abort or delay specified in the config.";
        cx.findings.error(fault.at, message);
    }
    let delay = fault.convert("delay", |node| {
        let delay = cx.closed(node, DELAY)?;
        let built = Build::at(delay.at)
            .maybe("fixed_delay", delay.convert("fixed_duration_ms", build::milliseconds))
            .maybe("percentage", delay.convert("fixed_delay_percent", build::percent));
        Some(built.finish())
    });
    let abort = fault.convert("abort", |node| {
        let abort = cx.closed(node, ABORT)?;
        let built = Build::at(abort.at).same(&["http_status"], &abort);
        Some(built.maybe("percentage", abort.convert("abort_percent", build::percent)).finish())
    });
    let built = Build::any(fault.at, &format!("{PACKAGE}.fault.v3.HTTPFault"))
        .maybe("delay", delay)
        .maybe("abort", abort)
        .same(&["upstream_cluster"], &fault)
        .maybe("headers", header::matchers(&fault, cx))
        .same(&["downstream_nodes"], &fault);
    Some(built.finish())
}

fn health_check(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let check = cx.closed(node, HEALTH_CHECK)?;
    let passes = check.is_on("pass_through_mode") || check.is_wrong("pass_through_mode");
    if let (Some(time), false) = (check.get("cache_time_ms"), passes) {
        let message = "cache_time_ms must not be set when path_through_mode is disabled";
        cx.findings.error(time.at, message);
    }
    let headers = check.convert("endpoint", |node| {
        let matcher = Build::at(node.at).text("name", node.at, ":path");
        Some(build::list_of(matcher.maybe("string_match", build::exact(node)).finish()))
    });
    let built = Build::any(check.at, &format!("{PACKAGE}.health_check.v3.HealthCheck"))
        .same(&["pass_through_mode"], &check)
        .time("cache_time", &check)
        .maybe("headers", headers);
    Some(built.finish())
}

fn rate_limit(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let limit = cx.closed(node, RATE_LIMIT)?;
    let Some(service) = rate_limit::ask(&limit, cx) else {
        return Some(Node::new(limit.at, Value::Null));
    };
    let built = Build::any(limit.at, &format!("{PACKAGE}.ratelimit.v3.RateLimit"))
        .same(&["domain", "stage", "request_type"], &limit)
        .time("timeout", &limit)
        .set("rate_limit_service", service)
        .note("rate_limit_service", Note::Moved);
    Some(built.finish())
}

/// The time that a request may take is the connection manager's in v3.
fn buffer(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let buffer = cx.closed(node, BUFFER)?;
    if let Some(time) = buffer.convert("max_request_time_s", build::seconds) {
        cx.request_timeout.get_or_insert(time);
    }
    let built = Build::any(buffer.at, &format!("{PACKAGE}.buffer.v3.Buffer"));
    Some(built.same(&["max_request_bytes"], &buffer).finish())
}

fn lua(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let lua = cx.closed(node, LUA)?;
    let code = lua.convert("inline_code", |node| Some(build::one("inline_string", node.clone())));
    let built = Build::any(lua.at, &format!("{PACKAGE}.lua.v3.Lua"));
    Some(built.maybe("default_source_code", code).finish())
}

fn transcoder(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let transcoder = cx.closed(node, TRANSCODER)?;
    let options = transcoder.convert("print_options", |node| {
        let options = cx.closed(node, PRINT_OPTIONS)?;
        Some(Build::at(options.at).copies(PRINT_OPTIONS, &options).finish())
    });
    let message = "grpc_json_transcoder.v3.GrpcJsonTranscoder";
    let built = Build::any(transcoder.at, &format!("{PACKAGE}.{message}"))
        .same(&["proto_descriptor", "services"], &transcoder)
        .maybe("print_options", options);
    Some(built.finish())
}

fn ip_tagging(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let tagging = cx.closed(node, IP_TAGGING)?;
    let tags = tagging.convert_list("ip_tags", |node| {
        let tag = cx.closed(node, IP_TAG)?;
        let networks = tag.convert_list("ip_list", |node| address::network(node, cx));
        Some(Build::at(tag.at).same(&["ip_tag_name"], &tag).maybe("ip_list", networks).finish())
    });
    let built = Build::any(tagging.at, &format!("{PACKAGE}.ip_tagging.v3.IPTagging"))
        .maybe("request_type", tagging.convert("request_type", build::upper))
        .maybe("ip_tags", tags)
        .note("ip_tags", Note::IpTags);
    Some(built.finish())
}
