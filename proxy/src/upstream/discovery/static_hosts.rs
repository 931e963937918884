//! `STATIC`: the endpoints are literals, and that is that.

use std::sync::Arc;

use crate::upstream::{Cluster, Host};

/// Publishes the configured endpoints.
pub(super) fn publish(cluster: &Cluster) {
    let hosts = cluster
        .config
        .endpoints
        .iter()
        .filter_map(|endpoint| Some(Arc::new(Host::of(endpoint, endpoint.address.literal()?))));
    cluster.publish(hosts.collect());
    cluster.set_warm();
}
