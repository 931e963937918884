//! A number of something that may vanish again, such as a host: in no store, and freed with its owner.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count that belongs to its owner alone.
#[derive(Debug, Default)]
pub struct Tally(AtomicU64);

// === impl Tally ===

impl Tally {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Takes one away, which was added before.
    #[inline]
    pub fn dec(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// Adds `amount`.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Where it stands.
    #[inline]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
