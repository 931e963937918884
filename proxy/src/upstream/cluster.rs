//! Cluster: a named set of hosts with its settings, limits and stats; shared by all workers.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use crate::base::bell::Bell;
use crate::base::latch::Latch;
use crate::config;
use crate::config::cluster::Discovery;
use crate::config::endpoint::PriorityPolicy;
use crate::config::lb::LoadBalancing;
use crate::message::mirror::Mirror;
use crate::stats::Scope;
use crate::transport::tls::Connector;

use super::Host;
use super::health::Flag;
use super::health_check::ActiveHealth;
use super::host_set::HostSet;
use super::limits::Limits;
use super::outlier::Outlier;
use super::stats::{ClientStats, ClusterStats, EdsStats, TableStats};

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
    /// Stats of the proxy's own requests, to whatever cluster.
    pub client_stats: ClientStats,
    /// `cluster.<name>.`, for stats whose names depend on traffic.
    pub scope: Scope,
    /// Its outlier detection.
    pub outlier: Option<Arc<Outlier>>,
    /// What makes its connections those of TLS; none for plain text.
    pub tls: Option<Arc<Connector>>,
    /// Its active health checks.
    pub active_health: Option<Arc<ActiveHealth>>,
    /// Where copies of its requests go, whatever their routes say.
    pub mirrors: Option<Arc<[Mirror]>>,
    /// About the file of its hosts, where there is one.
    pub(super) eds_stats: Option<Box<EdsStats>>,
    hosts: ArcSwap<HostSet>,
    publishing: Mutex<Publishing>,
    /// About the table of hashes, where these decide.
    table: Option<TableStats>,
    /// Told when the hosts are known for the first time, or known to be unknown.
    warm: Latch,
    /// Rung with every set of hosts.
    published: Bell,
}

/// What publishing hosts goes by, beside the configuration.
#[derive(Debug, Default)]
struct Publishing {
    /// The settings of balancing, where discovery has other ones than the configuration.
    lb: Option<Box<LoadBalancing>>,
}

// === impl Cluster ===

impl Cluster {
    /// A cluster without hosts yet; its stats are below `root`.
    pub fn new(config: Arc<config::cluster::Cluster>, root: &Scope) -> Self {
        let name = config.alt_stat_name.as_ref().unwrap_or(&config.name);
        let scope = root.scope("cluster").scope(name);
        let stats = ClusterStats::register(&scope);
        let outlier = config.outlier_detection.as_deref();
        let outlier = outlier.map(|settings| Arc::new(Outlier::new(settings.clone(), &scope)));
        let checks = config.health_check.as_ref();
        let active_health = checks.map(|_| Arc::new(ActiveHealth::new(&scope)));
        let tls = config.tls.as_deref().map(|tls| Arc::new(Connector::new(tls, &scope)));
        let table = TableStats::register(&config.lb.policy, &scope);
        let eds_stats = matches!(config.discovery, Discovery::Eds(_));
        let eds_stats = eds_stats.then(|| Box::new(EdsStats::register(&scope)));
        Self {
            name: Arc::from(config.name.as_str()),
            limits: Limits::new(&config.circuit_breakers, &stats, &scope),
            mirrors: Mirror::all(&config.mirrors),
            config,
            stats,
            client_stats: ClientStats::register(&root.scope("http").scope("async-client")),
            scope,
            outlier,
            tls,
            active_health,
            eds_stats,
            hosts: ArcSwap::default(),
            publishing: Mutex::default(),
            table,
            warm: Latch::new(),
            published: Bell::new(),
        }
    }

    /// The same with a bell that is rung with every set of hosts.
    #[must_use]
    pub fn with_bell(self, published: Bell) -> Self {
        Self { published, ..self }
    }

    /// The hosts as they are now.
    pub fn hosts(&self) -> Arc<HostSet> {
        self.hosts.load_full()
    }

    /// The hosts as they are now, without taking part in their ownership.
    pub fn peek_hosts(&self) -> arc_swap::Guard<Arc<HostSet>> {
        self.hosts.load()
    }

    /// Publishes other hosts than before. Of those that are no longer told of, the ones that pass health checks stay
    /// until they fail.
    pub fn publish(&self, mut hosts: Vec<Arc<Host>>) {
        let turn = self.turn();
        if let Some(outlier) = &self.outlier {
            hosts.iter().for_each(|host| host.watch(outlier));
        }
        if self.active_health.is_some() {
            self.take_over(&mut hosts);
        }
        if self.are_others(&hosts) {
            self.stats.membership_change.inc();
        }
        self.store(hosts, &turn);
        self.tell_of_hosts();
    }

    /// Takes over how much each priority gets, from the next hosts on that are published, and says whether that is
    /// something new.
    pub fn set_priorities(&self, policy: PriorityPolicy) -> bool {
        let configured = &self.config.lb;
        let mut turn = self.turn();
        let before = turn.lb.as_ref().map_or(configured.priorities, |lb| lb.priorities);
        turn.lb = (policy != configured.priorities)
            .then(|| Box::new(LoadBalancing { priorities: policy, ..configured.clone() }));
        before != policy
    }

    /// Whether these are not the hosts that are published, in whatever order.
    fn are_others(&self, hosts: &[Arc<Host>]) -> bool {
        let old = self.peek_hosts();
        let known: HashSet<_> = old.hosts().iter().map(Arc::as_ptr).collect();
        hosts.len() != known.len() || hosts.iter().any(|host| !known.contains(&Arc::as_ptr(host)))
    }

    /// The hosts that discovery tells of: all but those that only stay as long as they pass health checks.
    pub fn told_hosts(&self) -> Vec<Arc<Host>> {
        let hosts = self.hosts();
        let told = hosts.hosts().iter().filter(|host| !host.has(Flag::PendingDynamicRemoval));
        told.cloned().collect()
    }

    /// Lets hosts go.
    pub(super) fn remove(&self, gone: &dyn Fn(&Arc<Host>) -> bool) {
        let turn = self.turn();
        self.stats.membership_change.inc();
        let left = self.hosts().hosts().iter().filter(|host| !gone(host)).cloned().collect();
        self.store(left, &turn);
        self.tell_of_hosts();
    }

    /// Prepares hosts for their checks, and keeps old ones that may not go yet.
    fn take_over(&self, hosts: &mut Vec<Arc<Host>>) {
        let old = self.hosts();
        let known: HashSet<_> = old.hosts().iter().map(Arc::as_ptr).collect();
        for host in &*hosts {
            host.set(Flag::PendingDynamicRemoval, false);
            if !known.contains(&Arc::as_ptr(host)) && !host.is_check_disabled() {
                // Nothing is known of it before its first check.
                host.set(Flag::FailedActiveHc, true);
            }
        }
        let told: HashSet<_> = hosts.iter().map(Arc::as_ptr).collect();
        if !self.config.ignore_health_on_host_removal {
            for host in old.hosts() {
                let failed = host.has(Flag::FailedActiveHc) || host.has(Flag::FailedEdsHealth);
                if !told.contains(&Arc::as_ptr(host)) && !failed && !host.is_check_disabled() {
                    host.set(Flag::PendingDynamicRemoval, true);
                    hosts.push(host.clone());
                }
            }
        }
    }

    fn tell_of_hosts(&self) {
        if let Some(outlier) = &self.outlier {
            outlier.hosts_changed();
        }
        if let Some(health) = &self.active_health {
            health.hosts_changed();
        }
    }

    /// Publishes the same hosts anew, by the health that they have now. Whoever has raised or lowered a host's flag
    /// calls it, from whatever thread.
    pub fn refresh(&self) {
        let turn = self.turn();
        self.store(self.hosts().hosts().to_vec(), &turn);
    }

    /// One publishes at a time, so that the last set and the gauges are of the same moment.
    fn turn(&self) -> MutexGuard<'_, Publishing> {
        // There is nothing in there that a panic could have left half done.
        self.publishing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, hosts: Vec<Arc<Host>>, turn: &Publishing) {
        if self.config.lb.slow_start.is_some() {
            hosts.iter().for_each(|host| host.note_health());
        }
        let set = HostSet::new(hosts, turn.lb.as_deref().unwrap_or(&self.config.lb));
        let group = set.group();
        self.stats.membership_total.set(set.hosts().len() as u64);
        self.stats.membership_healthy.set(group.count(|one| one.healthy.hosts.len()));
        self.stats.membership_degraded.set(group.count(|one| one.degraded.hosts.len()));
        self.stats.membership_excluded.set(group.count(|one| one.excluded));
        if let Some((table, spread)) = self.table.as_ref().zip(group.spread) {
            table.show(spread);
        }
        self.count_subsets(&set);
        self.hosts.store(Arc::new(set));
        self.published.ring();
    }

    fn count_subsets(&self, set: &HostSet) {
        let Some(now) = set.subsets() else { return };
        let stats = &self.stats;
        let before = self.hosts();
        let before = before.subsets();
        let had = |text: &&String| before.is_some_and(|before| before.has(text));
        let kept = now.texts().filter(had).count() as u64;
        let removed = before.map_or(0, |before| before.count() as u64) - kept;
        stats.lb_subsets_created.add(now.count() as u64 - kept);
        stats.lb_subsets_removed.add(removed);
        stats.lb_subsets_active.set(now.count() as u64);
    }

    /// Says that the first attempt to learn the hosts has ended, one way or the other.
    pub fn set_warm(&self) {
        self.warm.set();
    }

    /// Waits for the end of the first attempt to learn the hosts.
    pub async fn discovered(&self) {
        self.warm.wait().await;
    }

    /// Waits until the hosts that were there at first have been checked, if they are to be. One that does not know its
    /// hosts yet is not waited for.
    pub async fn checked(&self) {
        if let Some(health) = self.active_health.as_ref().filter(|_| self.warm.is_set()) {
            health.first_round().await;
        }
    }
}

#[cfg(test)]
mod tests;
