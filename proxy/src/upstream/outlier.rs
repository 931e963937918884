//! Outlier detection: hosts that answer badly are left out for a while.
//!
//! Workers count what requests came to ([`Monitor`]); the main thread looks at the counts when one of them says that a
//! host is bad, and each `interval`, and ejects hosts or lets them in again.

mod averages;
mod detector;
mod ejection;
mod events;
mod monitor;
mod stats;
mod watch;

use std::sync::Arc;

use tokio::sync::Notify;

use crate::base::task::{self, Owned};
use crate::config::outlier::OutlierDetection;

use self::stats::OutlierStats;
use super::Cluster;
use super::events::EventLog;

pub use self::averages::{Averages, Percent};
pub use self::monitor::{Monitor, Origin, Outcome};

/// What a cluster's outlier detection has in common for all hosts and threads.
#[derive(Debug)]
pub struct Outlier {
    settings: OutlierDetection,
    stats: OutlierStats,
    /// The averages of the last interval, by where errors come from.
    pub external: Averages,
    /// The same of errors on our side, if they are counted apart.
    pub local: Averages,
    /// The main thread has something to look at.
    alert: Notify,
}

/// Begins to watch the hosts of `cluster`, if it is configured to, for as long as `owner` lives.
pub fn start(cluster: &Arc<Cluster>, log: Option<EventLog>, owner: &mut Owned) {
    if let Some(outlier) = &cluster.outlier {
        let watch = watch::Watch::new(cluster.clone(), outlier.clone(), log);
        task::spawn_in(owner, watch.run());
    }
}

// === impl Outlier ===

impl Outlier {
    /// Detection with these settings; its stats are below `scope`, a cluster's.
    pub(super) fn new(settings: OutlierDetection, scope: &crate::stats::Scope) -> Self {
        Self {
            settings,
            stats: OutlierStats::register(&scope.scope("outlier_detection")),
            external: Averages::default(),
            local: Averages::default(),
            alert: Notify::new(),
        }
    }

    /// Says that the set of hosts is another.
    pub(super) fn hosts_changed(&self) {
        self.alert.notify_one();
    }
}
