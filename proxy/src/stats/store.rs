//! All stats of one process, by name.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::set::Set;
use super::{Counter, Definition, Gauge, Histogram, Kind, Scope, TextReadout};

/// Every stat there is. Locked only when a stat is created or the list is read, never to count.
#[derive(Clone, Debug, Default)]
pub struct Store(Arc<Mutex<Tables>>);

/// One stat of a store.
#[derive(Clone, Debug)]
pub struct Named<T> {
    /// Its full name.
    pub name: Arc<str>,
    /// The stat itself.
    pub stat: T,
    /// What it means; empty for stats whose name is made at run time.
    pub help: &'static str,
}

/// A kind of stat: where a store keeps those.
pub trait Stat: Clone + Default {
    /// Which kind.
    const KIND: Kind;

    /// Those whose names were made at run time.
    fn table(tables: &mut Tables) -> &mut Table<Self>;

    /// The one at that place of a set, which declares one of this kind there.
    fn of(set: &Set, place: usize) -> Self;

    /// Takes that place of a set.
    fn move_in(self, set: &mut Set, place: usize);
}

/// What a store holds.
#[derive(Debug, Default)]
pub struct Tables {
    /// What structs declare, by prefix. Most stats are here, and none of them has its name in memory.
    sets: BTreeMap<Arc<str>, Vec<Arc<Set>>>,
    counters: Table<Counter>,
    gauges: Table<Gauge>,
    histograms: Table<Histogram>,
    text_readouts: Table<TextReadout>,
}

/// Stats of one kind that have names of their own.
type Table<T> = BTreeMap<Arc<str>, T>;

// === impl Store ===

impl Store {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The scope without a prefix.
    pub fn root(&self) -> Scope {
        Scope::root(self.clone())
    }

    /// All counters, sorted by name.
    pub fn counters(&self) -> Vec<Named<Counter>> {
        self.lock().list()
    }

    /// All gauges, sorted by name.
    pub fn gauges(&self) -> Vec<Named<Gauge>> {
        self.lock().list()
    }

    /// All histograms, sorted by name.
    pub fn histograms(&self) -> Vec<Named<Histogram>> {
        self.lock().list()
    }

    /// All texts, sorted by name.
    pub fn text_readouts(&self) -> Vec<Named<TextReadout>> {
        self.lock().list()
    }

    /// Ends an interval of every histogram; to be called each 5 s (Envoy's default `stats_flush_interval`).
    /// What a histogram shows is its state at the last flush.
    pub fn flush(&self) {
        let tables = self.lock();
        let declared = tables.sets.values().flatten().flat_map(|set| set.histograms());
        declared.chain(tables.histograms.values()).for_each(Histogram::flush);
    }

    /// Sets every counter to zero (`/reset_counters`); everything else stays.
    pub fn reset(&self) {
        for counter in self.counters() {
            counter.stat.reset();
        }
    }

    /// The stat of that full name, made now if it is new.
    pub(super) fn get<S: Stat>(&self, name: String) -> S {
        let mut tables = self.lock();
        if let Some(stat) = tables.declared(&name) {
            return stat;
        }
        S::table(&mut tables).entry(name.into()).or_default().clone()
    }

    /// The stats of these definitions under that prefix, made now if they are new.
    pub(super) fn set(&self, prefix: &str, definitions: &'static [Definition]) -> Arc<Set> {
        let mut tables = self.lock();
        let known = tables.sets.get(prefix).into_iter().flatten();
        if let Some(set) = known.into_iter().find(|set| set.definitions() == definitions) {
            return Arc::clone(set);
        }
        let mut set = Set::new(definitions);
        for (place, definition) in definitions.iter().enumerate() {
            tables.adopt(&mut set, place, prefix, definition);
        }
        let set = Arc::new(set);
        tables.sets.entry(prefix.into()).or_default().push(Arc::clone(&set));
        set
    }

    /// No code that holds the lock can leave a table half changed, so a panic elsewhere does not matter.
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Tables ===

impl Tables {
    fn list<S: Stat>(&mut self) -> Vec<Named<S>> {
        let mut list = Vec::new();
        for (prefix, set) in self.sets.iter().flat_map(|(p, sets)| sets.iter().map(move |s| (p, s)))
        {
            for (place, definition) in set.definitions().iter().enumerate() {
                if definition.kind == S::KIND {
                    let name = format!("{prefix}{}", definition.name).into();
                    list.push(Named { name, stat: S::of(set, place), help: definition.help });
                }
            }
        }
        let named = S::table(self).iter();
        list.extend(named.map(|(name, stat)| Named {
            name: Arc::clone(name),
            stat: stat.clone(),
            help: "",
        }));
        list.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        list
    }

    /// The stat of that name, if a struct declares it.
    fn declared<S: Stat>(&self, name: &str) -> Option<S> {
        // Most names of fields have no dots, so the longest prefix comes first.
        let ends = name.rmatch_indices('.').map(|(dot, _)| dot + 1).chain([0]);
        ends.map(|end| name.split_at(end)).find_map(|(prefix, field)| {
            self.sets.get(prefix)?.iter().find_map(|set| {
                let wanted = |d: &Definition| d.kind == S::KIND && d.name == field;
                Some(S::of(set, set.definitions().iter().position(wanted)?))
            })
        })
    }

    /// Moves a stat that was made by name into the set that declares it now.
    fn adopt(&mut self, set: &mut Set, place: usize, prefix: &str, definition: &Definition) {
        match definition.kind {
            Kind::Counter => self.adopt_kind::<Counter>(set, place, prefix, definition.name),
            Kind::Gauge => self.adopt_kind::<Gauge>(set, place, prefix, definition.name),
            Kind::Histogram => self.adopt_kind::<Histogram>(set, place, prefix, definition.name),
            Kind::TextReadout => {
                self.adopt_kind::<TextReadout>(set, place, prefix, definition.name);
            }
        }
    }

    fn adopt_kind<S: Stat>(&mut self, set: &mut Set, place: usize, prefix: &str, field: &str) {
        let table = S::table(self);
        // Mostly there is nothing under the prefix, and no name need be made to see it.
        let first = table.range::<str, _>((Bound::Included(prefix), Bound::Unbounded)).next();
        if first.is_some_and(|(name, _)| name.starts_with(prefix))
            && let Some(stat) = table.remove(format!("{prefix}{field}").as_str())
        {
            stat.move_in(set, place);
        }
    }
}

// === impl Stat ===

impl Stat for Counter {
    const KIND: Kind = Kind::Counter;

    fn table(tables: &mut Tables) -> &mut Table<Self> {
        &mut tables.counters
    }

    fn of(set: &Set, place: usize) -> Self {
        Self(set.number(place))
    }

    fn move_in(self, set: &mut Set, place: usize) {
        set.adopt_number(place, self.0);
    }
}

impl Stat for Gauge {
    const KIND: Kind = Kind::Gauge;

    fn table(tables: &mut Tables) -> &mut Table<Self> {
        &mut tables.gauges
    }

    fn of(set: &Set, place: usize) -> Self {
        Self(set.number(place))
    }

    fn move_in(self, set: &mut Set, place: usize) {
        set.adopt_number(place, self.0);
    }
}

impl Stat for Histogram {
    const KIND: Kind = Kind::Histogram;

    fn table(tables: &mut Tables) -> &mut Table<Self> {
        &mut tables.histograms
    }

    fn of(set: &Set, place: usize) -> Self {
        set.histogram(place).unwrap_or_default()
    }

    fn move_in(self, set: &mut Set, place: usize) {
        set.adopt_histogram(place, self);
    }
}

impl Stat for TextReadout {
    const KIND: Kind = Kind::TextReadout;

    fn table(tables: &mut Tables) -> &mut Table<Self> {
        &mut tables.text_readouts
    }

    fn of(set: &Set, place: usize) -> Self {
        set.text(place).unwrap_or_default()
    }

    fn move_in(self, set: &mut Set, place: usize) {
        set.adopt_text(place, self);
    }
}

#[cfg(test)]
mod tests;
