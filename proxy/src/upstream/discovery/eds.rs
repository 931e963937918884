//! `EDS` from a file: the hosts are what the file says, and the file is read anew whenever it has changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio::time::{self, Instant};

use crate::base::clock;
use crate::base::watch::{PAUSE, Watch};
use crate::config::cluster::Eds;
use crate::config::endpoint::{Assignment, Discovered, Endpoint, PriorityPolicy};
use crate::config::{self, AssignmentError};
use crate::upstream::connect::millis;
use crate::upstream::lb::hash;
use crate::upstream::stats::EdsStats;
use crate::upstream::{Cluster, Host};

/// Reads the file, now and after each change, for ever.
pub(super) async fn follow(cluster: Arc<Cluster>, eds: Eds) {
    // Every cluster of this type has them.
    let Some(stats) = &cluster.eds_stats else { return };
    let mut watch = Watch::default();
    let mut stale_at = None;
    loop {
        if watch.look(&eds.path).await {
            if let Some(Taken { stale_after }) = read(&cluster, &eds, stats) {
                stale_at = stale_after.map(|after| Instant::now() + after);
            }
            cluster.set_warm();
        }
        if stale_at.is_some_and(|at| at <= Instant::now()) {
            stale_at = None;
            tracing::warn!(cluster = %cluster.name, "the hosts are too old: they go");
            stats.assignment_stale.inc();
            publish(&cluster, &[], PriorityPolicy::default());
        }
        time::sleep(PAUSE).await;
    }
}

/// Hosts of a file were taken over.
struct Taken {
    /// `endpoint_stale_after`: for how long they hold; none is for ever.
    stale_after: Option<Duration>,
}

/// Takes over what the file says, if it can be taken over and says anything.
fn read(cluster: &Cluster, eds: &Eds, stats: &EdsStats) -> Option<Taken> {
    let (path, name) = (eds.path.display(), &cluster.name);
    cluster.stats.update_attempt.inc();
    let discovered = match config::load_assignment(&eds.path, &eds.service) {
        Ok(discovered) => discovered,
        Err(error) => {
            match &error {
                AssignmentError::Unreadable(_) => cluster.stats.update_failure.inc(),
                AssignmentError::Rejected(_) => stats.update_rejected.inc(),
            }
            let error = error.to_string().replace('\n', "; ");
            tracing::warn!(cluster = %name, %path, error, "a file of endpoints is not taken over; the hosts stay");
            return None;
        }
    };
    let Discovered { version, assignment } = discovered;
    cluster.stats.update_success.inc();
    stats.update_time.set(clock::wall().duration_since(UNIX_EPOCH).map_or(0, millis));
    stats.version.set(hash::xx(version.as_bytes(), 0));
    stats.version_text.set(version);
    let Some(Assignment { endpoints, policy, stale_after }) = assignment else {
        tracing::info!(cluster = %name, %path, "a file of endpoints has no resource; the hosts stay");
        cluster.stats.update_empty.inc();
        return None;
    };
    if stale_after.is_some() {
        stats.assignment_timeout_received.inc();
    }
    tracing::info!(cluster = %name, %path, endpoints = endpoints.len(), "a file of endpoints is taken over");
    publish(cluster, &endpoints, policy);
    Some(Taken { stale_after })
}

/// Publishes hosts for the endpoints. One that was a host before stays the same host, with what is new about it.
fn publish(cluster: &Cluster, endpoints: &[Endpoint], policy: PriorityPolicy) {
    let told = cluster.told_hosts();
    let old = cluster.hosts();
    let known: HashMap<_, _> = old.hosts().iter().map(|host| (host.address, host)).collect();
    let mut hosts = HashMap::with_capacity(endpoints.len());
    let mut order = Vec::with_capacity(endpoints.len());
    let mut changed = cluster.set_priorities(policy);
    for endpoint in endpoints {
        let Some(address) = endpoint.address.literal() else { continue };
        if hosts.contains_key(&address) {
            // The first of those with one address is the host.
            continue;
        }
        let same = known.get(&address).filter(|host| host.health_check == endpoint.health_check);
        let host = match same {
            Some(host) => {
                // Another reason for the same health is no change, as in Envoy.
                let health = host.health();
                host.set_configured_health(endpoint.health);
                changed |= host.health() != health;
                if **host.traits() != *endpoint.traits {
                    host.set_traits(endpoint.traits.clone());
                    changed = true;
                }
                (*host).clone()
            }
            None => Arc::new(Host::of(endpoint, address)),
        };
        hosts.insert(address, host.clone());
        order.push(host);
    }
    let known: HashMap<_, _> = told.iter().map(|host| (Arc::as_ptr(host), ())).collect();
    let same = told.len() == order.len()
        && order.iter().all(|host| known.contains_key(&Arc::as_ptr(host)));
    let weight = order.iter().map(|host| host.traits().weight).max().unwrap_or(1);
    cluster.stats.max_host_weight.set(u64::from(weight));
    if same && !changed {
        cluster.stats.update_no_rebuild.inc();
    } else {
        cluster.publish(order);
    }
}
