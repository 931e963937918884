//! `envoy.config.cluster.v3.Cluster`.

mod circuit_breakers;
pub(super) mod discovery;

pub(super) use self::discovery::has_names;

use crate::config::cluster::{
    Cluster, DEFAULT_CONNECT_TIMEOUT, DEFAULT_IDLE_TIMEOUT, Discovery, Protocol,
};
use crate::config::diagnostic::Findings;
use crate::config::listener::DEFAULT_BUFFER_LIMIT;
use crate::config::source::Quoted;

use super::message::Message;
use super::{endpoint, health_check, lb, mirror, outlier, protocol, tls};

/// The one extension whose options a cluster may carry; its key in `typed_extension_protocol_options`, and its type.
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Lowers a cluster.
pub(super) fn lower(cluster: &Message<'_>, findings: &mut Findings) -> Option<Cluster> {
    let name = cluster.nonempty("name").map(str::to_owned);
    let discovery = discovery::lower(cluster, findings);
    let options = http_options(cluster, findings);
    let common = options.and_then(|options| options.message("common_http_protocol_options"));
    let max_requests = common.and_then(|common| common.u32("max_requests_per_connection"));
    let literal = matches!(discovery, Some(Discovery::Static));
    let assignment = cluster.message("load_assignment");
    let protocol = protocol(cluster, options, findings);
    let health_check = health_check::lower(cluster, &protocol, findings);
    let lb = lb::lower(cluster, assignment, findings);
    let tls = tls::upstream(cluster, findings);
    Some(Cluster {
        alt_stat_name: cluster.nonempty("alt_stat_name").map(str::to_owned),
        connect_timeout: cluster.duration("connect_timeout").unwrap_or(DEFAULT_CONNECT_TIMEOUT),
        buffer_limit: cluster
            .u32("per_connection_buffer_limit_bytes")
            .unwrap_or(DEFAULT_BUFFER_LIMIT),
        protocol,
        idle_timeout: protocol::timeout(common, "idle_timeout", Some(DEFAULT_IDLE_TIMEOUT)),
        max_connection_duration: protocol::timeout(common, "max_connection_duration", None),
        // Zero is the same as no limit in Envoy.
        max_requests_per_connection: max_requests.filter(|max| *max != 0),
        endpoints: assignment
            .map_or_else(Vec::new, |it| endpoint::endpoints(it, literal, findings)),
        circuit_breakers: circuit_breakers::lower(cluster, findings),
        outlier_detection: outlier::lower(cluster, findings).map(Box::new),
        health_check: health_check.map(Box::new),
        ignore_health_on_host_removal: cluster
            .bool("ignore_health_on_host_removal")
            .unwrap_or_default(),
        // Which clusters there are is not looked at here, as in Envoy.
        mirrors: options.map_or_else(Vec::new, |options| mirror::policies(options, None, findings)),
        lb: lb?,
        tls: tls.ok()?,
        discovery: discovery?,
        name: name?,
    })
}

fn http_options<'m, 's>(
    cluster: &'m Message<'s>,
    findings: &mut Findings,
) -> Option<&'m Message<'s>> {
    let mut options = None;
    for (key, at, extension) in cluster.anys("typed_extension_protocol_options") {
        if key != HTTP_OPTIONS {
            let message = format!("the options of {} are not supported yet", Quoted(key));
            findings.unsupported(at, message).did_you_mean(key, [HTTP_OPTIONS]);
            extension.dismiss_all();
        } else if extension.schema.name != HTTP_OPTIONS {
            let message = format!("expected {HTTP_OPTIONS}, found {}", extension.schema.name);
            findings.error(at, message);
            extension.dismiss_all();
        } else {
            options = Some(extension);
        }
    }
    options
}

/// The codec towards the hosts. Envoy passes over the older field where the newer message is there.
fn protocol(
    cluster: &Message<'_>,
    options: Option<&Message<'_>>,
    findings: &mut Findings,
) -> Protocol {
    let legacy = cluster.message("http2_protocol_options");
    let Some(options) = options else {
        return legacy
            .map_or(Protocol::Http1, |legacy| Protocol::Http2(protocol::http2(Some(legacy))));
    };
    if let Some(legacy) = legacy {
        let message = format!("no effect beside {HTTP_OPTIONS}, which replaces it");
        findings.warn(cluster.place("http2_protocol_options"), message);
        legacy.dismiss_all();
    }
    let Some(explicit) = options.message("explicit_http_config") else { return Protocol::Http1 };
    // What is in there has no effect towards a host, and is refused with the other leftovers.
    explicit.dismiss(&["http_protocol_options"]);
    match explicit.message("http2_protocol_options") {
        Some(http2) => Protocol::Http2(protocol::http2(Some(http2))),
        None => Protocol::Http1,
    }
}
