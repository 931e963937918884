//! A place in the tree of names where stats are created.

use std::sync::Arc;

use super::set::Set;
use super::store::{Stat, Store};
use super::{Counter, Definition, Gauge, Histogram, TextReadout};

/// A prefix of names in a store: `cluster.app.`
///
/// Asking twice for one name gives two handles to the same stat.
#[derive(Clone, Debug)]
pub struct Scope {
    store: Store,
    /// Empty at the root, else ends with a dot.
    prefix: String,
}

/// Hands out the stats of a list of definitions, in order.
#[derive(Debug)]
pub struct Declared {
    set: Arc<Set>,
    next: usize,
}

// === impl Scope ===

impl Scope {
    pub(super) fn root(store: Store) -> Self {
        Self { store, prefix: String::new() }
    }

    /// A scope below this one; `sub` may have dots, and one at its end is not needed.
    pub fn scope(&self, sub: &str) -> Self {
        let mut prefix = self.full_name(sub);
        if !prefix.is_empty() && !prefix.ends_with('.') {
            prefix.push('.');
        }
        Self { store: self.store.clone(), prefix }
    }

    /// The store behind it.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What every name made here starts with: empty, or ending with a dot.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The counter of that name.
    pub fn counter(&self, name: &str) -> Counter {
        self.get(name)
    }

    /// The gauge of that name.
    pub fn gauge(&self, name: &str) -> Gauge {
        self.get(name)
    }

    /// The histogram of that name.
    pub fn histogram(&self, name: &str) -> Histogram {
        self.get(name)
    }

    /// The text of that name.
    pub fn text_readout(&self, name: &str) -> TextReadout {
        self.get(name)
    }

    /// The stats of these definitions, one after the other; for the `register` that `stats!` writes.
    pub fn declare(&self, definitions: &'static [Definition]) -> Declared {
        Declared { set: self.store.set(&self.prefix, definitions), next: 0 }
    }

    fn get<S: Stat>(&self, name: &str) -> S {
        self.store.get(self.full_name(name))
    }

    fn full_name(&self, name: &str) -> String {
        let mut full = String::with_capacity(self.prefix.len() + name.len() + 1);
        full.push_str(&self.prefix);
        push_clean(&mut full, name);
        full
    }
}

// === impl Declared ===

impl Declared {
    /// The next stat, which is of this kind.
    pub fn take<S: Stat>(&mut self) -> S {
        debug_assert_eq!(self.set.definitions()[self.next].kind, S::KIND);
        self.next += 1;
        S::of(&self.set, self.next - 1)
    }
}

/// Appends `name` as Envoy cleans names: no dot at either end, and a colon, with the slashes after it, or a NUL
/// becomes one underscore.
fn push_clean(full: &mut String, name: &str) {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut rest = name.strip_prefix('.').unwrap_or(name);
    while let Some(at) = rest.find([':', '\0']) {
        full.push_str(&rest[..at]);
        full.push('_');
        let after = &rest[at..];
        rest = ["://", ":/", ":", "\0"].iter().find_map(|s| after.strip_prefix(s)).unwrap_or("");
    }
    full.push_str(rest);
}
