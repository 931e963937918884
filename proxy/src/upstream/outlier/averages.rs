//! What `/clusters` shows of the last interval.

use std::sync::atomic::{AtomicU64, Ordering};

/// A percentage that one thread writes and others read.
#[derive(Debug)]
pub struct Percent(AtomicU64);

/// What a cluster's hosts came to together; negative before enough of them had enough requests.
#[derive(Debug, Default)]
pub struct Averages {
    /// The mean of the hosts' shares of good answers.
    pub success_rate: Percent,
    /// The share below which a host is an outlier.
    pub ejection_threshold: Percent,
}

// === impl Percent ===

impl Percent {
    /// What stands for "not known".
    pub const UNKNOWN: f64 = -1.0;

    /// The value; negative if it is not known.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }
}

impl Default for Percent {
    fn default() -> Self {
        Self(AtomicU64::new(Self::UNKNOWN.to_bits()))
    }
}
