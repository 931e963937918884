//! Circuit breakers: permits for connections, waiting requests, requests, retries and pools (`circuit_breakers`).
//!
//! One count for all workers, so that a limit is a limit whatever the number of workers. Envoy's workers look at a count
//! and move it afterwards, and may pass a limit together.

mod hosts;
mod retries;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::config::cluster::{CircuitBreakers, RoutingPriority, Thresholds};
use crate::stats::{Gauge, Scope};

use super::stats::{ClusterStats, RemainingStats};

pub use self::hosts::{HostLimit, HostPermit, Hosts};
pub use self::retries::Retries;

/// The breakers of one cluster.
#[derive(Debug)]
pub struct Limits {
    default: Breakers,
    /// Most clusters never see a request of high priority.
    high: OnceLock<Box<Breakers>>,
    config: Arc<CircuitBreakers>,
    high_open: [Gauge; 5],
    /// `per_host_thresholds`.
    pub hosts: Hosts,
}

/// The breakers for requests of one priority.
#[derive(Debug)]
pub struct Breakers {
    /// `max_connections`.
    pub connections: Limit,
    /// `max_pending_requests`.
    pub pending: Limit,
    /// `max_requests`.
    pub requests: Limit,
    /// `max_retries`, or `retry_budget`.
    pub retries: Retries,
    /// `max_connection_pools`.
    pub pools: Limit,
}

/// One breaker.
#[derive(Clone, Debug)]
pub struct Limit(Arc<Count>);

#[derive(Debug)]
struct Count {
    taken: AtomicU64,
    most: u64,
    /// Whether it is open: 1 while nothing more may be taken.
    open: Gauge,
    /// How many may be taken yet, with `track_remaining`.
    remaining: Option<Gauge>,
}

/// The right to one of what a breaker counts; dropping it gives it back.
#[derive(Debug)]
pub struct Permit(Limit);

// === impl Limits ===

impl Limits {
    /// Breakers as configured, whose stats are under `circuit_breakers.<priority>.` in the cluster's scope.
    pub fn new(config: &Arc<CircuitBreakers>, stats: &ClusterStats, cluster: &Scope) -> Self {
        let open = |priority| stats.breakers(priority).map(Gauge::clone);
        let remaining = |priority, name| {
            let scope = || cluster.scope("circuit_breakers").scope(name);
            let wanted = config.of(priority).track_remaining;
            wanted.then(|| RemainingStats::register(&scope()))
        };
        let remains = remaining(RoutingPriority::Default, "default");
        let limits = Self {
            default: Breakers::new(
                &config.default,
                open(RoutingPriority::Default),
                remains.as_ref(),
            ),
            high: OnceLock::new(),
            config: config.clone(),
            high_open: open(RoutingPriority::High),
            hosts: Hosts::new(config),
        };
        if let Some(remains) = remaining(RoutingPriority::High, "high") {
            limits.high.get_or_init(|| Box::new(limits.make_high(Some(&remains))));
        }
        limits
    }

    fn make_high(&self, remains: Option<&RemainingStats>) -> Breakers {
        Breakers::new(&self.config.high, self.high_open.clone(), remains)
    }

    /// The breakers for requests of that priority.
    #[inline]
    pub fn of(&self, priority: RoutingPriority) -> &Breakers {
        match priority {
            RoutingPriority::Default => &self.default,
            RoutingPriority::High => self.high.get_or_init(|| Box::new(self.make_high(None))),
        }
    }
}

// === impl Breakers ===

impl Breakers {
    /// Breakers that move these gauges, in the order of [`ClusterStats::breakers`], and those of what remains.
    fn new(thresholds: &Thresholds, open: [Gauge; 5], remaining: Option<&RemainingStats>) -> Self {
        let [cx_open, cx_pool_open, rq_open, rq_pending_open, rq_retry_open] = open;
        let limit = |most: u32, open, of: fn(&RemainingStats) -> &Gauge| {
            Limit::new(u64::from(most), open, remaining.map(of).cloned())
        };
        let connections = limit(thresholds.max_connections, cx_open, |all| &all.remaining_cx);
        let pending =
            limit(thresholds.max_pending_requests, rq_pending_open, |all| &all.remaining_pending);
        let requests = limit(thresholds.max_requests, rq_open, |all| &all.remaining_rq);
        let pools = Limit::new(
            thresholds.max_connection_pools.map_or(u64::MAX, u64::from),
            cx_pool_open,
            remaining.map(|all| all.remaining_cx_pools.clone()),
        );
        let remaining_retries = remaining.map(|all| all.remaining_retries.clone());
        let most = u64::from(thresholds.max_retries);
        let retries = match thresholds.retry_budget {
            None => Retries::Limit(Limit::new(most, rq_retry_open, remaining_retries)),
            Some(budget) => {
                if let Some(remaining) = &remaining_retries {
                    remaining.set(most);
                }
                let limit = Limit::new(most, rq_retry_open, None);
                let active = [requests.clone(), pending.clone()];
                Retries::budget(budget, limit, active, remaining_retries)
            }
        };
        Self { retries, connections, pending, requests, pools }
    }
}

// === impl Limit ===

impl Limit {
    fn new(most: u64, open: Gauge, remaining: Option<Gauge>) -> Self {
        if let Some(remaining) = &remaining {
            remaining.set(most);
        }
        Self(Arc::new(Count { taken: AtomicU64::new(0), most, open, remaining }))
    }

    /// One more, unless the breaker is open.
    pub fn take(&self) -> Option<Permit> {
        self.take_below(self.0.most)
    }

    /// One more even when the breaker is open: Envoy lets every pool have one connection.
    pub fn take_anyway(&self) -> Permit {
        let before = self.0.taken.fetch_add(1, Ordering::AcqRel);
        self.0.took(before);
        Permit(self.clone())
    }

    /// One more, unless there are `most` already.
    fn take_below(&self, most: u64) -> Option<Permit> {
        let one_more = |taken| (taken < most).then_some(taken + 1);
        let taken =
            self.0.taken.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more).ok()?;
        self.0.took(taken);
        Some(Permit(self.clone()))
    }

    /// How many are taken.
    fn taken(&self) -> u64 {
        self.0.taken.load(Ordering::Relaxed)
    }
}

// === impl Count ===

impl Count {
    /// Moves the gauges for the one that was taken when there were `before`.
    ///
    /// They are moved by what changed and never set: whichever order workers get here in, the sum is right.
    fn took(&self, before: u64) {
        if before + 1 == self.most {
            self.open.inc();
        } else if before == 0 && self.most == 0 {
            // Nothing may be taken, and this was; Envoy has the breaker open from here on.
            self.open.set(1);
        }
        if let Some(remaining) = &self.remaining
            && before < self.most
        {
            remaining.dec();
        }
    }

    /// The same for the one that was given back when there were `before`.
    fn gave_back(&self, before: u64) {
        if before == self.most {
            self.open.dec();
        }
        if let Some(remaining) = &self.remaining
            && before <= self.most
        {
            remaining.inc();
        }
    }
}

// === impl Permit ===

impl Drop for Permit {
    fn drop(&mut self) {
        let count = &self.0.0;
        count.gave_back(count.taken.fetch_sub(1, Ordering::AcqRel));
    }
}
