//! Earliest deadline first: a schedule in which everyone comes up as often as its weight says.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// A schedule over the indices of a list of weights.
#[derive(Debug)]
pub(super) struct Edf {
    heap: BinaryHeap<Entry>,
    /// Breaks ties in the order in which entries came in.
    turn: u32,
}

#[derive(Debug)]
struct Entry {
    deadline: f64,
    turn: u32,
    index: u32,
}

// === impl Edf ===

impl Edf {
    /// A schedule for these weights, each above zero, as it is after so many turns: schedules that all began at the
    /// beginning would all begin with the heaviest.
    pub(super) fn new(weights: &[f64], turns: u32) -> Self {
        let sum: f64 = weights.iter().sum();
        let mut taken = 0;
        let entries = (0..).zip(weights).map(|(index, weight)| {
            let whole = (f64::from(turns) * weight / sum).floor();
            taken += whole as u32;
            Entry { deadline: (whole + 1.0) / weight, turn: index, index }
        });
        let heap: BinaryHeap<_> = entries.collect();
        let mut edf = Self { turn: heap.len() as u32, heap };
        for _ in taken..turns {
            edf.next(|index| weights[index]);
        }
        edf
    }

    /// The index whose turn it is, and how much it weighs now.
    pub(super) fn next(&mut self, weight: impl FnOnce(usize) -> f64) -> Option<usize> {
        // Put back in its place when dropped.
        let mut entry = self.heap.peek_mut()?;
        let index = entry.index as usize;
        entry.deadline += 1.0 / weight(index);
        entry.turn = self.turn;
        self.turn = self.turn.wrapping_add(1);
        drop::<PeekMut<'_, _>>(entry);
        Some(index)
    }
}

// === impl Entry ===

impl Ord for Entry {
    /// The heap gives out the greatest, and the earliest deadline is to come first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.deadline.total_cmp(&self.deadline).then(other.turn.cmp(&self.turn))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

#[cfg(test)]
mod tests {
    use super::Edf;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_comes_up_as_often_as_its_weight_says(
            weights in prop::collection::vec(1_u32..20, 1..12),
            turns in 0_u32..10_000,
        ) {
            let sum: u32 = weights.iter().sum();
            let floats: Vec<f64> = weights.iter().copied().map(f64::from).collect();
            let mut edf = Edf::new(&floats, turns);
            let mut counts = vec![0_u32; weights.len()];
            for _ in 0..sum * 10 {
                counts[edf.next(|index| floats[index]).unwrap()] += 1;
            }
            for (count, weight) in counts.iter().zip(&weights) {
                prop_assert!(count.abs_diff(weight * 10) <= 1, "{counts:?} of {weights:?}");
            }
        }
    }

    #[test]
    fn nobody_has_no_turn() {
        assert_eq!(Edf::new(&[], 7).next(|_| 1.0), None);
    }
}
