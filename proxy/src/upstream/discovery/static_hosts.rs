//! `STATIC`: the endpoints are literals, and that is that.

use std::sync::Arc;

use crate::upstream::host_set::HostSet;
use crate::upstream::{Cluster, Host};

/// Publishes the configured endpoints.
pub(super) fn publish(cluster: &Cluster) {
    let hosts = cluster.config.endpoints.iter().filter_map(|endpoint| {
        let address = endpoint.address.literal()?;
        Some(Arc::new(Host::new(address, endpoint.hostname.as_str(), endpoint.weight)))
    });
    cluster.publish(HostSet::new(hosts.collect()));
    cluster.set_warm();
}
