//! `STATIC`: the endpoints are literals, and that is that.

use std::sync::Arc;

use crate::upstream::{Cluster, Host};

/// Publishes the configured endpoints.
pub(super) fn publish(cluster: &Cluster) {
    let hosts = cluster.config.endpoints.iter().filter_map(|endpoint| {
        let address = endpoint.address.literal()?;
        let host = Host::new(address, endpoint.hostname.as_str(), endpoint.traits.clone());
        let host = host.with_health_check(endpoint.health_check.clone());
        Some(Arc::new(host.with_health(endpoint.health)))
    });
    cluster.publish(hosts.collect());
    cluster.set_warm();
}
