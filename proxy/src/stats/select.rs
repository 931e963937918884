//! Which stats to print, and how much of each histogram.

use regex::{Regex, RegexBuilder};

use super::{Counter, Gauge, Histogram, Kind, Named, Store, TextReadout};

/// What a compiled filter may take: an expression is the caller's, memory is ours.
const FILTER_LIMIT: usize = 1 << 20;

/// Which stats to print.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// `usedonly`: leave out what was never touched.
    pub used_only: bool,
    /// `filter`: names that the expression finds something in; none is all.
    pub filter: Option<Regex>,
    /// `invert_filter`: names that it finds nothing in instead.
    pub invert: bool,
    /// `type`: one kind; none is all. Prometheus' form knows no such choice.
    pub kind: Option<Kind>,
}

/// `histogram_buckets`: what to print of a histogram.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Buckets {
    /// Values at ten quantiles.
    #[default]
    Summary,
    /// For each of Envoy's bounds, how many values are not above it.
    Cumulative,
    /// For each of Envoy's bounds, how many values are not above it but above the one before.
    Disjoint,
    /// Every bin, and the quantiles.
    Detailed,
}

/// The bounds of buckets that Envoy prints.
pub(super) const BOUNDS: [f64; 19] = [
    0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 1e4, 3e4, 6e4, 3e5, 6e5,
    1.8e6, 3.6e6,
];

/// The quantiles that Envoy prints.
pub(super) const QUANTILES: [f64; 10] = [0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1.0];

/// What the library calls a mistake, and what Envoy's does.
const MISTAKES: [(&str, &str); 5] = [
    ("unclosed group", "missing )"),
    ("unopened group", "unexpected )"),
    ("unclosed character class", "missing ]"),
    ("repetition operator missing expression", "no argument for repetition operator"),
    ("unrecognized escape sequence", "invalid escape sequence"),
];

/// Reads a `filter`.
///
/// # Errors
/// What is wrong with the expression, in a few words.
pub fn filter(expression: &str) -> Result<Regex, String> {
    let limited = RegexBuilder::new(expression).size_limit(FILTER_LIMIT).build();
    limited.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            format!("pattern too large - compile failed: {expression}")
        }
        // The library draws the expression with a mark below the place; its last line says what is wrong.
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let known = MISTAKES.iter().find(|(ours, _)| *ours == last);
            format!("{}: {expression}", known.map_or(last, |(_, theirs)| theirs))
        }
    })
}

// === impl Selection ===

impl Selection {
    pub(super) fn counters(&self, store: &Store) -> Vec<Named<Counter>> {
        self.only(store.counters(), Counter::is_used)
    }

    pub(super) fn gauges(&self, store: &Store) -> Vec<Named<Gauge>> {
        self.only(store.gauges(), Gauge::is_used)
    }

    pub(super) fn histograms(&self, store: &Store) -> Vec<Named<Histogram>> {
        self.only(store.histograms(), Histogram::is_used)
    }

    pub(super) fn text_readouts(&self, store: &Store) -> Vec<Named<TextReadout>> {
        self.only(store.text_readouts(), TextReadout::is_used)
    }

    /// Whether a kind is asked for.
    pub(super) fn wants(&self, kind: Kind) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
    }

    fn only<T>(&self, mut stats: Vec<Named<T>>, is_used: fn(&T) -> bool) -> Vec<Named<T>> {
        stats.retain(|named| {
            (!self.used_only || is_used(&named.stat))
                && self
                    .filter
                    .as_ref()
                    .is_none_or(|filter| filter.is_match(&named.name) != self.invert)
        });
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn a_filter_that_cannot_be_read_is_explained() {
        assert!(filter("cluster\\..*").is_ok());
        assert_eq!(filter("(").unwrap_err(), "missing ): (");
        assert_eq!(filter("a)").unwrap_err(), "unexpected ): a)");
        assert_eq!(filter("*").unwrap_err(), "no argument for repetition operator: *");
        assert_eq!(filter("[z").unwrap_err(), "missing ]: [z");
        assert_eq!(filter("\\y").unwrap_err(), "invalid escape sequence: \\y");
        let huge = filter("(?:a{1000}){1000}").unwrap_err();
        assert!(huge.starts_with("pattern too large"), "{huge}");
    }
}
