//! Watches the hosts of one cluster, on the main thread: ejects them, and lets them in again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use tokio::time;

use crate::base::random;
use crate::stats::Counter;
use crate::upstream::events::EventLog;
use crate::upstream::health::Flag;
use crate::upstream::{Cluster, Host};

use super::averages::Percent;
use super::detector::{self, Consecutive, Kind, Verdict};
use super::ejection::{Ejection, Rate};
use super::events::{Event, Rates};
use super::stats::OutlierStats;
use super::{Monitor, Origin, Outlier};

/// One cluster's watch.
pub(super) struct Watch {
    cluster: Arc<Cluster>,
    outlier: Arc<Outlier>,
    log: Option<EventLog>,
    members: Vec<Member>,
    /// How many of them are ejected.
    ejected: usize,
    /// Flags have changed that balancing does not know of.
    stale: bool,
}

/// A host of the cluster, and what is remembered of it.
struct Member {
    host: Arc<Host>,
    ejection: Ejection,
}

// === impl Watch ===

impl Watch {
    pub(super) fn new(cluster: Arc<Cluster>, outlier: Arc<Outlier>, log: Option<EventLog>) -> Self {
        Self { cluster, outlier, log, members: Vec::new(), ejected: 0, stale: false }
    }

    /// Watches for ever.
    pub(super) async fn run(mut self) {
        // An interval of nothing would leave no time for anything else.
        let interval = self.outlier.settings.interval.max(time::Duration::from_millis(1));
        let mut next = time::Instant::now() + interval;
        loop {
            tokio::select! {
                biased;
                () = time::sleep_until(next) => {
                    self.follow();
                    self.sweep(time::Instant::now().into_std());
                    next = time::Instant::now() + interval;
                }
                () = self.outlier.alert.notified() => {
                    self.follow();
                    self.look(time::Instant::now().into_std());
                }
            }
            if std::mem::take(&mut self.stale) {
                self.cluster.refresh();
            }
        }
    }

    /// Takes over the hosts as they are now.
    fn follow(&mut self) {
        let hosts = self.cluster.hosts();
        let hosts = hosts.hosts();
        let same = self.members.len() == hosts.len()
            && self.members.iter().zip(hosts).all(|(old, new)| Arc::ptr_eq(&old.host, new));
        if same {
            return;
        }
        let known = std::mem::take(&mut self.members).into_iter();
        let mut known: HashMap<_, _> =
            known.map(|member| (Arc::as_ptr(&member.host), member.ejection)).collect();
        self.members = hosts
            .iter()
            .map(|host| Member {
                host: host.clone(),
                ejection: known.remove(&Arc::as_ptr(host)).unwrap_or_default(),
            })
            .collect();
        self.ejected = self.members.iter().filter(|one| one.ejection.is_active()).count();
        self.outlier.stats.ejections_active.set(self.ejected as u64);
    }

    /// Looks at the hosts of which a worker, or a health check, has told something.
    fn look(&mut self, now: Instant) {
        for index in 0..self.members.len() {
            let Some(monitor) = self.members[index].host.monitor().cloned() else { continue };
            let (kinds, checked) = monitor.take_raised();
            for kind in kinds {
                self.consecutive(index, kind, &monitor, now);
            }
            if checked && self.members[index].ejection.is_active() {
                self.uneject(index, now);
            }
        }
    }

    fn consecutive(&mut self, index: usize, kind: Consecutive, monitor: &Monitor, now: Instant) {
        // The count of one that is ejected already is kept until it is let in again, as in Envoy.
        if self.members[index].ejection.is_active() {
            return;
        }
        self.outlier.stats.detected(kind.kind()).inc();
        self.eject(index, kind.kind(), (Percent::UNKNOWN, Percent::UNKNOWN), now);
        if kind == Consecutive::FiveHundreds {
            self.outlier.stats.ejections_consecutive_5xx.inc();
        }
        monitor.reset(kind);
    }

    /// Ends what is over, and looks at the rates of the interval.
    fn sweep(&mut self, now: Instant) {
        for index in 0..self.members.len() {
            if self.members[index].ejection.is_over(now, &self.outlier.settings) {
                self.uneject(index, now);
            }
        }
        for origin in [Origin::External, Origin::Local] {
            let rates = self.rates(origin);
            self.judge_rates(origin, &rates, now);
        }
        for member in &mut self.members {
            member.ejection.relax(now, &self.outlier.settings);
        }
    }

    /// The rates of hosts that are not ejected, which are shown if they are of enough requests.
    fn rates(&self, origin: Origin) -> Vec<Option<Rate>> {
        let settings = &self.outlier.settings;
        let (by_rate, by_failures) = (&settings.success_rate, &settings.failure_percentage);
        let least = by_rate.request_volume.min(by_failures.request_volume);
        let few =
            self.members.len() < by_rate.minimum_hosts.min(by_failures.minimum_hosts) as usize;
        let rate = |member: &Member| {
            let monitor = member.host.monitor()?;
            let rate = monitor.take(origin).filter(|_| !few && !member.ejection.is_active());
            let shown = rate.filter(|rate| rate.volume >= u64::from(least));
            monitor.show(origin, shown.map_or(Percent::UNKNOWN, |rate| rate.percent));
            rate
        };
        self.members.iter().map(rate).collect()
    }

    fn judge_rates(&mut self, origin: Origin, rates: &[Option<Rate>], now: Instant) {
        let found = detector::outliers(rates, &self.outlier.settings);
        let averages = match origin {
            Origin::External => &self.outlier.external,
            Origin::Local => &self.outlier.local,
        };
        let numbers = found.average.unwrap_or((Percent::UNKNOWN, Percent::UNKNOWN));
        averages.success_rate.set(numbers.0);
        averages.ejection_threshold.set(numbers.1);
        let (by_rate, by_failures) = match origin {
            Origin::External => (Kind::SuccessRate, Kind::FailurePercentage),
            Origin::Local => (Kind::SuccessRateLocalOrigin, Kind::FailurePercentageLocalOrigin),
        };
        for index in found.by_success_rate {
            self.outlier.stats.ejections_success_rate.inc();
            self.outlier.stats.detected(by_rate).inc();
            self.eject(index, by_rate, numbers, now);
        }
        for index in found.by_failure_percentage {
            self.outlier.stats.detected(by_failures).inc();
            self.eject(index, by_failures, numbers, now);
        }
    }

    fn eject(&mut self, index: usize, kind: Kind, (average, threshold): (f64, f64), now: Instant) {
        let counts = (self.members.len(), self.ejected);
        let member = &mut self.members[index];
        let mut dice = |bound: u64| random::number() % bound.max(1);
        let settings = &self.outlier.settings;
        let verdict =
            detector::judge(&mut member.ejection, kind, counts, settings, (now, &mut dice));
        let stats = &self.outlier.stats;
        match verdict {
            Verdict::Overflow => stats.ejections_overflow.inc(),
            Verdict::Already => {}
            Verdict::Ejected | Verdict::NotEnforced => {
                if matches!(kind, Kind::Consecutive5xx | Kind::SuccessRate) {
                    stats.ejections_total.inc();
                }
            }
        }
        let enforced = verdict == Verdict::Ejected;
        tracing::debug!(cluster = %self.cluster.name, host = %member.host.address, ?kind, ?verdict, "outlier detected");
        if enforced {
            self.ejected += 1;
            stats.ejections_active.set(self.ejected as u64);
            stats.ejections_enforced_total.inc();
            stats.enforced(kind).inc();
            self.stale |= member.host.set(Flag::FailedOutlierCheck, true);
            tracing::info!(cluster = %self.cluster.name, host = %member.host.address, ?kind, "host ejected");
        }
        if !matches!(verdict, Verdict::Ejected | Verdict::NotEnforced) {
            return;
        }
        let member = &self.members[index];
        let origin = kind.origin();
        let host = member.host.monitor().map_or(Percent::UNKNOWN, |one| one.success_rate(origin));
        let rates = Rates { host, average, threshold };
        let about = (&*self.cluster, &*member.host, &member.ejection);
        self.log(|| Event::eject(kind, enforced, rates, about, now));
    }

    fn uneject(&mut self, index: usize, now: Instant) {
        self.ejected = self.ejected.saturating_sub(1);
        self.outlier.stats.ejections_active.set(self.ejected as u64);
        let member = &mut self.members[index];
        member.ejection.end(now);
        self.stale |= member.host.set(Flag::FailedOutlierCheck, false);
        if let Some(monitor) = member.host.monitor() {
            Consecutive::ALL.into_iter().for_each(|kind| monitor.reset(kind));
        }
        tracing::info!(cluster = %self.cluster.name, host = %member.host.address, "host let in again");
        let member = &self.members[index];
        self.log(|| Event::uneject((&*self.cluster, &*member.host, &member.ejection), now));
    }

    fn log<E: Serialize>(&self, event: impl FnOnce() -> E) {
        if let Some(log) = &self.log {
            log.log(&event());
        }
    }
}

// === impl Kind ===

impl Kind {
    fn origin(self) -> Origin {
        match self {
            Self::ConsecutiveLocalOriginFailure
            | Self::SuccessRateLocalOrigin
            | Self::FailurePercentageLocalOrigin => Origin::Local,
            Self::Consecutive5xx
            | Self::ConsecutiveGatewayFailure
            | Self::SuccessRate
            | Self::FailurePercentage => Origin::External,
        }
    }
}

// === impl OutlierStats ===

impl OutlierStats {
    fn detected(&self, kind: Kind) -> &Counter {
        match kind {
            Kind::Consecutive5xx => &self.ejections_detected_consecutive_5xx,
            Kind::ConsecutiveGatewayFailure => &self.ejections_detected_consecutive_gateway_failure,
            Kind::SuccessRate => &self.ejections_detected_success_rate,
            Kind::ConsecutiveLocalOriginFailure => {
                &self.ejections_detected_consecutive_local_origin_failure
            }
            Kind::SuccessRateLocalOrigin => &self.ejections_detected_local_origin_success_rate,
            Kind::FailurePercentage => &self.ejections_detected_failure_percentage,
            Kind::FailurePercentageLocalOrigin => {
                &self.ejections_detected_local_origin_failure_percentage
            }
        }
    }

    fn enforced(&self, kind: Kind) -> &Counter {
        match kind {
            Kind::Consecutive5xx => &self.ejections_enforced_consecutive_5xx,
            Kind::ConsecutiveGatewayFailure => &self.ejections_enforced_consecutive_gateway_failure,
            Kind::SuccessRate => &self.ejections_enforced_success_rate,
            Kind::ConsecutiveLocalOriginFailure => {
                &self.ejections_enforced_consecutive_local_origin_failure
            }
            Kind::SuccessRateLocalOrigin => &self.ejections_enforced_local_origin_success_rate,
            Kind::FailurePercentage => &self.ejections_enforced_failure_percentage,
            Kind::FailurePercentageLocalOrigin => {
                &self.ejections_enforced_local_origin_failure_percentage
            }
        }
    }
}

#[cfg(test)]
mod tests;
