//! Where a cluster's hosts are configured to be: `envoy.config.endpoint.v3`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::address::SocketAddress;
use super::health_check::EndpointHealthCheck;

/// The name under which load balancing keeps its metadata.
pub const LB_METADATA: &str = "envoy.lb";

/// `ClusterLoadAssignment`: where all hosts of a cluster are.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// `endpoints`, in file order.
    pub endpoints: Vec<Endpoint>,
    /// `policy`.
    pub policy: PriorityPolicy,
    /// `policy.endpoint_stale_after`: for how long they hold; none (the default) is for ever.
    pub stale_after: Option<Duration>,
}

/// `ClusterLoadAssignment.Policy`, as far as it says how much each priority gets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PriorityPolicy {
    /// `overprovisioning_factor`, in percent (default 140).
    pub overprovisioning: u32,
    /// `weighted_priority_health`: how healthy a priority is goes by weights, not by numbers.
    pub weighted_health: bool,
}

/// What a file of endpoints says: `envoy.service.discovery.v3.DiscoveryResponse` for one cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Discovered {
    /// `version_info`.
    pub version: String,
    /// Its one resource; none if it has none, which changes nothing.
    pub assignment: Option<Assignment>,
}

/// One configured endpoint: `LbEndpoint`.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// `endpoint.address`.
    pub address: SocketAddress,
    /// `endpoint.hostname`; empty where not given.
    pub hostname: String,
    /// `health_status`.
    pub health: HealthStatus,
    /// What may differ from one endpoint to the next without making it another host.
    pub traits: Arc<Traits>,
    /// `endpoint.health_check_config`, where it says anything.
    pub health_check: Option<Arc<EndpointHealthCheck>>,
}

/// What is said about an endpoint, beside where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Traits {
    /// `load_balancing_weight` (default 1).
    pub weight: u32,
    /// The `LocalityLbEndpoints` it stands in.
    pub place: Arc<Place>,
    /// `metadata`.
    pub metadata: Metadata,
}

/// `LocalityLbEndpoints`, without the endpoints.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Place {
    /// `priority` (default 0, which is the highest).
    pub priority: u32,
    /// `locality`.
    pub locality: Locality,
    /// `load_balancing_weight`; none is no share where localities are weighted.
    pub weight: Option<u32>,
}

/// `envoy.config.core.v3.Locality`.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Locality {
    /// `region`.
    pub region: String,
    /// `zone`.
    pub zone: String,
    /// `sub_zone`.
    pub sub_zone: String,
}

/// `health_status`: what whoever wrote the file knows of an endpoint's health.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum HealthStatus {
    /// `UNKNOWN`, which counts as healthy.
    #[default]
    Unknown,
    /// `HEALTHY`.
    Healthy,
    /// `UNHEALTHY`.
    Unhealthy,
    /// `DRAINING`: takes nothing new, and does not count among the hosts that could.
    Draining,
    /// `TIMEOUT`, which counts as unhealthy.
    Timeout,
    /// `DEGRADED`: takes traffic where the healthy ones are too few.
    Degraded,
}

/// `envoy.config.core.v3.Metadata.filter_metadata`: structures by the name of who reads them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata(pub BTreeMap<String, serde_json::Value>);

// === impl PriorityPolicy ===

impl Default for PriorityPolicy {
    /// Envoy's defaults.
    fn default() -> Self {
        Self { overprovisioning: 140, weighted_health: false }
    }
}

// === impl Traits ===

impl Default for Traits {
    fn default() -> Self {
        Self { weight: 1, place: Arc::default(), metadata: Metadata::default() }
    }
}

// === impl Metadata ===

impl Metadata {
    /// The value of `key` in what load balancing reads (`envoy.lb`).
    pub fn lb(&self, key: &str) -> Option<&serde_json::Value> {
        self.0.get(LB_METADATA)?.get(key)
    }
}
