//! Rate limits: the service, and what routes send to it.

use crate::config::source::Node;

use super::build::{self, Build, Part};
use super::header;
use super::object::{Context, Key, Kind, Loan, Object, Variant, optional, required, variant};

const SERVICE: &[Key] =
    &[required("type", Kind::Word(&["grpc_service"])), required("config", Kind::Object)];

const SERVICE_CONFIG: &[Key] = &[required("cluster_name", Kind::Text)];

const LIMIT: &[Key] = &[
    required("actions", Kind::FullList),
    optional("stage", STAGE),
    optional("disable_key", Kind::Text),
];

/// A number that filters and limits have in common.
pub(super) const STAGE: Kind = Kind::Integer(0, 10);

const TYPE: Key = required("type", Kind::Text);

const ACTIONS: &[Variant] = &[
    variant("source_cluster", &[TYPE]),
    variant("destination_cluster", &[TYPE]),
    variant("remote_address", &[TYPE]),
    variant(
        "request_headers",
        &[TYPE, required("header_name", Kind::Text), required("descriptor_key", Kind::Text)],
    ),
    variant("generic_key", &[TYPE, required("descriptor_value", Kind::Text)]),
    variant(
        "header_value_match",
        &[
            TYPE,
            required("descriptor_value", Kind::Text),
            required("headers", Kind::FullList),
            optional("expect_match", Kind::Bool),
        ],
    )
    .open(),
];

/// v3's `RateLimitServiceConfig` of the service at the top, for each filter that asks it.
pub(super) fn service(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let service = cx.closed(node, SERVICE)?;
    let config = cx.closed(service.get("config")?, SERVICE_CONFIG)?;
    let cluster = config.copy("cluster_name")?.node;
    let built = Build::at(service.at).set("grpc_service", build::grpc_service(cluster));
    Some(built.text("transport_api_version", service.at, "V3").finish())
}

/// The service for a filter. Without one every request passed in v1, so that the filter had no effect.
pub(super) fn ask(filter: &Object<'_>, cx: &mut Context<'_>) -> Option<Node> {
    let service = Loan::take(&mut cx.rate_limit_service);
    if service.is_none() {
        let message =
            "no effect and left out: without rate_limit_service at the top everything passes";
        cx.findings.warn(filter.at, message);
    }
    service
}

/// v3's `RateLimit`s of the list under `rate_limits`.
pub(super) fn limits(object: &Object<'_>, cx: &mut Context<'_>) -> Option<Part> {
    object.convert_list("rate_limits", |node| {
        let limit = cx.closed(node, LIMIT)?;
        let actions = limit.convert_list("actions", |node| action(node, cx));
        let built = Build::at(limit.at).same(&["stage", "disable_key"], &limit);
        Some(built.maybe("actions", actions).finish())
    })
}

/// The actions have the same names and fields in v3.
fn action(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let (kind, action) = cx.variant(node, ACTIONS)?;
    let fields = ["header_name", "descriptor_key", "descriptor_value", "expect_match"];
    let content = Build::at(action.at)
        .same(&fields, &action)
        .maybe("headers", header::matchers(&action, cx))
        .finish();
    Some(build::one(kind, content))
}
