//! Active health checks: the main thread asks each host how it is, again and again.

mod checker;
mod events;
mod grpc;
mod http;
mod link;
mod pause;
mod payload;
mod progress;
mod round;
mod session;
mod stats;
mod tcp;

use std::sync::Arc;

use tokio::sync::Notify;

use crate::base::latch::Latch;
use crate::base::task::{self, Owned};
use crate::config::health_check::HealthCheck;
use crate::stats::Scope;

use self::stats::HealthCheckStats;
use super::events::EventLog;
use super::{Cluster, Host};

/// What a cluster's health check has in common for all hosts and threads.
#[derive(Debug)]
pub struct ActiveHealth {
    stats: HealthCheckStats,
    /// The main thread has something to look at.
    attention: Notify,
    /// Every host that there was at first has been checked once.
    first_round: Latch,
}

/// Begins to check the hosts of `cluster`, if it is configured to, for as long as `owner` lives. Events go to `logs`.
pub fn start(cluster: &Arc<Cluster>, logs: Vec<EventLog>, owner: &mut Owned) {
    if let (Some(health), Some(config)) = (&cluster.active_health, &cluster.config.health_check) {
        let config = Arc::new(HealthCheck::clone(config));
        let round = round::Round::new(cluster.clone(), health.clone(), config, logs);
        task::spawn_in(owner, round.run());
    }
}

// === impl ActiveHealth ===

impl ActiveHealth {
    /// Checks whose stats are below `scope`, a cluster's.
    pub(super) fn new(scope: &Scope) -> Self {
        Self {
            stats: HealthCheckStats::register(&scope.scope("health_check")),
            attention: Notify::new(),
            first_round: Latch::new(),
        }
    }

    /// Says that the set of hosts is another.
    pub(super) fn hosts_changed(&self) {
        self.attention.notify_one();
    }

    /// Waits until every host that there was at first has been checked once.
    pub(super) async fn first_round(&self) {
        self.first_round.wait().await;
    }

    /// Takes note that a response of `host` had `x-envoy-immediate-health-check-fail`.
    pub fn failed_in_passing(&self, host: &Host) {
        host.note_passive_failure();
        self.attention.notify_one();
    }
}
