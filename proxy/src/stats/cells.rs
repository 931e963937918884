//! The numbers of counters and gauges, side by side: thousands of clusters have eighty each, and an allocation of its own
//! would cost each number several times its size.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many numbers share an allocation. What is left of one when a run does not fit is lost, which is little of so many.
const CHUNK: usize = 4096;

/// The bit of a number that tells that it was used, whatever its value.
const USED: u64 = 1 << 63;

/// A handle to one number. A stat is never taken out of a store, so a number lives as long as the process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot(&'static AtomicU64);

/// Numbers that were taken together, in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run(&'static [AtomicU64]);

/// What is left of the chunk that new numbers come from.
static REST: Mutex<&'static [AtomicU64]> = Mutex::new(&[]);

// === impl Slot ===

impl Default for Slot {
    /// A number of its own, zero.
    fn default() -> Self {
        Run::new(1).slot(0)
    }
}

impl Slot {
    /// Adds, and makes the number a used one.
    #[inline]
    pub(super) fn add(self, amount: u64) {
        // Reads before it writes the bit, so that all but the first time it is one write.
        if self.0.fetch_add(amount, Ordering::Relaxed) & USED == 0 {
            self.0.fetch_or(USED, Ordering::Relaxed);
        }
    }

    /// Takes away; the number wraps below zero.
    #[inline]
    pub(super) fn sub(self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }

    /// Replaces the value.
    #[inline]
    pub(super) fn set(self, value: u64) {
        self.0.store(value | USED, Ordering::Relaxed);
    }

    /// Back to zero, and used if it was.
    pub(super) fn reset(self) {
        self.0.fetch_and(USED, Ordering::Relaxed);
    }

    /// The value: 63 bits with their sign, so that what stands for "no limit" is told as it was set.
    #[inline]
    pub(super) fn value(self) -> u64 {
        ((self.0.load(Ordering::Relaxed) << 1).cast_signed() >> 1).cast_unsigned()
    }

    pub(super) fn is_used(self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }
}

// === impl Run ===

impl Run {
    /// As many new numbers, all zero.
    pub(super) fn new(count: usize) -> Self {
        // There is nothing in there that a panic could have left half done.
        let mut rest = REST.lock().unwrap_or_else(PoisonError::into_inner);
        if rest.len() < count {
            let chunk = (0..count.max(CHUNK)).map(|_| AtomicU64::new(0)).collect();
            *rest = Box::leak::<'static>(chunk);
        }
        let (run, others) = rest.split_at(count);
        *rest = others;
        Self(run)
    }

    /// The number at a place below the count that was asked for.
    pub(super) fn slot(self, place: usize) -> Slot {
        Slot(&self.0[place])
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Run, Slot};

    #[test]
    fn numbers_of_runs_of_any_length_are_apart() {
        let lengths = [0, 1, 31, 100, CHUNK - 1, CHUNK, CHUNK + 1, 3];
        let runs: Vec<_> = lengths.map(|count| (count, Run::new(count))).into();
        for (number, (count, run)) in runs.iter().enumerate() {
            for place in 0..*count {
                run.slot(place).set((number * 100_000 + place) as u64);
            }
        }
        for (number, (count, run)) in runs.iter().enumerate() {
            for place in 0..*count {
                assert_eq!(run.slot(place).value(), (number * 100_000 + place) as u64);
            }
        }
    }

    #[test]
    fn a_number_is_used_from_its_first_change_on() {
        let slot = Slot::default();
        assert!(!slot.is_used());
        slot.add(0);
        assert!(slot.is_used());
        assert_eq!(slot.value(), 0);
        slot.add(7);
        slot.reset();
        assert!(slot.is_used());
        assert_eq!(slot.value(), 0);
    }

    #[test]
    fn no_limit_is_told_as_it_was_set() {
        let slot = Slot::default();
        slot.set(u64::MAX);
        assert_eq!(slot.value(), u64::MAX);
        slot.sub(2);
        assert_eq!(slot.value(), u64::MAX - 2);
        slot.add(2);
        assert_eq!(slot.value(), u64::MAX);
        slot.set(0);
        slot.sub(1);
        assert_eq!(slot.value(), u64::MAX);
        slot.add(1);
        assert_eq!(slot.value(), 0);
    }
}
