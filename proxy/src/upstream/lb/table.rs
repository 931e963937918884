//! Tables that give every hash a host: the ring of `RING_HASH` and the table of `MAGLEV`.
//!
//! Both are made when hosts are published, and shared by the workers. They are Envoy's to the last entry, so that a
//! request meets the same host through either proxy.

use crate::config::lb::{Maglev, Policy, RingHash};

use super::hash;

/// A host as a table sees it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its place in the set.
    pub(super) host: u32,
    /// What is hashed of it.
    pub(super) key: String,
    /// Its part of all the traffic; the parts add up to one.
    pub(super) weight: f64,
}

/// Which host gets which hash.
#[derive(Debug)]
pub(super) enum Table {
    /// `RING_HASH`: points by hash, and their hosts.
    Ring(Vec<(u64, u32)>),
    /// `MAGLEV`: a host for each remainder.
    Maglev(Vec<u32>),
}

/// How many places the hosts have in a table.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Spread {
    /// How many all have together.
    pub size: u64,
    /// The fewest that one has.
    pub fewest: u64,
    /// The most that one has.
    pub most: u64,
}

/// A host while the table of `MAGLEV` is filled.
struct Row {
    host: u32,
    weight: f64,
    /// The next place it would take.
    next: usize,
    skip: usize,
    target: f64,
    count: u64,
}

// === impl Table ===

impl Table {
    /// The table that the policy wants, if it wants one; no host, no table.
    pub(super) fn new(policy: &Policy, hosts: Vec<Entry>) -> Option<(Self, Spread)> {
        if hosts.is_empty() {
            return None;
        }
        match policy {
            Policy::RingHash(settings) => Some(ring(settings, hosts)),
            Policy::Maglev(settings) => Some(maglev(settings, hosts)),
            Policy::RoundRobin | Policy::LeastRequest(_) | Policy::Random => None,
        }
    }

    /// The host of a hash; a further attempt gives another one, probably.
    pub(super) fn host(&self, hash: u64, attempt: u32) -> u32 {
        match self {
            Self::Ring(points) => {
                let place = points.partition_point(|(point, _)| *point < hash);
                let place = if place == points.len() { 0 } else { place };
                points[(place + attempt as usize) % points.len()].1
            }
            Self::Maglev(places) => {
                let hash = match attempt {
                    0 => hash,
                    // Most of the bits are set, so that few requests go the same other way.
                    attempt => hash ^ (u64::MAX - u64::from(attempt) + 1),
                };
                // The remainder is below the length.
                places[(hash % places.len() as u64) as usize]
            }
        }
    }
}

/// As many points for each host as its weight says, and for the lightest a whole number.
fn ring(settings: &RingHash, hosts: Vec<Entry>) -> (Table, Spread) {
    let lightest = hosts.iter().map(|entry| entry.weight).fold(1.0, f64::min);
    let wanted = (lightest * settings.minimum_size as f64).ceil() / lightest;
    let scale = wanted.min(settings.maximum_size as f64);
    let size = scale.ceil() as u64;
    let mut points = Vec::with_capacity(size as usize);
    let mut spread = Spread { size, fewest: size, most: 0 };
    let mut target = 0.0;
    let mut digits = String::new();
    for Entry { host, mut key, weight } in hosts {
        key.push('_');
        let stem = key.len();
        target += scale * weight;
        let mut count = 0_u64;
        while (points.len() as f64) < target {
            digits.clear();
            // Writing to a string cannot fail.
            let _ = std::fmt::Write::write_fmt(&mut digits, format_args!("{count}"));
            key.truncate(stem);
            key.push_str(&digits);
            let point = match settings.murmur {
                true => hash::murmur(key.as_bytes()),
                false => hash::xx(key.as_bytes(), 0),
            };
            points.push((point, host));
            count += 1;
        }
        spread.fewest = spread.fewest.min(count);
        spread.most = spread.most.max(count);
    }
    points.sort_unstable_by_key(|(point, _)| *point);
    (Table::Ring(points), spread)
}

/// Hosts take places in turns, each in an order of its own, the heaviest in each round.
fn maglev(settings: &Maglev, mut hosts: Vec<Entry>) -> (Table, Spread) {
    /// No host: there are never so many.
    const FREE: u32 = u32::MAX;
    // The loader lets no size above five millions through.
    let size = settings.table_size as usize;
    hosts.sort_by(|one, other| one.key.cmp(&other.key));
    let heaviest = hosts.iter().map(|entry| entry.weight).fold(0.0, f64::max);
    let mut rows: Vec<Row> = hosts
        .into_iter()
        .map(|Entry { host, key, weight }| Row {
            host,
            weight,
            next: (hash::xx(key.as_bytes(), 0) % settings.table_size) as usize,
            skip: (hash::xx(key.as_bytes(), 1) % (settings.table_size - 1).max(1)) as usize + 1,
            target: 0.0,
            count: 0,
        })
        .collect();
    let mut places = vec![FREE; size];
    let mut taken = 0;
    let mut round = 1.0;
    while taken < size {
        for row in &mut rows {
            if taken == size {
                break;
            }
            if round * row.weight < row.target {
                continue;
            }
            row.target += heaviest;
            while places[row.next] != FREE {
                row.step(size);
            }
            places[row.next] = row.host;
            row.step(size);
            row.count += 1;
            taken += 1;
        }
        round += 1.0;
    }
    let counts = rows.iter().map(|row| row.count);
    let spread = Spread {
        size: settings.table_size,
        fewest: counts.clone().min().unwrap_or_default(),
        most: counts.max().unwrap_or_default(),
    };
    (Table::Maglev(places), spread)
}

// === impl Row ===

impl Row {
    fn step(&mut self, size: usize) {
        self.next += self.skip;
        if self.next >= size {
            self.next -= size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Table};
    use crate::config::lb::{Maglev, Policy, RingHash};
    use crate::upstream::lb::hash;
    use proptest::prelude::*;

    fn policies() -> [Policy; 3] {
        [
            Policy::RingHash(RingHash::default()),
            Policy::RingHash(RingHash { murmur: true, ..RingHash::default() }),
            Policy::Maglev(Maglev::default()),
        ]
    }

    fn entries(weights: &[u32]) -> Vec<Entry> {
        let sum: u32 = weights.iter().sum();
        let host = |(host, weight): (u32, &u32)| Entry {
            host,
            key: format!("10.0.0.{host}:80"),
            weight: f64::from(*weight) / f64::from(sum),
        };
        (0..).zip(weights).map(host).collect()
    }

    fn table(policy: &Policy, entries: Vec<Entry>) -> Table {
        Table::new(policy, entries).unwrap().0
    }

    fn keys() -> impl Iterator<Item = u64> {
        (0..4000_u32).map(|key| hash::xx(&key.to_le_bytes(), 0))
    }

    #[test]
    fn weights_are_honoured() {
        for policy in policies() {
            let table = table(&policy, entries(&[1, 2, 5]));
            let mut counts = [0_u32; 3];
            keys().for_each(|key| counts[table.host(key, 0) as usize] += 1);
            for (count, share) in counts.into_iter().zip([500, 1000, 2500]) {
                assert!(count.abs_diff(share) < 300, "{policy:?}: {counts:?}");
            }
        }
    }

    #[test]
    fn a_further_attempt_gives_other_hosts_too() {
        for policy in policies() {
            let table = table(&policy, entries(&[1; 8]));
            let other = keys().filter(|key| table.host(*key, 0) != table.host(*key, 1)).count();
            assert!(other > 3000, "{policy:?}: {other}");
        }
    }

    #[test]
    fn the_smallest_table_holds_one() {
        let smallest = Policy::Maglev(Maglev { table_size: 2, by_hostname: false });
        assert_eq!(table(&smallest, entries(&[1])).host(7, 0), 0);
        let smallest = RingHash { minimum_size: 1, maximum_size: 1, ..RingHash::default() };
        let (table, spread) = Table::new(&Policy::RingHash(smallest), entries(&[1, 1, 1])).unwrap();
        assert_eq!((table.host(7, 0), spread.fewest, spread.most), (0, 0, 1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Of those that did not meet the host that goes, next to none meet another one.
        #[test]
        fn a_host_that_goes_disturbs_few(
            weights in prop::collection::vec(1_u32..4, 2..30),
            gone in any::<prop::sample::Index>(),
        ) {
            let gone = gone.index(weights.len());
            for policy in policies() {
                let before = table(&policy, entries(&weights));
                let mut left = entries(&weights);
                left.remove(gone);
                let sum: f64 = left.iter().map(|entry| entry.weight).sum();
                left.iter_mut().for_each(|entry| entry.weight /= sum);
                let after = table(&policy, left);
                let stayed: Vec<_> = keys().filter(|key| before.host(*key, 0) != gone as u32).collect();
                let moved =
                    stayed.iter().filter(|key| before.host(**key, 0) != after.host(**key, 0)).count();
                // Rings get points as the parts grow; Maglev moves a little by design.
                let share = 25 * stayed.len() / 100 + 40;
                prop_assert!(moved <= share, "{policy:?}: {moved} of {}", stayed.len());
            }
        }
    }
}
