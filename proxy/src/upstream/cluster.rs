//! Cluster: a named set of hosts with its settings, limits and stats; shared by all workers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use crate::base::latch::Latch;
use crate::config;
use crate::stats::Scope;

use super::Host;
use super::host_set::HostSet;
use super::lb::Settings;
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
    /// How hosts are chosen.
    lb: Settings,
    publishing: Mutex<()>,
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
            lb: Settings::default(),
            publishing: Mutex::default(),
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

    /// Publishes other hosts than before.
    pub fn publish(&self, hosts: Vec<Arc<Host>>) {
        let _turn = self.turn();
        self.stats.membership_change.inc();
        self.store(hosts);
    }

    /// Publishes the same hosts anew, by the health that they have now. Whoever has raised or lowered a host's flag
    /// calls it, from whatever thread.
    pub fn refresh(&self) {
        let _turn = self.turn();
        self.store(self.hosts().hosts().to_vec());
    }

    /// One publishes at a time, so that the last set and the gauges are of the same moment.
    fn turn(&self) -> MutexGuard<'_, ()> {
        // There is nothing in there that a panic could have left half done.
        self.publishing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, hosts: Vec<Arc<Host>>) {
        let set = HostSet::new(hosts, &self.lb);
        let group = set.group();
        self.stats.membership_total.set(set.hosts().len() as u64);
        self.stats.membership_healthy.set(group.count(|one| one.healthy.hosts.len()));
        self.stats.membership_degraded.set(group.count(|one| one.degraded.hosts.len()));
        self.stats.membership_excluded.set(group.count(|one| one.excluded));
        self.hosts.store(Arc::new(set));
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
