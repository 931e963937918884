//! Discovery services of the v1 form. Its own REST API is gone; what v1 files may ask for of v2's has become v3's.

use crate::config::note::Note;
use crate::config::source::{Node, Value};

use super::build::{self, Build};
use super::cluster;
use super::object::{Context, Key, Kind, Object, POSITIVE_TIME, optional, required};

/// Why there is no counterpart of the REST API.
pub(super) const GONE: &str = "Envoy polls no /v1/ REST API any more, v3 has xDS in its place";

const SDS: &[Key] =
    &[required("cluster", Kind::Object), required("refresh_delay_ms", POSITIVE_TIME)];

const CDS: &[Key] = &[
    required("cluster", Kind::Object),
    optional("refresh_delay_ms", POSITIVE_TIME),
    optional("api_type", API_TYPE),
];

const RDS: &[Key] = &[
    required("cluster", Kind::Text),
    required("route_config_name", Kind::Name),
    optional("refresh_delay_ms", POSITIVE_TIME),
    optional("api_type", API_TYPE),
];

const API_TYPE: Kind = Kind::Word(&["REST_LEGACY", "REST", "GRPC"]);

/// How often a REST API is polled if the file does not say.
const DEFAULT_REFRESH_DELAY: &str = "30s";

/// The cluster of the hosts' discovery service, which is left of it.
pub(super) fn sds(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let sds = cx.closed(node, SDS)?;
    cx.gone(sds.at, GONE);
    sds.convert("cluster", |node| cluster::convert(node, cx)).map(|part| part.node)
}

/// The cluster of the clusters' discovery service, and v3's configuration of the service.
pub(super) fn cds(node: &Node, cx: &mut Context<'_>) -> Option<(Node, Option<Node>)> {
    let cds = cx.closed(node, CDS)?;
    let cluster = cds.convert("cluster", |node| cluster::convert(node, cx))?.node;
    let name = match cluster.get("name") {
        Some(name) => name.clone(),
        None => Node::wrong(cluster.at),
    };
    let config = source(&cds, name, cx);
    Some((cluster, config))
}

/// v3's `Rds`.
pub(super) fn rds(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let rds = cx.closed(node, RDS)?;
    let config = source(&rds, rds.copy("cluster")?.node, cx)?;
    let built = Build::at(rds.at).set("config_source", config);
    Some(built.same(&["route_config_name"], &rds).finish())
}

/// v3's `ConfigSource` of a service behind a cluster.
fn source(object: &Object<'_>, cluster: Node, cx: &mut Context<'_>) -> Option<Node> {
    let kind = object.text("api_type").unwrap_or("REST_LEGACY");
    let at = object.get("api_type").map_or(object.at, |node| node.at);
    if kind == "REST_LEGACY" {
        // What is wrong with the type has been said.
        if object.get("api_type").is_some() || !object.has("api_type") {
            cx.gone(at, GONE);
        }
        return None;
    }
    cx.findings.warn(at, "the service must speak v3 of the API, v2 is no longer spoken");
    let source = Build::at(at).text("api_type", at, kind).text("transport_api_version", at, "V3");
    let source = if kind == "GRPC" {
        source.list("grpc_services", at, vec![build::grpc_service(cluster)])
    } else {
        let delay = object.convert("refresh_delay_ms", build::milliseconds);
        let delay = delay.unwrap_or_else(|| Node::text(at, DEFAULT_REFRESH_DELAY).into());
        source
            .set("cluster_names", Node::new(at, Value::List(vec![cluster])))
            .set("refresh_delay", delay)
    };
    let config = Build::at(at).set("api_config_source", source.finish());
    let config = config.text("resource_api_version", at, "V3");
    Some(config.note("resource_api_version", Note::ApiVersion).finish())
}
