//! `ROUND_ROBIN`: each host in turn, as often as its weight says.

use crate::base::random;

use super::edf::Edf;

/// Whose turn it is, for one worker.
#[derive(Debug)]
pub struct RoundRobin {
    turn: Turn,
}

#[derive(Debug)]
enum Turn {
    /// All weights are the same, so a number does.
    Even { next: usize, count: usize },
    /// They are not.
    Weighted(Edf),
}

// === impl RoundRobin ===

impl RoundRobin {
    /// Turns over hosts of these weights. The first turn is drawn, so that workers do not march in step.
    pub fn new(weights: &[u32]) -> Self {
        let even = weights.windows(2).all(|pair| pair[0] == pair[1]);
        let turn = if even {
            let count = weights.len();
            Turn::Even { next: if count == 0 { 0 } else { random::below(count) }, count }
        } else {
            Turn::Weighted(Edf::new(weights.iter().copied()))
        };
        Self { turn }
    }

    /// The index of the host whose turn it is; none without hosts.
    pub fn choose(&mut self) -> Option<usize> {
        match &mut self.turn {
            Turn::Even { count: 0, .. } => None,
            Turn::Even { next, count } => {
                let chosen = *next;
                *next = (chosen + 1) % *count;
                Some(chosen)
            }
            Turn::Weighted(edf) => edf.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RoundRobin;

    #[test]
    fn hosts_of_one_weight_take_turns() {
        let mut turns = RoundRobin::new(&[1, 1, 1]);
        let first: Vec<_> = (0..3).map(|_| turns.choose().unwrap()).collect();
        let second: Vec<_> = (0..3).map(|_| turns.choose().unwrap()).collect();
        assert_eq!(first, second);
        let mut sorted = first;
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2]);
    }

    #[test]
    fn no_hosts_no_choice() {
        assert_eq!(RoundRobin::new(&[]).choose(), None);
    }
}
