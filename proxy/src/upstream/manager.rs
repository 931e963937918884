//! Name to cluster.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::bell::{Bell, Ear};
use crate::config;
use crate::stats::Scope;

use super::Cluster;
use super::stats::ManagerStats;

/// All clusters there are.
#[derive(Debug)]
pub struct Manager {
    clusters: Vec<Arc<Cluster>>,
    by_name: HashMap<Arc<str>, Arc<Cluster>>,
    published: Bell,
}

// === impl Manager ===

impl Manager {
    /// The clusters of a configuration, without hosts yet.
    pub fn new(configs: &[Arc<config::cluster::Cluster>], root: &Scope) -> Self {
        let stats = ManagerStats::register(&root.scope("cluster_manager"));
        let published = Bell::new();
        let cluster = |config: &Arc<config::cluster::Cluster>| {
            Arc::new(Cluster::new(config.clone(), root).with_bell(published.clone()))
        };
        let clusters: Vec<_> = configs.iter().map(cluster).collect();
        stats.active_clusters.set(clusters.len() as u64);
        stats.cluster_added.add(clusters.len() as u64);
        stats.warming_clusters.set(0);
        let by_name = clusters.iter().map(|one| (one.name.clone(), one.clone())).collect();
        Self { clusters, by_name, published }
    }

    /// All clusters, in file order.
    pub fn clusters(&self) -> &[Arc<Cluster>] {
        &self.clusters
    }

    /// Hears of every set of hosts that is published from now on.
    pub fn ear(&self) -> Ear {
        self.published.ear()
    }

    /// The cluster of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Cluster>> {
        self.by_name.get(name)
    }
}
