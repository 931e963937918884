//! How much of the traffic each priority gets, by the health of its hosts.

/// How many hosts of one priority there are, by their health.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Availability {
    /// All, excluded or not.
    pub all: usize,
    /// All that count: without those that are excluded.
    pub total: usize,
    /// Those of them that are healthy or degraded.
    pub usable: usize,
    /// All that count, the healthy and the degraded, by number or by weight.
    pub shares: [u64; 3],
}

/// The share of each priority, in percent; all add up to 100.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Loads {
    /// What goes to the healthy hosts of each priority.
    pub healthy: Vec<u32>,
    /// What goes to its degraded hosts.
    pub degraded: Vec<u32>,
    /// Whether a priority takes all its hosts, whatever their health, since too few are healthy.
    pub panic: Vec<bool>,
}

// === impl Availability ===

impl Availability {
    /// The healthy and the degraded part in percent, with what `overprovisioning` (in percent) makes of it.
    fn percentages(self, overprovisioning: u32) -> [u32; 2] {
        let [total, healthy, degraded] = self.shares;
        let part = |share: u64| match total {
            0 => 0,
            // At most 100, so it fits.
            total => (u64::from(overprovisioning) * share / total).min(100) as u32,
        };
        [part(healthy), part(degraded)]
    }

    fn panics(self, threshold: u32) -> bool {
        match self.total {
            0 => threshold > 0,
            total => 100 * self.usable < threshold as usize * total,
        }
    }
}

// === impl Loads ===

impl Loads {
    /// The shares of these priorities.
    pub fn new(priorities: &[Availability], overprovisioning: u32, panic_threshold: u32) -> Self {
        let parts: Vec<_> =
            priorities.iter().map(|one| one.percentages(overprovisioning)).collect();
        let available: u32 = parts.iter().flatten().sum::<u32>().min(100);
        let mut loads = Self::spread(&parts, available);
        loads.panic = vec![false; priorities.len()];
        if panic_threshold == 0 && available == 0 {
            // There is nobody to send to; it has to be somewhere.
            loads.healthy[0] = 100;
            return loads;
        }
        if available < 100 {
            loads.panic =
                priorities.iter().map(|priority| priority.panics(panic_threshold)).collect();
        }
        if loads.panic.iter().all(|panic| *panic) {
            loads.spread_by_size(priorities);
        }
        loads
    }

    /// Gives the first priorities as much as they can take; what rounding leaves goes to the first that takes anything.
    fn spread(parts: &[[u32; 2]], available: u32) -> Self {
        let mut loads = Self {
            healthy: vec![0; parts.len()],
            degraded: vec![0; parts.len()],
            panic: Vec::new(),
        };
        if available == 0 {
            return loads;
        }
        let mut left = 100;
        for (kind, loads) in [&mut loads.healthy, &mut loads.degraded].into_iter().enumerate() {
            for (part, load) in parts.iter().zip(loads) {
                *load = (part[kind] * 100 / available).min(left);
                left -= *load;
            }
        }
        if let Some(first) = parts.iter().position(|part| part[0] > 0) {
            loads.healthy[first] += left;
        } else if let Some(first) = parts.iter().position(|part| part[1] > 0) {
            loads.degraded[first] += left;
        }
        loads
    }

    /// In a panic of all priorities each gets as much as it has hosts, whatever their health.
    fn spread_by_size(&mut self, priorities: &[Availability]) {
        let total: usize = priorities.iter().map(|priority| priority.all).sum();
        self.degraded.fill(0);
        self.healthy.fill(0);
        if total == 0 {
            self.healthy[0] = 100;
            return;
        }
        for (load, priority) in self.healthy.iter_mut().zip(priorities) {
            // At most 100.
            *load = (100 * priority.all / total) as u32;
        }
        let left = 100 - self.healthy.iter().sum::<u32>();
        if let Some(first) = priorities.iter().position(|priority| priority.all > 0) {
            self.healthy[first] += left;
        }
    }

    /// The priority for a random number, and whether its degraded hosts are meant.
    pub fn choose(&self, number: u64) -> (usize, bool) {
        let mark = (number % 100 + 1) as u32;
        let mut sum = 0;
        let both = [(&self.healthy, false), (&self.degraded, true)];
        for (loads, degraded) in both {
            for (priority, load) in loads.iter().enumerate() {
                sum += load;
                if mark <= sum {
                    return (priority, degraded);
                }
            }
        }
        (0, false)
    }
}

#[cfg(test)]
mod tests {
    use super::{Availability, Loads};
    use proptest::prelude::*;

    fn of(hosts: &[(usize, usize, usize)]) -> Vec<Availability> {
        hosts
            .iter()
            .map(|&(all, healthy, degraded)| Availability {
                all,
                total: all,
                usable: healthy + degraded,
                shares: [all as u64, healthy as u64, degraded as u64],
            })
            .collect()
    }

    fn loads(hosts: &[(usize, usize, usize)]) -> Loads {
        Loads::new(&of(hosts), 140, 50)
    }

    /// The table of Envoy's documentation on priority levels.
    #[test]
    fn traffic_spills_over_as_a_priority_loses_hosts() {
        for (healthy, share) in
            [(100, [100, 0]), (72, [100, 0]), (71, [99, 1]), (50, [70, 30]), (25, [35, 65])]
        {
            let loads = loads(&[(100, healthy, 0), (100, 100, 0)]);
            assert_eq!(loads.healthy, share, "{healthy} % healthy");
            assert_eq!(loads.panic, [false, false]);
        }
        assert_eq!(loads(&[(100, 0, 0), (100, 100, 0)]).healthy, [0, 100]);
    }

    #[test]
    fn too_few_everywhere_is_a_panic_and_goes_by_size() {
        let both = loads(&[(10, 1, 0), (30, 1, 0)]);
        assert_eq!((both.panic, both.healthy), (vec![true, true], vec![25, 75]));
        let none = loads(&[(0, 0, 0)]);
        assert_eq!((none.panic, none.healthy), (vec![true], vec![100]));
        let calm = Loads::new(&of(&[(2, 0, 0)]), 140, 0);
        assert_eq!((calm.panic, calm.healthy), (vec![false], vec![100]));
        assert_eq!(loads(&[(2, 1, 0)]).panic, [false], "half is enough");
        assert_eq!(loads(&[(3, 1, 0)]).panic, [true]);
    }

    #[test]
    fn degraded_hosts_get_what_the_healthy_ones_cannot_take() {
        let loads = loads(&[(10, 5, 5)]);
        assert_eq!((loads.healthy.clone(), loads.degraded.clone()), (vec![70], vec![30]));
        assert_eq!(loads.choose(69), (0, false));
        assert_eq!(loads.choose(70), (0, true));
    }

    proptest! {
        #[test]
        fn all_adds_up_to_a_hundred(
            hosts in prop::collection::vec((0usize..50, 0usize..50, 0usize..50), 1..6),
            overprovisioning in 100u32..300,
            threshold in 0u32..101,
        ) {
            let hosts: Vec<_> =
                hosts.iter().map(|&(sick, well, degraded)| (sick + well + degraded, well, degraded)).collect();
            let loads = Loads::new(&of(&hosts), overprovisioning, threshold);
            let sum: u32 = loads.healthy.iter().chain(&loads.degraded).sum();
            prop_assert_eq!(sum, 100);
            for number in 0..100 {
                let (priority, degraded) = loads.choose(number);
                let shares = if degraded { &loads.degraded } else { &loads.healthy };
                prop_assert!(shares[priority] > 0);
            }
        }
    }
}
