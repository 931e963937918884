//! A count that only grows, until an operator resets it.

use super::cells::Slot;

/// A handle to one counter; clones count into the same number.
#[derive(Clone, Debug, Default)]
pub struct Counter(pub(super) Slot);

// === impl Counter ===

impl Counter {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.0.add(1);
    }

    /// Adds `amount`; adding nothing still makes the counter a used one, as in Envoy.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.add(amount);
    }

    /// What has been counted so far.
    pub fn value(&self) -> u64 {
        self.0.value()
    }

    /// Whether anything was ever counted: what `/stats?usedonly` shows.
    pub fn is_used(&self) -> bool {
        self.0.is_used()
    }

    /// Back to zero (`/reset_counters`); a used counter stays used.
    pub fn reset(&self) {
        self.0.reset();
    }
}
