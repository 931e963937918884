//! `ROUND_ROBIN` over one list: each host in turn, as often as its weight says.

use crate::base::random;

use super::edf::Edf;
use super::group::List;

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
    /// Turns over these hosts. The first turn is drawn, so that workers do not march in step.
    pub(super) fn new(list: &List, weights: &[u32]) -> Self {
        if list.even {
            return Self::Even(random::below(list.hosts.len().max(1)));
        }
        Self::Weighted(Edf::new(list.hosts.iter().map(|host| weights[*host as usize])))
    }

    /// The place in the list of the host whose turn it is; none if it is empty.
    pub(super) fn choose(&mut self, list: &List) -> Option<usize> {
        match self {
            Self::Even(next) => {
                let chosen = *next;
                let count = list.hosts.len();
                *next = if chosen + 1 >= count { 0 } else { chosen + 1 };
                (chosen < count).then_some(chosen)
            }
            Self::Weighted(edf) => edf.next(),
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
        let mut turns = Turns::new(&list, &[1, 1, 1]);
        let first: Vec<_> = (0..3).map(|_| turns.choose(&list).unwrap()).collect();
        let second: Vec<_> = (0..3).map(|_| turns.choose(&list).unwrap()).collect();
        assert_eq!(first, second);
        let mut sorted = first;
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2]);
    }

    #[test]
    fn weights_say_how_often() {
        let list = List { hosts: vec![1, 2], even: false };
        let mut turns = Turns::new(&list, &[7, 1, 3]);
        let mut counts = [0_u32; 2];
        (0..400).for_each(|_| counts[turns.choose(&list).unwrap()] += 1);
        assert!(counts[0].abs_diff(100) <= 1, "{counts:?}");
    }

    #[test]
    fn no_hosts_no_choice() {
        let list = List::default();
        assert_eq!(Turns::new(&list, &[]).choose(&list), None);
    }
}
