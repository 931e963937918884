//! `/stats/prometheus`: Prometheus' text form, with Envoy's names and labels.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::number::{precise, shortest};
use super::select::{BOUNDS, QUANTILES, Selection};
use super::tags::{Tagged, extract};
use super::text::bounded;
use super::{Buckets, Histogram, Named, Store};

/// What is particular to this form.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// `text_readouts`: show texts, as gauges that are 1 and have the text for a label.
    pub text_readouts: bool,
    /// `histogram_buckets=summary`: quantiles in place of buckets.
    pub summaries: bool,
    /// `help`: a HELP line for each metric whose meaning is known. Envoy has none.
    pub help: bool,
}

/// Counters, gauges, texts and histograms, in this order, each sorted by what is left of their names.
pub fn prometheus(store: &Store, selection: &Selection, options: Options) -> String {
    let mut page = Page { out: String::new(), help: options.help };
    page.kind("counter", &selection.counters(store), |out, metric, labels, counter| {
        sample(out, metric, labels, counter.value());
    });
    page.kind("gauge", &selection.gauges(store), |out, metric, labels, gauge| {
        sample(out, metric, labels, gauge.value());
    });
    if options.text_readouts {
        page.kind("gauge", &selection.text_readouts(store), |out, metric, labels, readout| {
            let value = escape(&readout.value());
            sample(out, metric, &with(labels, "text_value", &value), 1);
        });
    }
    let histograms = selection.histograms(store);
    if options.summaries {
        page.kind("summary", &histograms, quantiles);
    } else {
        page.kind("histogram", &histograms, buckets);
    }
    page.out
}

struct Page {
    out: String,
    help: bool,
}

// === impl Page ===

impl Page {
    fn kind<T>(&mut self, kind: &str, stats: &[Named<T>], each: fn(&mut String, &str, &str, &T)) {
        let mut metrics: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for named in stats {
            let Tagged { name, labels } = extract(&named.name);
            metrics.entry(name).or_default().push((labels, named));
        }
        for (name, members) in metrics {
            let metric = format!("envoy_{}", sanitize(&name));
            let help = members.first().map_or("", |(_, named)| named.help);
            if self.help && !help.is_empty() {
                let help = help.replace('\\', r"\\");
                let _ = writeln!(self.out, "# HELP {metric} {help}");
            }
            let _ = writeln!(self.out, "# TYPE {metric} {kind}");
            for (labels, named) in members {
                let labels = labels.into_iter();
                let labels =
                    labels.map(|(name, value)| format!("envoy_{name}=\"{}\"", escape(value)));
                each(&mut self.out, &metric, &labels.collect::<Vec<_>>().join(","), &named.stat);
            }
        }
    }
}

fn buckets(out: &mut String, metric: &str, labels: &str, histogram: &Histogram) {
    let snapshot = histogram.cumulative();
    let bucket = format!("{metric}_bucket");
    for (bound, count) in BOUNDS.into_iter().zip(bounded(&snapshot, Buckets::Cumulative)) {
        sample(out, &bucket, &with(labels, "le", &precise(bound)), count);
    }
    sample(out, &bucket, &with(labels, "le", "+Inf"), snapshot.count());
    totals(out, metric, labels, histogram);
}

fn quantiles(out: &mut String, metric: &str, labels: &str, histogram: &Histogram) {
    let values = histogram.cumulative().quantiles(QUANTILES);
    for (quantile, value) in QUANTILES.into_iter().zip(values) {
        sample(out, metric, &with(labels, "quantile", &shortest(quantile)), precise(value));
    }
    totals(out, metric, labels, histogram);
}

fn totals(out: &mut String, metric: &str, labels: &str, histogram: &Histogram) {
    let snapshot = histogram.cumulative();
    sample(out, &format!("{metric}_sum"), labels, precise(snapshot.sum()));
    sample(out, &format!("{metric}_count"), labels, snapshot.count());
}

fn sample(out: &mut String, metric: &str, labels: &str, value: impl std::fmt::Display) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{metric}{{{labels}}} {value}");
}

fn with(labels: &str, name: &str, value: &str) -> String {
    let comma = if labels.is_empty() { "" } else { "," };
    format!("{labels}{comma}{name}=\"{value}\"")
}

/// Whatever Prometheus has no room for in a name becomes an underscore.
fn sanitize(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

fn escape(value: &str) -> String {
    value.replace('\\', r"\\").replace('\n', r"\n").replace('"', "\\\"")
}

#[cfg(test)]
mod tests;
