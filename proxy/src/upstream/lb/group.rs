//! Hosts among which one is chosen, sorted by priority, health and locality when they are published.

use std::sync::Arc;

use super::Context;
use super::load::{Availability, Loads};
use super::table::{Entry, Spread, Table};
use crate::base::random;
use crate::config::endpoint::Locality;
use crate::config::lb::{LoadBalancing, Policy};
use crate::upstream::Host;
use crate::upstream::health::Health;

/// Hosts among which one is chosen: all of a cluster, or a subset.
#[derive(Debug)]
pub struct Group {
    /// By number; there is at least one.
    pub priorities: Vec<Priority>,
    /// What each of them gets.
    pub loads: Loads,
    /// How the places of the last table that was made are spread, where hashes decide.
    pub spread: Option<Spread>,
    /// `overprovisioning_factor`, by which localities get their shares too.
    pub(super) overprovisioning: u32,
    /// Whether every choice is one of the healthy hosts of the first priority.
    pub(super) is_plain: bool,
    /// By priority, where hashes decide.
    tables: Vec<Option<Table>>,
}

/// The hosts of one priority.
#[derive(Debug, Default)]
pub struct Priority {
    /// All of them.
    pub all: List,
    /// Those that take traffic.
    pub healthy: List,
    /// Those that take traffic where the healthy are too few.
    pub degraded: List,
    /// How many do not count.
    pub excluded: usize,
    /// The same by locality, where localities have weights.
    pub(super) localities: Vec<Area>,
}

/// The hosts of one locality.
#[derive(Debug, Default)]
pub(super) struct Area {
    locality: Locality,
    /// `load_balancing_weight`; none is nothing.
    weight: u32,
    all: List,
    healthy: List,
    degraded: List,
    excluded: usize,
}

/// Some hosts of a set.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct List {
    /// Their places in the set.
    pub hosts: Vec<u32>,
    /// Whether all have the same weight.
    pub even: bool,
}

/// Which list of a group a host is taken from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Source {
    pub(super) priority: usize,
    pub(super) kind: SourceKind,
}

/// Which hosts of a priority.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SourceKind {
    /// All, in a panic.
    All,
    /// The healthy ones.
    Healthy,
    /// The degraded ones.
    Degraded,
    /// The healthy ones of a locality.
    HealthyOf(usize),
    /// The degraded ones of a locality.
    DegradedOf(usize),
}

// === impl Group ===

impl Group {
    /// A group of those of these hosts that are `places`, by the health that they have now.
    pub(in crate::upstream) fn new(
        hosts: &[Arc<Host>],
        places: impl IntoIterator<Item = u32>,
        settings: &LoadBalancing,
    ) -> Self {
        let mut priorities = vec![Priority::default()];
        for place in places {
            let host = &hosts[place as usize];
            // The loader lets no priority above 128 through.
            let number = host.traits().place.priority as usize;
            if priorities.len() <= number {
                priorities.resize_with(number + 1, Priority::default);
            }
            priorities[number].add(host, place, settings.locality_weighted);
        }
        priorities.iter_mut().for_each(|priority| priority.finish(hosts));
        let weighted = settings.priorities.weighted_health;
        let availability: Vec<_> =
            priorities.iter().map(|priority| priority.availability(hosts, weighted)).collect();
        let overprovisioning = settings.priorities.overprovisioning;
        let loads = Loads::new(&availability, overprovisioning, settings.panic_threshold);
        let is_plain = loads.healthy[0] == 100 && !loads.panic[0] && !settings.locality_weighted;
        let tables = Vec::new();
        let mut group =
            Self { priorities, loads, spread: None, overprovisioning, is_plain, tables };
        if settings.policy.hashes() {
            group.make_tables(hosts, settings);
        }
        group
    }

    fn make_tables(&mut self, hosts: &[Arc<Host>], settings: &LoadBalancing) {
        let by_hostname = match settings.policy {
            Policy::RingHash(ring) => ring.by_hostname,
            Policy::Maglev(maglev) => maglev.by_hostname,
            Policy::RoundRobin | Policy::LeastRequest(_) | Policy::Random => false,
        };
        for (priority, panic) in self.priorities.iter().zip(&self.loads.panic) {
            let shares = priority.shares(hosts, *panic);
            let entry = |(host, weight)| Entry {
                host,
                key: hosts[host as usize].hash_key(by_hostname),
                weight,
            };
            let entries = shares.into_iter().map(entry).collect();
            let (table, spread) = Table::new(&settings.policy, entries).unzip();
            self.spread = spread.or(self.spread);
            self.tables.push(table);
        }
    }

    /// How many hosts there are in all priorities, as `count` says of each.
    pub fn count(&self, count: impl Fn(&Priority) -> usize) -> u64 {
        self.priorities.iter().map(|priority| count(priority) as u64).sum()
    }

    /// Which hosts are meant this time, whatever their locality.
    pub(super) fn source(&self, context: &Context<'_>) -> Source {
        let other = context.loads.map(|loads| loads(self));
        let loads = other.as_ref().unwrap_or(&self.loads);
        let (priority, degraded) = loads.choose(random::number());
        // What others say of loads may be of more priorities than there are.
        let priority = priority.min(self.priorities.len() - 1);
        let kind = if self.loads.panic[priority] {
            SourceKind::All
        } else if degraded {
            SourceKind::Degraded
        } else {
            SourceKind::Healthy
        };
        Source { priority, kind }
    }

    pub(super) fn list(&self, source: Source) -> &List {
        let priority = &self.priorities[source.priority];
        match source.kind {
            SourceKind::All => &priority.all,
            SourceKind::Healthy => &priority.healthy,
            SourceKind::Degraded => &priority.degraded,
            SourceKind::HealthyOf(area) => &priority.localities[area].healthy,
            SourceKind::DegradedOf(area) => &priority.localities[area].degraded,
        }
    }

    /// The priority that a hash falls into, and its host there.
    pub(super) fn by_hash(&self, hash: u64, attempt: u32) -> (usize, Option<u32>) {
        let (priority, _degraded) = self.loads.choose(hash);
        let table = self.tables.get(priority).and_then(Option::as_ref);
        (priority, table.map(|table| table.host(hash, attempt)))
    }
}

impl Default for Group {
    fn default() -> Self {
        Self::new(&[], [], &LoadBalancing::default())
    }
}

// === impl Priority ===

impl Priority {
    fn add(&mut self, host: &Host, place: u32, localities: bool) {
        let (health, excluded) = (host.health(), host.is_excluded());
        self.all.hosts.push(place);
        match health {
            Health::Healthy => self.healthy.hosts.push(place),
            Health::Degraded => self.degraded.hosts.push(place),
            Health::Unhealthy => {}
        }
        self.excluded += usize::from(excluded);
        if !localities {
            return;
        }
        let traits = host.traits();
        let locality = &traits.place.locality;
        let known = self.localities.iter().position(|area| area.locality == *locality);
        let known = known.unwrap_or_else(|| {
            let weight = traits.place.weight.unwrap_or_default();
            self.localities.push(Area { locality: locality.clone(), weight, ..Area::default() });
            self.localities.len() - 1
        });
        let area = &mut self.localities[known];
        area.all.hosts.push(place);
        match health {
            Health::Healthy => area.healthy.hosts.push(place),
            Health::Degraded => area.degraded.hosts.push(place),
            Health::Unhealthy => {}
        }
        area.excluded += usize::from(excluded);
    }

    fn finish(&mut self, hosts: &[Arc<Host>]) {
        self.localities.sort_by(|one, other| one.locality.cmp(&other.locality));
        let areas = self.localities.iter_mut();
        let lists = areas.flat_map(|area| [&mut area.all, &mut area.healthy, &mut area.degraded]);
        for list in [&mut self.all, &mut self.healthy, &mut self.degraded].into_iter().chain(lists)
        {
            list.compare(hosts);
        }
    }

    fn availability(&self, hosts: &[Arc<Host>], weighted: bool) -> Availability {
        let counts = [self.all.hosts.len(), self.healthy.hosts.len(), self.degraded.hosts.len()];
        let total = counts[0].saturating_sub(self.excluded);
        let shares = if weighted {
            let excluded = |place: &&u32| hosts[**place as usize].is_excluded();
            let excluded: u64 =
                self.all.hosts.iter().filter(excluded).map(|place| weight(hosts, *place)).sum();
            let sum = |list: &List| list.hosts.iter().map(|place| weight(hosts, *place)).sum();
            let all: u64 = sum(&self.all);
            [all.saturating_sub(excluded), sum(&self.healthy), sum(&self.degraded)]
        } else {
            [total as u64, counts[1] as u64, counts[2] as u64]
        };
        Availability { all: counts[0], total, usable: counts[1] + counts[2], shares }
    }

    /// What each host gets of the priority's traffic where hashes decide; all shares add up to one.
    fn shares(&self, hosts: &[Arc<Host>], panic: bool) -> Vec<(u32, f64)> {
        let mut shares = Vec::new();
        let mut share = |list: &List, part: f64| {
            let sum: u64 = list.hosts.iter().map(|place| weight(hosts, *place)).sum();
            let of = |place: u32| (place, weight(hosts, place) as f64 * part / sum as f64);
            shares.extend(list.hosts.iter().map(|place| of(*place)));
        };
        if self.localities.is_empty() {
            share(if panic { &self.all } else { &self.healthy }, 1.0);
            return shares;
        }
        let sum: u64 = self.localities.iter().map(|area| u64::from(area.weight)).sum();
        for area in self.localities.iter().filter(|area| area.weight > 0) {
            let list = if panic { &area.all } else { &area.healthy };
            share(list, f64::from(area.weight) / sum as f64);
        }
        shares
    }

    /// How much each locality gets by its weight and the health of its hosts; nobody if none gets anything.
    pub(super) fn area_weights(&self, degraded: bool, overprovisioning: u32) -> Vec<(usize, f64)> {
        let effective = |area: &Area| {
            let usable = if degraded { &area.degraded } else { &area.healthy };
            let total = area.all.hosts.len().saturating_sub(area.excluded);
            let part = match total {
                0 => 0.0,
                total => usable.hosts.len() as f64 / total as f64,
            };
            f64::from(area.weight) * (part * f64::from(overprovisioning) / 100.0).min(1.0)
        };
        let weights = self.localities.iter().map(effective).enumerate();
        weights.filter(|(_, weight)| *weight > 0.0).collect()
    }
}

fn weight(hosts: &[Arc<Host>], place: u32) -> u64 {
    u64::from(hosts[place as usize].traits().weight)
}

// === impl List ===

impl List {
    fn compare(&mut self, hosts: &[Arc<Host>]) {
        let mut all = self.hosts.iter().map(|place| weight(hosts, *place));
        let first = all.next();
        self.even = all.all(|weight| Some(weight) == first);
    }
}
