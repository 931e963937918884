//! One host's checks, one after the other.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::base::random;
use crate::upstream::events::EventLog;
use crate::upstream::health::Flag;
use crate::upstream::{Cluster, Host};

use super::ActiveHealth;
use super::checker::{Client, Config};
use super::events::Event;
use super::pause;
use super::progress::{Failed, Failure, Happened, Outcome, Progress, Transition};

/// What all sessions of a cluster have in common.
pub(super) struct Common {
    pub(super) cluster: Arc<Cluster>,
    pub(super) health: Arc<ActiveHealth>,
    pub(super) config: Config,
    pub(super) logs: Vec<EventLog>,
    /// Flags have changed that balancing does not know of.
    pub(super) stale: Cell<bool>,
}

/// One host's checks.
pub(super) struct Session {
    pub(super) host: Arc<Host>,
    common: Rc<Common>,
    progress: RefCell<Progress>,
}

// === impl Session ===

impl Session {
    pub(super) fn new(host: Arc<Host>, common: Rc<Common>) -> Self {
        Self { host, common, progress: RefCell::new(Progress::new()) }
    }

    /// Checks for ever.
    pub(super) async fn run(self: Rc<Self>) {
        let Common { cluster, health, config, .. } = &*self.common;
        let mut dice = |bound: u64| random::number() % bound.max(1);
        if let Some(pause) = pause::before_first(&config.pauses, &mut dice) {
            tokio::time::sleep(pause).await;
        }
        let verified = health.stats.verify_cluster.clone();
        let mut client = Client::new(config, cluster, &self.host, verified);
        let traffic = &cluster.stats;
        let mut pause_after = |passed: bool, transition| {
            let had_traffic = traffic.upstream_cx_total.is_used()
                || traffic.upstream_cx_tx_bytes_total.is_used()
                || traffic.upstream_cx_rx_bytes_total.is_used();
            pause::after(&config.pauses, (passed, transition), had_traffic, &mut dice)
        };
        loop {
            health.stats.attempt.inc();
            let outcome = client.check(config).await;
            let passed = matches!(outcome, Outcome::Passed { .. });
            let mut pause = pause_after(passed, self.settle(outcome));
            loop {
                tokio::select! {
                    biased;
                    () = tokio::time::sleep(pause) => break,
                    () = client.broken() => {
                        let transition = self.settle(Outcome::failed(Failure::Network));
                        pause = pause_after(false, transition);
                    }
                }
            }
        }
    }

    /// Takes note that a response to a request told the host to be failing.
    pub(super) fn failed_in_passing(&self) {
        self.host.set(Flag::ExcludedViaImmediateHcFail, true);
        self.settle(Outcome::failed(Failure::Passive));
    }

    /// Whether there was a check.
    pub(super) fn is_checked(&self) -> bool {
        !self.progress.borrow().is_first()
    }

    /// Whether the host is unhealthy.
    pub(super) fn is_failed(&self) -> bool {
        self.progress.borrow().is_failed()
    }

    fn settle(&self, outcome: Outcome) -> Transition {
        let Common { health, config, .. } = &*self.common;
        let mut progress = self.progress.borrow_mut();
        let (first, was_failed) = (progress.is_first(), progress.is_failed());
        let step = progress.step(outcome, config);
        let mut transition = step.transition;
        self.show(&progress, outcome, was_failed);
        let is_failed = progress.is_failed();
        drop(progress);
        self.count(outcome, &step.happened);
        if self.host.set(Flag::PendingActiveHc, false) {
            transition = Transition::Changed;
        }
        let happened = step.happened.into_iter().flatten();
        happened.for_each(|happened| self.tell(happened));
        if transition == Transition::Changed {
            self.common.stale.set(true);
        }
        if first || transition == Transition::Changed {
            health.attention.notify_one();
        }
        if matches!(outcome, Outcome::Passed { .. }) && !is_failed {
            self.uneject();
        }
        transition
    }

    /// Lets the host's flags say where it stands.
    fn show(&self, progress: &Progress, outcome: Outcome, was_failed: bool) {
        let host = &self.host;
        let stats = &self.common.health.stats;
        match (was_failed, progress.is_failed()) {
            (true, false) => {
                stats.healthy.inc();
                host.set(Flag::ExcludedViaImmediateHcFail, false);
            }
            (false, true) => stats.healthy.dec(),
            _ => {}
        }
        if matches!(outcome, Outcome::Failed(Failed { excluded: true, .. })) {
            host.set(Flag::ExcludedViaImmediateHcFail, true);
        }
        host.set(Flag::FailedActiveHc, progress.is_failed());
        host.set(Flag::DegradedActiveHc, progress.is_degraded());
        host.set(Flag::ActiveHcTimeout, progress.is_timed_out());
    }

    fn count(&self, outcome: Outcome, happened: &[Option<Happened>]) {
        let stats = &self.common.health.stats;
        if happened.contains(&Some(Happened::Degraded)) {
            stats.degraded.inc();
        }
        match outcome {
            Outcome::Passed { .. } => stats.success.inc(),
            Outcome::Failed(failed) => {
                stats.failure.inc();
                if failed.kind.is_network() {
                    stats.network_failure.inc();
                } else if failed.kind == Failure::Passive {
                    stats.passive_failure.inc();
                }
            }
        }
    }

    fn tell(&self, happened: Happened) {
        let Common { cluster, config, logs, .. } = &*self.common;
        tracing::debug!(cluster = %cluster.name, host = %self.host.address, ?happened, "health check");
        if !logs.is_empty() {
            let event = Event::new(happened, &config.checker, cluster, &self.host);
            logs.iter().for_each(|log| log.log(&event));
        }
    }

    /// A passed check ends an ejection, unless outlier detection is told otherwise.
    fn uneject(&self) {
        let outliers = self.common.cluster.config.outlier_detection.as_ref();
        if outliers.is_some_and(|outliers| outliers.uneject_by_health_check)
            && self.host.has(Flag::FailedOutlierCheck)
            && let Some(monitor) = self.host.monitor()
        {
            monitor.passed_check();
        }
    }
}

impl Drop for Session {
    /// The host is gone, and no longer counts.
    fn drop(&mut self) {
        let stats = &self.common.health.stats;
        let progress = self.progress.borrow();
        if !progress.is_failed() {
            stats.healthy.dec();
        }
        if progress.is_degraded() {
            stats.degraded.dec();
        }
    }
}
