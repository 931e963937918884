//! All stats of one process, by name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Counter, Gauge, Histogram, Scope, TextReadout};

/// Every stat there is. Locked only when a stat is created or the list is read, never to count.
#[derive(Clone, Debug, Default)]
pub struct Store(Arc<Tables>);

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
    /// The table of this kind.
    fn table(store: &Store) -> &Table<Self>;
}

/// All stats of one kind, by name.
#[derive(Debug)]
pub struct Table<T>(Mutex<BTreeMap<Arc<str>, (T, &'static str)>>);

#[derive(Debug, Default)]
struct Tables {
    counters: Table<Counter>,
    gauges: Table<Gauge>,
    histograms: Table<Histogram>,
    text_readouts: Table<TextReadout>,
}

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
        self.0.counters.list()
    }

    /// All gauges, sorted by name.
    pub fn gauges(&self) -> Vec<Named<Gauge>> {
        self.0.gauges.list()
    }

    /// All histograms, sorted by name.
    pub fn histograms(&self) -> Vec<Named<Histogram>> {
        self.0.histograms.list()
    }

    /// All texts, sorted by name.
    pub fn text_readouts(&self) -> Vec<Named<TextReadout>> {
        self.0.text_readouts.list()
    }

    /// Ends an interval of every histogram; to be called each 5 s (Envoy's default `stats_flush_interval`).
    /// What a histogram shows is its state at the last flush.
    pub fn flush(&self) {
        for histogram in self.histograms() {
            histogram.stat.flush();
        }
    }

    /// Sets every counter to zero (`/reset_counters`); everything else stays.
    pub fn reset(&self) {
        for counter in self.counters() {
            counter.stat.reset();
        }
    }
}

// === impl Stat ===

impl Stat for Counter {
    fn table(store: &Store) -> &Table<Self> {
        &store.0.counters
    }
}

impl Stat for Gauge {
    fn table(store: &Store) -> &Table<Self> {
        &store.0.gauges
    }
}

impl Stat for Histogram {
    fn table(store: &Store) -> &Table<Self> {
        &store.0.histograms
    }
}

impl Stat for TextReadout {
    fn table(store: &Store) -> &Table<Self> {
        &store.0.text_readouts
    }
}

// === impl Table ===

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone + Default> Table<T> {
    /// The stat of that name, made now if it is new.
    pub(super) fn get(&self, name: String, help: &'static str) -> T {
        let mut table = lock(&self.0);
        if let Some((stat, _)) = table.get(name.as_str()) {
            return stat.clone();
        }
        let stat = T::default();
        table.insert(name.into(), (stat.clone(), help));
        stat
    }

    fn list(&self) -> Vec<Named<T>> {
        let table = lock(&self.0);
        let entries = table.iter();
        entries
            .map(|(name, (stat, help))| Named { name: Arc::clone(name), stat: stat.clone(), help })
            .collect()
    }
}

/// No code that holds these locks can leave a table half changed, so a panic elsewhere does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
