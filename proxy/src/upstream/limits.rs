//! Circuit breakers: permits for connections, waiting requests and requests (`circuit_breakers.thresholds`).
//!
//! One count for all workers, so that a limit is a limit whatever the number of workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::config::cluster::Thresholds;
use crate::stats::Gauge;

use super::stats::BreakerStats;

/// The breakers of one cluster.
#[derive(Debug)]
pub struct Limits {
    /// `max_connections`.
    pub connections: Limit,
    /// `max_pending_requests`.
    pub pending: Limit,
    /// `max_requests`.
    pub requests: Limit,
    /// The thresholds in force, for `/clusters`.
    pub thresholds: Thresholds,
}

/// One breaker.
#[derive(Clone, Debug)]
pub struct Limit(Arc<Count>);

#[derive(Debug)]
struct Count {
    taken: AtomicU32,
    most: u32,
    /// Whether it is open: 1 while nothing more may be taken.
    open: Gauge,
}

/// The right to one of what a breaker counts; dropping it gives it back.
#[derive(Debug)]
pub struct Permit(Limit);

// === impl Limits ===

impl Limits {
    /// Breakers with these thresholds.
    pub fn new(thresholds: &Thresholds, stats: &BreakerStats) -> Self {
        stats.cx_pool_open.set(0);
        Self {
            connections: Limit::new(thresholds.max_connections, stats.cx_open.clone()),
            pending: Limit::new(thresholds.max_pending_requests, stats.rq_pending_open.clone()),
            requests: Limit::new(thresholds.max_requests, stats.rq_open.clone()),
            thresholds: thresholds.clone(),
        }
    }
}

// === impl Limit ===

impl Limit {
    fn new(most: u32, open: Gauge) -> Self {
        open.set(u64::from(most == 0));
        Self(Arc::new(Count { taken: AtomicU32::new(0), most, open }))
    }

    /// One more, unless the breaker is open.
    pub fn take(&self) -> Option<Permit> {
        let before = self.0.taken.fetch_add(1, Ordering::AcqRel);
        if before >= self.0.most {
            self.0.taken.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        if before + 1 == self.0.most {
            self.0.open.set(1);
        }
        Some(Permit(self.clone()))
    }

    /// One more even when the breaker is open: Envoy lets every pool have one connection.
    pub fn take_anyway(&self) -> Permit {
        if self.0.taken.fetch_add(1, Ordering::AcqRel) + 1 >= self.0.most {
            self.0.open.set(1);
        }
        Permit(self.clone())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let count = &self.0.0;
        if count.taken.fetch_sub(1, Ordering::AcqRel) == count.most {
            count.open.set(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;
    use crate::config::cluster::Thresholds;
    use crate::stats::Store;
    use crate::upstream::stats::BreakerStats;

    #[test]
    fn a_breaker_opens_at_its_threshold_and_closes_when_a_permit_returns() {
        let stats = BreakerStats::register(&Store::new().root());
        let thresholds = Thresholds { max_requests: 2, ..Thresholds::default() };
        let limits = Limits::new(&thresholds, &stats);
        let first = limits.requests.take();
        assert_eq!(stats.rq_open.value(), 0);
        let second = limits.requests.take();
        assert!(first.is_some() && second.is_some());
        assert_eq!(stats.rq_open.value(), 1);
        assert!(limits.requests.take().is_none());
        drop(first);
        assert_eq!(stats.rq_open.value(), 0);
        assert!(limits.requests.take().is_some());
    }
}
