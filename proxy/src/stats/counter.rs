//! A count that only grows, until an operator resets it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A handle to one counter; clones count into the same number.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<Cell>);

#[derive(Debug, Default)]
struct Cell {
    value: AtomicU64,
    /// Set where the value cannot tell that the counter was touched: after a reset, or after adding nothing.
    touched: AtomicBool,
}

// === impl Counter ===

impl Counter {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.0.value.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds `amount`; adding nothing still makes the counter a used one, as in Envoy.
    #[inline]
    pub fn add(&self, amount: u64) {
        if amount == 0 {
            self.0.touched.store(true, Ordering::Relaxed);
        } else {
            self.0.value.fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// What has been counted so far.
    pub fn value(&self) -> u64 {
        self.0.value.load(Ordering::Relaxed)
    }

    /// Whether anything was ever counted: what `/stats?usedonly` shows.
    pub fn is_used(&self) -> bool {
        self.value() != 0 || self.0.touched.load(Ordering::Relaxed)
    }

    /// Back to zero (`/reset_counters`); a used counter stays used.
    pub fn reset(&self) {
        if self.0.value.swap(0, Ordering::Relaxed) != 0 {
            self.0.touched.store(true, Ordering::Relaxed);
        }
    }
}
