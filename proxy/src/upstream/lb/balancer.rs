//! One worker's state of choosing among the hosts of one group.

use std::sync::Arc;

use super::Context;
use super::edf::Edf;
use super::group::{Group, List, Source, SourceKind};
use super::turns::Turns;
use crate::base::random;
use crate::config::lb::{LeastRequest, LoadBalancing, Policy};
use crate::stats::Counter;
use crate::upstream::Host;

/// What is chosen from.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// The hosts of the set.
    pub hosts: &'a [Arc<Host>],
    /// Those among which one is chosen.
    pub group: &'a Group,
    /// How.
    pub settings: &'a LoadBalancing,
    /// `lb_healthy_panic`.
    pub panics: &'a Counter,
}

/// Whose turn it is, for one worker and one group.
#[derive(Debug, Default)]
pub struct Balancer {
    /// By priority and [`SourceKind`]; made when first needed.
    turns: Vec<Vec<Option<Turns>>>,
    /// By priority, for healthy and for degraded hosts: the localities' turns; made when first needed.
    localities: Vec<[Option<Areas>; 2]>,
}

/// Which locality's turn it is.
#[derive(Debug)]
struct Areas {
    areas: Vec<(usize, f64)>,
    edf: Edf,
}

// === impl Balancer ===

impl Balancer {
    /// The place in the set of the host that gets the next request; none if there is none to take. `attempt` counts
    /// the hosts that were chosen for it and turned down.
    pub fn choose(
        &mut self,
        field: &Field<'_>,
        context: &Context<'_>,
        attempt: u32,
    ) -> Option<usize> {
        let Field { group, settings, panics, .. } = *field;
        if settings.policy.hashes() {
            let hash = context.hash.unwrap_or_else(random::number);
            let (priority, host) = group.by_hash(hash, attempt);
            if group.loads.panic[priority] {
                panics.inc();
            }
            return host.map(|host| host as usize);
        }
        let source = if group.is_plain && context.loads.is_none() {
            Source { priority: 0, kind: SourceKind::Healthy }
        } else {
            self.source(field, context)?
        };
        let list = group.list(source);
        let place = match settings.policy {
            Policy::Random => (!list.hosts.is_empty()).then(|| random::below(list.hosts.len()))?,
            Policy::LeastRequest(policy) if list.even && settings.slow_start.is_none() => {
                least(field.hosts, list, policy)?
            }
            _ => {
                let turns = self.turns(field, source);
                turns.choose(list, |place| weight(field, list.hosts[place]))?
            }
        };
        list.hosts.get(place).map(|host| *host as usize)
    }

    /// Where priorities, health or localities have a say.
    fn source(&mut self, field: &Field<'_>, context: &Context<'_>) -> Option<Source> {
        let source = field.group.source(context);
        if source.kind == SourceKind::All {
            field.panics.inc();
            return (!field.settings.fails_in_panic).then_some(source);
        }
        if !field.settings.locality_weighted {
            return Some(source);
        }
        let degraded = source.kind == SourceKind::Degraded;
        let area = self.locality(field, source.priority, degraded);
        let kind = match area {
            None => source.kind,
            Some(area) if degraded => SourceKind::DegradedOf(area),
            Some(area) => SourceKind::HealthyOf(area),
        };
        Some(Source { kind, ..source })
    }

    /// The locality whose turn it is; none if none has a weight.
    fn locality(&mut self, field: &Field<'_>, priority: usize, degraded: bool) -> Option<usize> {
        if self.localities.len() <= priority {
            self.localities.resize_with(priority + 1, Default::default);
        }
        let turns = &mut self.localities[priority][usize::from(degraded)];
        let Areas { areas, edf } = turns.get_or_insert_with(|| {
            let overprovisioning = field.group.overprovisioning;
            let areas = field.group.priorities[priority].area_weights(degraded, overprovisioning);
            let weights: Vec<f64> = areas.iter().map(|(_, weight)| *weight).collect();
            Areas { edf: Edf::new(&weights, 0), areas }
        });
        let turn = edf.next(|index| areas[index].1)?;
        Some(areas[turn].0)
    }

    fn turns(&mut self, field: &Field<'_>, source: Source) -> &mut Turns {
        if self.turns.len() <= source.priority {
            self.turns.resize_with(source.priority + 1, Vec::new);
        }
        let turns = &mut self.turns[source.priority];
        let place = source.kind.place();
        if turns.len() <= place {
            turns.resize_with(place + 1, || None);
        }
        turns[place].get_or_insert_with(|| {
            let list = field.group.list(source);
            if list.even && field.settings.slow_start.is_none() {
                return Turns::even(list);
            }
            let weights: Vec<f64> = list.hosts.iter().map(|host| weight(field, *host)).collect();
            Turns::weighted(&weights)
        })
    }
}

/// What a host weighs at the moment.
fn weight(field: &Field<'_>, host: u32) -> f64 {
    let host = &field.hosts[host as usize];
    let mut weight = f64::from(host.traits().weight);
    if let Policy::LeastRequest(LeastRequest { bias, .. }) = field.settings.policy {
        let busy = host.stats.rq_active.value() as f64 + 1.0;
        weight /= if bias == 1.0 { busy } else { busy.powf(bias) };
    }
    match &field.settings.slow_start {
        None => weight,
        Some(slow_start) => weight * host.warmth(slow_start),
    }
}

/// The place in the list of the host with the fewest requests under way, among some that are drawn or among all.
fn least(hosts: &[Arc<Host>], list: &List, policy: LeastRequest) -> Option<usize> {
    let active = |place: usize| hosts[list.hosts[place] as usize].stats.rq_active.value();
    let count = list.hosts.len();
    if count == 0 {
        return None;
    }
    if policy.full_scan {
        let fewest = (0..count).map(active).min()?;
        let mut equal = (0..count).filter(|place| active(*place) == fewest);
        let drawn = random::below(equal.clone().count().max(1));
        // Another worker may have moved the numbers since.
        return equal.nth(drawn).or(Some(0));
    }
    let mut chosen = random::below(count);
    let mut busy = active(chosen);
    for _ in 1..policy.choices {
        let other = random::below(count);
        let active = active(other);
        if active < busy {
            (chosen, busy) = (other, active);
        }
    }
    Some(chosen)
}

// === impl SourceKind ===

impl SourceKind {
    /// Numbers them.
    fn place(self) -> usize {
        match self {
            Self::All => 0,
            Self::Healthy => 1,
            Self::Degraded => 2,
            Self::HealthyOf(area) => 3 + 2 * area,
            Self::DegradedOf(area) => 4 + 2 * area,
        }
    }
}
