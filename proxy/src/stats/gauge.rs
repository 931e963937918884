//! A number that goes up and down.

use super::cells::Slot;

/// A handle to one gauge; clones move the same number.
#[derive(Clone, Debug, Default)]
pub struct Gauge(pub(super) Slot);

/// One unit of a gauge, given back when dropped, so that a gauge cannot leak on an early return or a panic.
#[derive(Debug)]
#[must_use = "the gauge goes down again as soon as this is dropped"]
pub struct GaugeGuard(Gauge);

// === impl Gauge ===

impl Gauge {
    /// Replaces the value.
    pub fn set(&self, value: u64) {
        self.0.set(value);
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Takes one away.
    #[inline]
    pub fn dec(&self) {
        self.sub(1);
    }

    /// Adds `amount`.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.add(amount);
    }

    /// Takes `amount` away. Whoever takes must have added before: the number wraps below zero.
    #[inline]
    pub fn sub(&self, amount: u64) {
        self.0.sub(amount);
    }

    /// Where it stands.
    pub fn value(&self) -> u64 {
        self.0.value()
    }

    /// Whether it ever had a value: what `/stats?usedonly` shows.
    pub fn is_used(&self) -> bool {
        self.0.is_used()
    }

    /// Adds one for as long as the guard lives.
    #[inline]
    pub fn hold(&self) -> GaugeGuard {
        self.inc();
        GaugeGuard(self.clone())
    }
}

// === impl GaugeGuard ===

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
