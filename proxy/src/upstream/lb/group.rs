//! Hosts among which one is chosen, sorted by priority and health when they are published.

use std::sync::Arc;

use super::load::{Availability, Loads};
use super::{Context, Settings};
use crate::base::random;
use crate::upstream::Host;
use crate::upstream::health::Health;

/// Hosts among which one is chosen: all of a cluster.
#[derive(Debug)]
pub struct Group {
    /// By number; there is at least one.
    pub priorities: Vec<Priority>,
    /// What each of them gets.
    pub loads: Loads,
    /// The weights of all hosts of the set, by their place in it.
    pub(super) weights: Vec<u32>,
    /// Whether every choice is one of the healthy hosts of the first priority.
    pub(super) is_plain: bool,
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
}

// === impl Group ===

impl Group {
    /// A group of these hosts, by the health that they have now.
    pub(in crate::upstream) fn new(hosts: &[Arc<Host>], settings: &Settings) -> Self {
        let mut group = Self {
            priorities: vec![Priority::default()],
            loads: Loads::default(),
            weights: Vec::with_capacity(hosts.len()),
            is_plain: false,
        };
        // A file of ten thousand hosts is not larger than four thousand millions.
        for (host, index) in hosts.iter().zip(0u32..) {
            let traits = host.traits();
            group.weights.push(traits.weight);
            // The loader lets no priority above 128 through.
            let number = traits.place.priority as usize;
            if group.priorities.len() <= number {
                group.priorities.resize_with(number + 1, Priority::default);
            }
            group.priorities[number].add(host, index);
        }
        for priority in &mut group.priorities {
            for list in [&mut priority.all, &mut priority.healthy, &mut priority.degraded] {
                list.compare(&group.weights);
            }
        }
        let availability: Vec<_> = group.priorities.iter().map(Priority::availability).collect();
        group.loads =
            Loads::new(&availability, settings.overprovisioning, settings.panic_threshold);
        group.is_plain = group.loads.healthy[0] == 100 && !group.loads.panic[0];
        group
    }

    /// How many hosts there are in all priorities, as `count` says of each.
    pub fn count(&self, count: impl Fn(&Priority) -> usize) -> u64 {
        self.priorities.iter().map(|priority| count(priority) as u64).sum()
    }

    /// Which hosts are meant this time, and whether that is because of a panic.
    pub(super) fn source(&self, context: &Context<'_>) -> Source {
        let other = context.loads.map(|loads| loads(self));
        let loads = other.as_ref().unwrap_or(&self.loads);
        let (priority, degraded) = loads.choose(random::number());
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
        }
    }
}

impl Default for Group {
    fn default() -> Self {
        Self::new(&[], &Settings::default())
    }
}

// === impl Priority ===

impl Priority {
    fn add(&mut self, host: &Host, index: u32) {
        self.all.hosts.push(index);
        match host.health() {
            Health::Healthy => self.healthy.hosts.push(index),
            Health::Degraded => self.degraded.hosts.push(index),
            Health::Unhealthy => {}
        }
        self.excluded += usize::from(host.is_excluded());
    }

    fn availability(&self) -> Availability {
        Availability {
            total: self.all.hosts.len() - self.excluded,
            healthy: self.healthy.hosts.len(),
            degraded: self.degraded.hosts.len(),
            all: self.all.hosts.len(),
        }
    }
}

// === impl List ===

impl List {
    fn compare(&mut self, weights: &[u32]) {
        let mut all = self.hosts.iter().map(|host| weights[*host as usize]);
        let first = all.next();
        self.even = all.all(|weight| Some(weight) == first);
    }
}
