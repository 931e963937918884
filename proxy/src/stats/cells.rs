//! The numbers of counters and gauges, side by side: thousands of clusters have sixty each, and an allocation of its own
//! would cost each number several times its size.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many numbers share an allocation, which lives as long as any of them is held: as many as `touched` has bits.
const CHUNK: usize = u32::BITS as usize;

/// A handle to one number.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    chunk: Arc<Chunk>,
    index: u8,
}

/// Numbers that were taken together, in order.
#[derive(Debug)]
pub(super) struct Run {
    chunks: Box<[Arc<Chunk>]>,
    first: usize,
}

#[derive(Debug, Default)]
struct Chunk {
    values: [AtomicU64; CHUNK],
    /// A bit for each number, set where its value cannot tell that it was used.
    touched: AtomicU32,
}

/// The chunk that new numbers come from, and how many of it are taken.
static OPEN: Mutex<Option<(Arc<Chunk>, usize)>> = Mutex::new(None);

// === impl Slot ===

impl Default for Slot {
    /// A number of its own, zero.
    fn default() -> Self {
        Run::new(1).slot(0)
    }
}

impl Slot {
    #[inline]
    pub(super) fn value(&self) -> &AtomicU64 {
        // The remainder is the index itself and tells the compiler that it is in bounds.
        &self.chunk.values[usize::from(self.index) % CHUNK]
    }

    /// Remembers that the number was used, whatever its value. Reads before it writes, so that workers do not take the
    /// cache line from one another for nothing.
    #[inline]
    pub(super) fn touch(&self) {
        if !self.is_touched() {
            self.chunk.touched.fetch_or(self.bit(), Ordering::Relaxed);
        }
    }

    #[inline]
    pub(super) fn is_touched(&self) -> bool {
        self.chunk.touched.load(Ordering::Relaxed) & self.bit() != 0
    }

    fn bit(&self) -> u32 {
        1 << (u32::from(self.index) % u32::BITS)
    }
}

// === impl Run ===

impl Run {
    /// As many new numbers, all zero.
    pub(super) fn new(count: usize) -> Self {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut chunk, first) =
            open.take().filter(|(_, taken)| *taken < CHUNK).unwrap_or_else(|| (Arc::default(), 0));
        let last = (first + count).div_ceil(CHUNK).max(1);
        let mut chunks = Vec::with_capacity(last);
        chunks.push(Arc::clone(&chunk));
        while chunks.len() < last {
            chunk = Arc::default();
            chunks.push(Arc::clone(&chunk));
        }
        *open = Some((chunk, first + count - (last - 1) * CHUNK));
        Self { chunks: chunks.into(), first }
    }

    /// The number at a place below the count that was asked for.
    pub(super) fn slot(&self, place: usize) -> Slot {
        let at = self.first + place;
        let index = u8::try_from(at % CHUNK).unwrap_or(0);
        Slot { chunk: Arc::clone(&self.chunks[at / CHUNK]), index }
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Ordering, Run};

    #[test]
    fn numbers_of_runs_of_any_length_are_apart() {
        let runs: Vec<_> = [0, 1, 31, 32, 33, 64, 100, 3].map(|n| (n, Run::new(n))).into();
        for (number, (count, run)) in runs.iter().enumerate() {
            for place in 0..*count {
                let mark = (number * 1000 + place) as u64;
                run.slot(place).value().store(mark, Ordering::Relaxed);
            }
        }
        for (number, (count, run)) in runs.iter().enumerate() {
            assert!(run.chunks.len() <= count / CHUNK + 2);
            for place in 0..*count {
                let mark = (number * 1000 + place) as u64;
                assert_eq!(run.slot(place).value().load(Ordering::Relaxed), mark);
            }
        }
    }
}
