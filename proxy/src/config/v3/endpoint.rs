//! `envoy.config.endpoint.v3.ClusterLoadAssignment`: where a cluster's hosts are.

use std::sync::Arc;

use crate::config::diagnostic::Findings;
use crate::config::endpoint::{
    Assignment, Discovered, Endpoint, HealthStatus, LB_METADATA, Locality, Metadata, Place,
    PriorityPolicy, Traits,
};
use crate::config::metadata_match::MetadataMatch;

use super::message::Message;
use super::{address, health_check};

/// A file of endpoints.
pub(in crate::config) const DISCOVERY: &str = "envoy.service.discovery.v3.DiscoveryResponse";

/// What its resources are.
const ASSIGNMENT: &str = "envoy.config.endpoint.v3.ClusterLoadAssignment";

/// Lowers what a file of endpoints says of the cluster of that service name, reporting all that it cannot mean here. It
/// is complete only if nothing was reported.
pub(in crate::config) fn discovered(
    response: &Message<'_>,
    service: &str,
    findings: &mut Findings,
) -> Discovered {
    let version = response.text("version_info").unwrap_or_default().to_owned();
    let resources: Vec<_> = response.any_list("resources").collect();
    let mut assignment = None;
    match resources.as_slice() {
        [] => {}
        [(at, resource)] if resource.schema.name != ASSIGNMENT => {
            findings.error(*at, format!("expected {ASSIGNMENT}, found {}", resource.schema.name));
            resource.dismiss_all();
        }
        [(at, resource)] => {
            let name = resource.text("cluster_name").unwrap_or_default();
            if name != service {
                let message = format!("Unexpected EDS cluster (expecting {service}): {name}");
                findings.error(*at, message);
            }
            assignment = Some(self::assignment(resource, findings));
        }
        many => {
            let message = format!("Unexpected EDS resource length: {}", many.len());
            findings.error(response.place("resources"), message);
            many.iter().for_each(|(_, resource)| resource.dismiss_all());
        }
    }
    response.refuse_leftovers(findings);
    Discovered { version, assignment }
}

fn assignment(assignment: &Message<'_>, findings: &mut Findings) -> Assignment {
    let policy = assignment.message("policy");
    let stale_after = policy.and_then(|policy| policy.duration("endpoint_stale_after"));
    Assignment {
        endpoints: endpoints(assignment, true, findings),
        policy: priorities(assignment),
        stale_after: stale_after.filter(|after| !after.is_zero()),
    }
}

/// Reads how much each priority gets.
pub(super) fn priorities(assignment: &Message<'_>) -> PriorityPolicy {
    let default = PriorityPolicy::default();
    let Some(policy) = assignment.message("policy") else { return default };
    // It is for hosts that may come anew, which those of the configuration do not.
    policy.dismiss(&["endpoint_stale_after"]);
    let overprovisioning = policy.u32("overprovisioning_factor");
    PriorityPolicy {
        overprovisioning: overprovisioning.unwrap_or(default.overprovisioning),
        weighted_health: policy.bool("weighted_priority_health").unwrap_or_default(),
    }
}

/// Reads the endpoints; `literal` says that only addresses will do.
pub(super) fn endpoints(
    assignment: &Message<'_>,
    literal: bool,
    findings: &mut Findings,
) -> Vec<Endpoint> {
    assignment.dismiss(&["cluster_name"]);
    let mut endpoints = Vec::new();
    for group in assignment.messages("endpoints") {
        let place = Arc::new(Place {
            priority: group.u32("priority").unwrap_or_default(),
            locality: group.message("locality").map(locality).unwrap_or_default(),
            weight: group.u32("load_balancing_weight"),
        });
        let plain = Arc::new(Traits { place: place.clone(), ..Traits::default() });
        for host in group.messages("lb_endpoints") {
            endpoints.extend(endpoint(host, &plain, literal, findings));
        }
    }
    endpoints
}

/// Reads `envoy.config.core.v3.Locality`.
pub(super) fn locality(locality: &Message<'_>) -> Locality {
    let text = |name| locality.text(name).unwrap_or_default().to_owned();
    Locality { region: text("region"), zone: text("zone"), sub_zone: text("sub_zone") }
}

/// Reads `envoy.config.core.v3.Metadata`.
pub(super) fn metadata(metadata: Option<&Message<'_>>) -> Metadata {
    let filters = metadata.into_iter().flat_map(|metadata| metadata.jsons("filter_metadata"));
    Metadata(filters.map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Reads the `metadata_match` of a route or a weighted cluster.
pub(super) fn metadata_match(action: &Message<'_>) -> Option<MetadataMatch> {
    let metadata = metadata(action.message("metadata_match"));
    MetadataMatch::new(metadata.0.get(LB_METADATA))
}

fn endpoint(
    host: &Message<'_>,
    plain: &Arc<Traits>,
    literal: bool,
    findings: &mut Findings,
) -> Option<Endpoint> {
    let weight = host.u32("load_balancing_weight").unwrap_or(1);
    let metadata = metadata(host.message("metadata"));
    let health = health(host.enumeration("health_status"));
    let Some(endpoint) = host.message("endpoint") else {
        if !host.has("endpoint") {
            findings.error(host.at, "endpoint is missing");
        }
        return None;
    };
    let hint = "clusters of type STRICT_DNS resolve names";
    let address = if literal {
        address::literal(endpoint, "address", hint, findings)
    } else {
        address::any(endpoint, "address", findings)
    };
    let hostname = endpoint.text("hostname").unwrap_or_default().to_owned();
    let health_check = health_check::endpoint(endpoint, findings).map(Arc::new);
    let traits = Traits { weight, place: plain.place.clone(), metadata };
    // Most are plain, and there may be many.
    let traits = if traits == **plain { plain.clone() } else { Arc::new(traits) };
    Some(Endpoint { address: address?, hostname, health, traits, health_check })
}

fn health(status: Option<&str>) -> HealthStatus {
    match status {
        Some("HEALTHY") => HealthStatus::Healthy,
        Some("UNHEALTHY") => HealthStatus::Unhealthy,
        Some("DRAINING") => HealthStatus::Draining,
        Some("TIMEOUT") => HealthStatus::Timeout,
        Some("DEGRADED") => HealthStatus::Degraded,
        _ => HealthStatus::Unknown,
    }
}
