//! A count that only grows, until an operator resets it.

use std::sync::atomic::Ordering;

use super::cells::Slot;

/// A handle to one counter; clones count into the same number.
#[derive(Clone, Debug, Default)]
pub struct Counter(pub(super) Slot);

// === impl Counter ===

impl Counter {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.0.value().fetch_add(1, Ordering::Relaxed);
    }

    /// Adds `amount`; adding nothing still makes the counter a used one, as in Envoy.
    #[inline]
    pub fn add(&self, amount: u64) {
        if amount == 0 {
            self.0.touch();
        } else {
            self.0.value().fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// What has been counted so far.
    pub fn value(&self) -> u64 {
        self.0.value().load(Ordering::Relaxed)
    }

    /// Whether anything was ever counted: what `/stats?usedonly` shows.
    pub fn is_used(&self) -> bool {
        self.value() != 0 || self.0.is_touched()
    }

    /// Back to zero (`/reset_counters`); a used counter stays used.
    pub fn reset(&self) {
        if self.0.value().swap(0, Ordering::Relaxed) != 0 {
            self.0.touch();
        }
    }
}
