//! One worker's state of choosing among the hosts of one group.

use crate::stats::Counter;

use super::Context;
use super::group::{Group, Source, SourceKind};
use super::turns::Turns;

/// Whose turn it is, for one worker and one group.
#[derive(Debug, Default)]
pub struct Balancer {
    /// By priority and [`SourceKind`]; made when first needed.
    turns: Vec<[Option<Turns>; 3]>,
}

// === impl Balancer ===

impl Balancer {
    /// The place in the set of the host that gets the next request; none if there is none to take.
    pub fn choose(
        &mut self,
        group: &Group,
        context: &Context<'_>,
        panics: &Counter,
    ) -> Option<usize> {
        let source = if group.is_plain && context.loads.is_none() {
            Source { priority: 0, kind: SourceKind::Healthy }
        } else {
            let source = group.source(context);
            if source.kind == SourceKind::All {
                panics.inc();
            }
            source
        };
        let list = group.list(source);
        let place = self.turns(group, source).choose(list)?;
        list.hosts.get(place).map(|host| *host as usize)
    }

    fn turns(&mut self, group: &Group, source: Source) -> &mut Turns {
        if self.turns.len() <= source.priority {
            self.turns.resize_with(source.priority + 1, Default::default);
        }
        let turns = &mut self.turns[source.priority][source.kind as usize];
        turns.get_or_insert_with(|| Turns::new(group.list(source), &group.weights))
    }
}
