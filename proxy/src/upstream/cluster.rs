//! Cluster: a named set of hosts with its settings, limits and stats; shared by all workers.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::base::latch::Latch;
use crate::config;
use crate::stats::Scope;

use super::host_set::HostSet;
use super::limits::Limits;
use super::stats::{BreakerStats, ClusterStats};

/// A named set of hosts.
#[derive(Debug)]
pub struct Cluster {
    /// `name`.
    pub name: Arc<str>,
    /// How it was configured.
    pub config: Arc<config::cluster::Cluster>,
    /// Its breakers.
    pub limits: Limits,
    /// Its stats.
    pub stats: ClusterStats,
    /// `cluster.<name>.`, for stats whose names depend on traffic.
    pub scope: Scope,
    hosts: ArcSwap<HostSet>,
    /// Told when the hosts are known for the first time, or known to be unknown.
    warm: Latch,
}

// === impl Cluster ===

impl Cluster {
    /// A cluster without hosts yet; its stats are below `root`.
    pub fn new(config: Arc<config::cluster::Cluster>, root: &Scope) -> Self {
        let name = config.alt_stat_name.as_ref().unwrap_or(&config.name);
        let scope = root.scope("cluster").scope(name);
        let stats = ClusterStats::register(&scope);
        let breakers = scope.scope("circuit_breakers");
        let default = BreakerStats::register(&breakers.scope("default"));
        BreakerStats::register(&breakers.scope("high"));
        Self {
            name: Arc::from(config.name.as_str()),
            limits: Limits::new(&config.circuit_breakers, &default),
            config,
            stats,
            scope,
            hosts: ArcSwap::default(),
            warm: Latch::new(),
        }
    }

    /// The hosts as they are now.
    pub fn hosts(&self) -> Arc<HostSet> {
        self.hosts.load_full()
    }

    /// The hosts as they are now, without taking part in their ownership.
    pub fn peek_hosts(&self) -> arc_swap::Guard<Arc<HostSet>> {
        self.hosts.load()
    }

    /// Publishes a new set of hosts.
    pub fn publish(&self, hosts: HostSet) {
        let total = hosts.hosts().len() as u64;
        let weight = hosts.hosts().iter().map(|host| host.weight).max().unwrap_or(0);
        self.stats.membership_change.inc();
        self.stats.membership_total.set(total);
        self.stats.membership_healthy.set(total);
        self.stats.membership_degraded.set(0);
        self.stats.membership_excluded.set(0);
        self.stats.max_host_weight.set(u64::from(weight));
        self.hosts.store(Arc::new(hosts));
    }

    /// Says that the first attempt to learn the hosts has ended, one way or the other.
    pub fn set_warm(&self) {
        self.warm.set();
    }

    /// Waits for the end of the first attempt to learn the hosts.
    pub async fn warmed(&self) {
        self.warm.wait().await;
    }
}
