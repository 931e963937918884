//! `envoy.data.core.v3.HealthCheckEvent`, as JSON.

use std::net::SocketAddr;

use serde::Serialize;

use crate::config::health_check::Checker;
use crate::upstream::events::timestamp;
use crate::upstream::{Cluster, Host};

use super::progress::{Failed, Failure, Happened};

/// One event; the fields in the message's order.
#[derive(Debug, Serialize)]
pub(super) struct Event<'a> {
    health_checker_type: &'static str,
    host: Address,
    cluster_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    eject_unhealthy_event: Option<EjectUnhealthy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    add_healthy_event: Option<AddHealthy>,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check_failure_event: Option<CheckFailure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    degraded_healthy_host: Option<Nothing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_longer_degraded_host: Option<Nothing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
    locality: Locality,
    #[serde(skip_serializing_if = "Option::is_none")]
    successful_health_check_event: Option<Nothing>,
}

#[derive(Debug, Serialize)]
struct Nothing {}

#[derive(Debug, Serialize)]
struct EjectUnhealthy {
    failure_type: &'static str,
    http_status_code: u16,
}

#[derive(Debug, Serialize)]
struct AddHealthy {
    first_check: bool,
}

#[derive(Debug, Serialize)]
struct CheckFailure {
    failure_type: &'static str,
    first_check: bool,
    http_status_code: u16,
}

#[derive(Debug, Serialize)]
struct Address {
    socket_address: SocketAddress,
}

#[derive(Debug, Serialize)]
struct SocketAddress {
    protocol: &'static str,
    address: String,
    port_value: u16,
    resolver_name: &'static str,
    ipv4_compat: bool,
    network_namespace_filepath: &'static str,
}

#[derive(Debug, Serialize)]
struct Metadata {
    filter_metadata: std::collections::BTreeMap<String, serde_json::Value>,
    typed_filter_metadata: Nothing,
}

#[derive(Debug, Serialize)]
struct Locality {
    region: String,
    zone: String,
    sub_zone: String,
}

// === impl Event ===

impl<'a> Event<'a> {
    pub(super) fn new(
        happened: Happened,
        checker: &Checker,
        cluster: &'a Cluster,
        host: &Host,
    ) -> Self {
        let traits = host.traits();
        let place = &traits.place.locality;
        let metadata = Some(&traits.metadata.0).filter(|metadata| !metadata.is_empty());
        let mut event = Self {
            health_checker_type: kind(checker),
            host: Address { socket_address: host.address.into() },
            cluster_name: &cluster.name,
            eject_unhealthy_event: None,
            add_healthy_event: None,
            timestamp: timestamp(),
            health_check_failure_event: None,
            degraded_healthy_host: None,
            no_longer_degraded_host: None,
            metadata: metadata.map(|metadata| Metadata {
                filter_metadata: metadata.clone(),
                typed_filter_metadata: Nothing {},
            }),
            locality: Locality {
                region: place.region.clone(),
                zone: place.zone.clone(),
                sub_zone: place.sub_zone.clone(),
            },
            successful_health_check_event: None,
        };
        event.set(happened);
        event
    }

    fn set(&mut self, happened: Happened) {
        match happened {
            Happened::AddHealthy { first: first_check } => {
                self.add_healthy_event = Some(AddHealthy { first_check });
            }
            Happened::EjectUnhealthy(Failed { kind, status, .. }) => {
                self.eject_unhealthy_event =
                    Some(EjectUnhealthy { failure_type: kind.name(), http_status_code: status });
            }
            Happened::Failure { failed: Failed { kind, status, .. }, first: first_check } => {
                let failure_type = kind.name();
                self.health_check_failure_event =
                    Some(CheckFailure { failure_type, first_check, http_status_code: status });
            }
            Happened::Degraded => self.degraded_healthy_host = Some(Nothing {}),
            Happened::NoLongerDegraded => self.no_longer_degraded_host = Some(Nothing {}),
            Happened::Success => self.successful_health_check_event = Some(Nothing {}),
        }
    }
}

fn kind(checker: &Checker) -> &'static str {
    match checker {
        Checker::Http(_) => "HTTP",
        Checker::Tcp(_) => "TCP",
        Checker::Grpc(_) => "GRPC",
    }
}

// === impl Failure ===

impl Failure {
    fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Passive => "PASSIVE",
            Self::Network => "NETWORK",
            Self::NetworkTimeout => "NETWORK_TIMEOUT",
        }
    }
}

// === impl SocketAddress ===

impl From<SocketAddr> for SocketAddress {
    fn from(address: SocketAddr) -> Self {
        Self {
            protocol: "TCP",
            address: address.ip().to_string(),
            port_value: address.port(),
            resolver_name: "",
            ipv4_compat: false,
            network_namespace_filepath: "",
        }
    }
}
