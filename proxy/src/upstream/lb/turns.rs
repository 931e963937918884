//! Whose turn it is on one list: `ROUND_ROBIN`, and `LEAST_REQUEST` where weights differ.

use super::edf::Edf;
use super::group::List;
use crate::base::random;

/// A schedule is begun somewhere in the first so many turns.
const MOST_TURNS_BEFORE: usize = 1 << 20;

/// Whose turn it is, for one worker.
#[derive(Debug)]
pub(super) enum Turns {
    /// All weights are the same, so a number does.
    Even(usize),
    /// They are not.
    Weighted(Edf),
}

// === impl Turns ===

impl Turns {
    /// Turns over hosts of one weight. The first turn is drawn, so that workers do not march in step.
    pub(super) fn even(list: &List) -> Self {
        Self::Even(random::below(list.hosts.len().max(1)))
    }

    /// Turns over hosts of these weights.
    pub(super) fn weighted(weights: &[f64]) -> Self {
        // It fits, as the constant says.
        Self::Weighted(Edf::new(weights, random::below(MOST_TURNS_BEFORE) as u32))
    }

    /// The place in the list of the host whose turn it is, and which weighs that much now; none if it is empty.
    pub(super) fn choose(
        &mut self,
        list: &List,
        weight: impl FnOnce(usize) -> f64,
    ) -> Option<usize> {
        match self {
            Self::Even(next) => {
                let chosen = *next;
                let count = list.hosts.len();
                *next = if chosen + 1 >= count { 0 } else { chosen + 1 };
                (chosen < count).then_some(chosen)
            }
            Self::Weighted(edf) => edf.next(weight),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Turns;
    use crate::upstream::lb::group::List;

    #[test]
    fn hosts_of_one_weight_take_turns() {
        let list = List { hosts: vec![0, 1, 2], even: true };
        let mut turns = Turns::even(&list);
        let first: Vec<_> = (0..3).map(|_| turns.choose(&list, |_| 1.0).unwrap()).collect();
        let second: Vec<_> = (0..3).map(|_| turns.choose(&list, |_| 1.0).unwrap()).collect();
        assert_eq!(first, second);
        let mut sorted = first;
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2]);
    }

    #[test]
    fn no_hosts_no_choice() {
        let list = List::default();
        assert_eq!(Turns::even(&list).choose(&list, |_| 1.0), None);
    }
}
