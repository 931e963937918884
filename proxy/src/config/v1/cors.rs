//! `cors` of virtual hosts and routes: in v3 a configuration of the filter of that name.

use crate::config::source::Value;

use super::build::{self, Build, Part};
use super::object::{Context, Key, Kind, Object, optional};

const HOST: &[Key] = &[
    optional("allow_origin", Kind::Texts),
    optional("allow_methods", Kind::Text),
    optional("allow_headers", Kind::Text),
    optional("expose_headers", Kind::Text),
    optional("max_age", Kind::Text),
    optional("allow_credentials", Kind::Bool),
];

const ROUTE: &[Key] =
    &[HOST[0], HOST[1], HOST[2], HOST[3], HOST[4], HOST[5], optional("enabled", Kind::Bool)];

/// The name of the filter.
pub(super) const FILTER: &str = "envoy.filters.http.cors";

/// What v3 calls as v1 does.
const SAME: &[&str] =
    &["allow_methods", "allow_headers", "expose_headers", "max_age", "allow_credentials"];

/// The entry of a virtual host's `typed_per_filter_config`.
pub(super) fn of_host(host: &Object<'_>, cx: &mut Context<'_>) -> Option<Part> {
    policy(host, HOST, cx)
}

/// The entry of a route's `typed_per_filter_config`.
pub(super) fn of_route(route: &Object<'_>, cx: &mut Context<'_>) -> Option<Part> {
    policy(route, ROUTE, cx)
}

fn policy(parent: &Object<'_>, keys: &[Key], cx: &mut Context<'_>) -> Option<Part> {
    parent.convert("cors", |node| {
        let cors = cx.closed(node, keys)?;
        let enabled = cors.convert("enabled", |node| {
            let percent = if matches!(node.value, Value::Bool(true)) { 100 } else { 0 };
            let value = Build::at(node.at).number("numerator", node.at, percent).finish();
            Some(build::one("default_value", value))
        });
        let policy = Build::any(cors.at, "envoy.extensions.filters.http.cors.v3.CorsPolicy")
            .maybe("allow_origin_string_match", cors.convert_list("allow_origin", build::exact))
            .same(SAME, &cors)
            .maybe("filter_enabled", enabled);
        Some(policy.finish())
    })
}

/// The `typed_per_filter_config` of that alone.
pub(super) fn per_filter(policy: Part) -> Part {
    let key = policy.key;
    Part { key, node: Build::at(key).set(FILTER, policy).finish() }
}
