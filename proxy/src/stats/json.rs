//! `/stats?format=json`.

use serde_json::json;

use super::number::compact;
use super::select::{BOUNDS, Buckets, QUANTILES, Selection};
use super::text::{bounded, numbers};
use super::{Histogram, Kind, Named, Snapshot, Store};

/// One object in the order of the text form; all histograms are its last entry.
pub fn json(store: &Store, selection: &Selection, buckets: Buckets) -> String {
    let mut entries = Vec::new();
    if selection.wants(Kind::TextReadout) {
        for readout in selection.text_readouts(store) {
            let value = quoted(&readout.stat.value());
            entries.push(object([("name", quoted(&readout.name)), ("value", value)]));
        }
    }
    for (name, value) in numbers(store, selection) {
        entries.push(object([("name", quoted(&name)), ("value", value.to_string())]));
    }
    if selection.wants(Kind::Histogram) {
        let histograms = selection.histograms(store);
        if !histograms.is_empty() {
            entries.push(object([("histograms", all_histograms(&histograms, buckets))]));
        }
    }
    object([("stats", array(entries))])
}

fn all_histograms(histograms: &[Named<Histogram>], buckets: Buckets) -> String {
    let each = histograms.iter().map(|named| {
        let (interval, cumulative) = (named.stat.interval(), named.stat.cumulative());
        let name = ("name", quoted(&named.name));
        match buckets {
            Buckets::Summary => object([name, ("values", quantiles(&interval, &cumulative))]),
            Buckets::Cumulative | Buckets::Disjoint => {
                object([name, ("buckets", bounds(&interval, &cumulative, buckets))])
            }
            Buckets::Detailed => object([
                name,
                ("totals", bins(&cumulative)),
                ("intervals", bins(&interval)),
                ("percentiles", quantiles(&interval, &cumulative)),
            ]),
        }
    });
    let each = array(each);
    let supported = array(QUANTILES.map(|quantile| compact(quantile * 100.0)));
    match buckets {
        Buckets::Summary => {
            object([("supported_quantiles", supported), ("computed_quantiles", each)])
        }
        Buckets::Cumulative | Buckets::Disjoint => each,
        Buckets::Detailed => object([("supported_percentiles", supported), ("details", each)]),
    }
}

fn quantiles(interval: &Snapshot, cumulative: &Snapshot) -> String {
    let values = interval.quantiles(QUANTILES).into_iter().zip(cumulative.quantiles(QUANTILES));
    array(values.map(|(interval, cumulative)| {
        object([("cumulative", compact(cumulative)), ("interval", compact(interval))])
    }))
}

fn bounds(interval: &Snapshot, cumulative: &Snapshot, buckets: Buckets) -> String {
    let counts = bounded(interval, buckets).into_iter().zip(bounded(cumulative, buckets));
    array(BOUNDS.into_iter().zip(counts).map(|(bound, (interval, cumulative))| {
        object([
            ("upper_bound", compact(bound)),
            ("interval", interval.to_string()),
            ("cumulative", cumulative.to_string()),
        ])
    }))
}

fn bins(snapshot: &Snapshot) -> String {
    array(snapshot.bins().map(|(left, width, count)| {
        object([
            ("lower_bound", compact(left)),
            ("width", compact(width)),
            ("count", count.to_string()),
        ])
    }))
}

// Written here and not by a library, because the order of keys and the form of numbers are Envoy's.

fn object<const N: usize>(fields: [(&str, String); N]) -> String {
    let fields = fields.map(|(name, value)| format!("\"{name}\":{value}"));
    format!("{{{}}}", fields.join(","))
}

fn array(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(","))
}

fn quoted(text: &str) -> String {
    json!(text).to_string()
}

#[cfg(test)]
mod tests;
