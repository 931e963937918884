//! How many retries may be under way: `max_retries`, or as `retry_budget` says.

use crate::config::cluster::RetryBudget;
use crate::stats::Gauge;

use super::{Limit, Permit};

/// The breaker for retries.
#[derive(Debug)]
pub enum Retries {
    /// `max_retries`.
    Limit(Limit),
    /// `retry_budget`.
    Budget(Box<Budget>),
}

/// `retry_budget`.
#[derive(Debug)]
pub struct Budget {
    config: RetryBudget,
    /// Counts them. Envoy moves the gauge of `max_retries`, which is no limit here.
    limit: Limit,
    /// Requests, and those that wait for a connection.
    active: [Limit; 2],
    remaining: Option<Gauge>,
}

// === impl Retries ===

impl Retries {
    pub(super) fn budget(
        config: RetryBudget,
        limit: Limit,
        active: [Limit; 2],
        remaining: Option<Gauge>,
    ) -> Self {
        Self::Budget(Box::new(Budget { config, limit, active, remaining }))
    }

    /// One retry more, unless there are too many. Held from the decision to retry until the retry has ended.
    pub fn take(&self) -> Option<Permit> {
        match self {
            Self::Limit(limit) => limit.take(),
            Self::Budget(budget) => budget.take(),
        }
    }
}

// === impl Budget ===

impl Budget {
    fn take(&self) -> Option<Permit> {
        if let Some(remaining) = &self.remaining {
            // What remains of a share of something that changes is nothing to tell; Envoy says so once somebody asked.
            remaining.set(0);
        }
        self.limit.take_below(self.most())
    }

    fn most(&self) -> u64 {
        let active: u64 = self.active.iter().map(Limit::taken).sum();
        #[expect(
            clippy::cast_precision_loss,
            reason = "requests under way are far fewer than 2^52"
        )]
        let share = self.config.budget_percent / 100.0 * active as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a percentage of them is no more, and not below zero"
        )]
        let share = share as u64;
        share.max(u64::from(self.config.min_retry_concurrency))
    }
}
