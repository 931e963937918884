//! Tracers of the v1 form.

use crate::config::note::Note;
use crate::config::source::{Node, Value};

use super::build::Build;
use super::object::{Context, Key, Kind, Variant, optional, required, variant};

const TRACING: &[Key] = &[optional("http", Kind::Object)];

const HTTP: &[Key] = &[required("driver", Kind::Object)];

const DRIVERS: &[Variant] = &[
    variant("zipkin", &[required("type", Kind::Text), required("config", Kind::Object)]),
    variant("lightstep", &[required("type", Kind::Text), required("config", Kind::Object)]),
];

const ZIPKIN: &[Key] = &[
    required("collector_cluster", Kind::Text),
    optional("collector_endpoint", Kind::Text),
    optional("trace_id_128bit", Kind::Bool),
];

const LIGHTSTEP: &[Key] =
    &[required("collector_cluster", Kind::Text), required("access_token_file", Kind::Text)];

/// Where Zipkin takes spans of the form that v3 sends; it sends none of the form of 2018, whose path was
/// `/api/v1/spans`.
const ENDPOINT: &str = "/api/v2/spans";

const OLD_ENDPOINT: &str = "/api/v1/spans";

/// v3's `Tracing.Http`, the tracer of each connection manager that traces; none if there is none.
pub(super) fn provider(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let tracing = cx.open(node, TRACING)?;
    let http = cx.closed(tracing.get("http")?, HTTP)?;
    let (kind, driver) = cx.variant(http.get("driver")?, DRIVERS)?;
    let config = driver.get("config")?;
    if kind == "zipkin" {
        let config = zipkin(config, cx)?;
        return Some(Build::extension(driver.at, "envoy.tracers.zipkin", config).finish());
    }
    cx.closed(config, LIGHTSTEP)?;
    cx.gone(driver.key("type")?, "Envoy has no LightStep tracer any more");
    None
}

fn zipkin(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let zipkin = cx.closed(node, ZIPKIN)?;
    let endpoint = zipkin.convert("collector_endpoint", |node| match &node.value {
        Value::Text(text) if text == OLD_ENDPOINT => Some(Node::text(node.at, ENDPOINT)),
        _ => Some(node.clone()),
    });
    let endpoint = endpoint.unwrap_or_else(|| Node::text(zipkin.at, ENDPOINT).into());
    let config = Build::any(zipkin.at, "envoy.config.trace.v3.ZipkinConfig")
        .same(&["collector_cluster"], &zipkin)
        .set("collector_endpoint", endpoint)
        .text("collector_endpoint_version", zipkin.at, "HTTP_JSON")
        .note("collector_endpoint_version", Note::Spans)
        .same(&["trace_id_128bit"], &zipkin);
    Some(config.finish())
}
