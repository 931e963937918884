//! The stats of one struct under one prefix: their names are made when somebody asks for them, and not kept.

use super::cells::{Run, Slot};
use super::{Definition, Histogram, Kind, TextReadout};

/// The stats that one `stats!` struct declares under one prefix, each known by its place among the definitions.
#[derive(Debug)]
pub struct Set {
    definitions: &'static [Definition],
    /// One for each definition. The few that are neither counter nor gauge leave theirs alone.
    numbers: Run,
    /// Apart, because most sets have none of it.
    rest: Option<Box<Rest>>,
}

/// What a set has beside its own numbers.
#[derive(Debug, Default)]
struct Rest {
    histograms: Vec<(usize, Histogram)>,
    texts: Vec<(usize, TextReadout)>,
    /// Numbers that were made by name before the struct declared them, in place of the set's own.
    adopted: Vec<(usize, Slot)>,
}

// === impl Set ===

impl Set {
    /// New stats for these definitions.
    pub(super) fn new(definitions: &'static [Definition]) -> Self {
        let mut set = Self { definitions, numbers: Run::new(definitions.len()), rest: None };
        for (place, definition) in definitions.iter().enumerate() {
            match definition.kind {
                Kind::Counter | Kind::Gauge => {}
                Kind::Histogram => set.rest().histograms.push((place, Histogram::default())),
                Kind::TextReadout => set.rest().texts.push((place, TextReadout::default())),
            }
        }
        set
    }

    /// What it declares, in order.
    pub fn definitions(&self) -> &'static [Definition] {
        self.definitions
    }

    /// Its histograms, in the order of their definitions.
    pub(super) fn histograms(&self) -> impl Iterator<Item = &Histogram> {
        self.rest.iter().flat_map(|rest| &rest.histograms).map(|(_, histogram)| histogram)
    }

    pub(super) fn number(&self, place: usize) -> Slot {
        let mut adopted = self.rest.iter().flat_map(|rest| &rest.adopted);
        let adopted = adopted.find(|(at, _)| *at == place);
        adopted.map_or_else(|| self.numbers.slot(place), |(_, slot)| *slot)
    }

    pub(super) fn histogram(&self, place: usize) -> Option<Histogram> {
        find(&self.rest.as_ref()?.histograms, place)
    }

    pub(super) fn text(&self, place: usize) -> Option<TextReadout> {
        find(&self.rest.as_ref()?.texts, place)
    }

    pub(super) fn adopt_number(&mut self, place: usize, slot: Slot) {
        self.rest().adopted.push((place, slot));
    }

    pub(super) fn adopt_histogram(&mut self, place: usize, histogram: Histogram) {
        replace(&mut self.rest().histograms, place, histogram);
    }

    pub(super) fn adopt_text(&mut self, place: usize, text: TextReadout) {
        replace(&mut self.rest().texts, place, text);
    }

    fn rest(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }
}

fn find<T: Clone>(list: &[(usize, T)], place: usize) -> Option<T> {
    list.iter().find(|(at, _)| *at == place).map(|(_, stat)| stat.clone())
}

fn replace<T>(list: &mut [(usize, T)], place: usize, stat: T) {
    if let Some((_, own)) = list.iter_mut().find(|(at, _)| *at == place) {
        *own = stat;
    }
}
