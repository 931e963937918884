//! Earliest deadline first: a schedule in which a host comes up as often as its weight says.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A schedule over the indices of a list of weights.
#[derive(Debug)]
pub(super) struct Edf {
    heap: BinaryHeap<Entry>,
    /// Breaks ties in the order in which entries came in.
    turn: u64,
}

#[derive(Debug)]
struct Entry {
    deadline: f64,
    turn: u64,
    index: usize,
    weight: f64,
}

// === impl Edf ===

impl Edf {
    /// A schedule for these weights, each at least 1.
    pub(super) fn new(weights: impl Iterator<Item = u32>) -> Self {
        let heap: BinaryHeap<_> = weights
            .enumerate()
            .map(|(index, weight)| {
                let weight = f64::from(weight.max(1));
                Entry { deadline: 1.0 / weight, turn: index as u64, index, weight }
            })
            .collect();
        let turn = heap.len() as u64;
        Self { heap, turn }
    }

    /// The index whose turn it is.
    pub(super) fn next(&mut self) -> Option<usize> {
        let mut entry = self.heap.pop()?;
        let index = entry.index;
        entry.deadline += 1.0 / entry.weight;
        entry.turn = self.turn;
        self.turn += 1;
        self.heap.push(entry);
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

    #[test]
    fn each_comes_up_as_often_as_its_weight_says() {
        let mut edf = Edf::new([1, 2, 5].into_iter());
        let mut counts = [0; 3];
        for _ in 0..800 {
            counts[edf.next().unwrap()] += 1;
        }
        assert_eq!(counts, [100, 200, 500]);
        assert_eq!(Edf::new(std::iter::empty()).next(), None);
    }
}
