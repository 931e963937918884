//! The clusters that a table's routes name, numbered, so that nobody looks a name up per request.

use std::collections::HashMap;
use std::sync::Arc;

/// The clusters' names, by [`Slot`].
#[derive(Debug, Default)]
pub struct Clusters {
    names: Vec<Arc<str>>,
    slots: HashMap<Arc<str>, Slot>,
}

/// The number of a cluster in [`Clusters`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slot(pub usize);

// === impl Clusters ===

impl Clusters {
    /// The slot of that cluster, which is a new one if no route has named it before.
    pub(super) fn slot(&mut self, name: &str) -> Slot {
        if let Some(slot) = self.slots.get(name) {
            return *slot;
        }
        let (name, slot) = (Arc::<str>::from(name), Slot(self.names.len()));
        self.names.push(name.clone());
        self.slots.insert(name, slot);
        slot
    }

    /// The names in the order of their slots.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// The name of the cluster in that slot, which must be one of this table's.
    pub fn name(&self, slot: Slot) -> &Arc<str> {
        &self.names[slot.0]
    }
}
