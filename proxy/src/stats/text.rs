//! `/stats` as lines of text.

use std::fmt::Write;
use std::sync::Arc;

use super::number::{general, shortest};
use super::select::{BOUNDS, Buckets, QUANTILES, Selection};
use super::{Histogram, Kind, Snapshot, Store};

/// Texts first, then counters and gauges together, then histograms, each sorted by name.
pub fn text(store: &Store, selection: &Selection, buckets: Buckets) -> String {
    let mut out = String::new();
    if selection.wants(Kind::TextReadout) {
        for readout in selection.text_readouts(store) {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{}: \"{}\"", readout.name, readout.stat.value());
        }
    }
    for (name, value) in numbers(store, selection) {
        let _ = writeln!(out, "{name}: {value}");
    }
    if selection.wants(Kind::Histogram) {
        for histogram in selection.histograms(store) {
            let shown = histogram_text(&histogram.stat, buckets);
            // What stands on lines of its own has no blank before them.
            let gap = if shown.starts_with('\n') { "" } else { " " };
            let _ = writeln!(out, "{}:{gap}{shown}", histogram.name);
        }
    }
    out
}

/// Counters and gauges in one list, sorted by name.
pub(super) fn numbers(store: &Store, selection: &Selection) -> Vec<(Arc<str>, u64)> {
    let mut numbers = Vec::new();
    if selection.wants(Kind::Counter) {
        let counters = selection.counters(store).into_iter();
        numbers.extend(counters.map(|counter| (counter.name, counter.stat.value())));
    }
    if selection.wants(Kind::Gauge) {
        let gauges = selection.gauges(store).into_iter();
        numbers.extend(gauges.map(|gauge| (gauge.name, gauge.stat.value())));
    }
    numbers.sort_unstable();
    numbers
}

/// What each of Envoy's bounds counts.
pub(super) fn bounded(snapshot: &Snapshot, buckets: Buckets) -> [u64; BOUNDS.len()] {
    let mut below = 0;
    BOUNDS.map(|bound| {
        let count = snapshot.count_to(bound);
        let before = std::mem::replace(&mut below, count);
        if buckets == Buckets::Disjoint { count - before } else { count }
    })
}

fn histogram_text(histogram: &Histogram, buckets: Buckets) -> String {
    if !histogram.is_used() {
        return String::from("No recorded values");
    }
    let (interval, cumulative) = (histogram.interval(), histogram.cumulative());
    match buckets {
        Buckets::Summary => summary(&interval, &cumulative),
        Buckets::Cumulative | Buckets::Disjoint => {
            let counts = bounded(&interval, buckets).into_iter().zip(bounded(&cumulative, buckets));
            let parts = BOUNDS.into_iter().zip(counts);
            let parts = parts.map(|(bound, (interval, cumulative))| {
                format!("B{}({interval},{cumulative})", general(bound))
            });
            parts.collect::<Vec<_>>().join(" ")
        }
        Buckets::Detailed => format!(
            "\n  totals={}\n  intervals={}\n  summary={}",
            bins(&cumulative),
            bins(&interval),
            summary(&interval, &cumulative)
        ),
    }
}

fn summary(interval: &Snapshot, cumulative: &Snapshot) -> String {
    let values = interval.quantiles(QUANTILES).into_iter().zip(cumulative.quantiles(QUANTILES));
    let parts = QUANTILES.into_iter().zip(values).map(|(quantile, (interval, cumulative))| {
        format!("P{}({},{})", general(quantile * 100.0), shortest(interval), shortest(cumulative))
    });
    parts.collect::<Vec<_>>().join(" ")
}

fn bins(snapshot: &Snapshot) -> String {
    let parts = snapshot
        .bins()
        .map(|(left, width, count)| format!("{},{}:{count}", shortest(left), shortest(width)));
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
