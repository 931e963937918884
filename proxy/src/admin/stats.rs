//! `/stats` and `/stats/prometheus`.

use super::Parts;
use super::home;
use super::page::Page;
use super::query::Query;
use crate::stats::{self, Buckets, Kind, PrometheusOptions, Selection};

/// All parameters but the format, as they were read.
struct Wanted {
    selection: Selection,
    buckets: Form,
}

/// `histogram_buckets`, as it was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    /// Not given, or `none`.
    Default,
    Given(Buckets),
    /// Prometheus' own histograms, which need its binary form.
    Native,
}

/// Stats as text, JSON, HTML or for Prometheus.
pub(super) fn stats(parts: &Parts, query: &Query) -> Page {
    let wanted = match Wanted::read(query) {
        Ok(wanted) => wanted,
        Err(page) => return page,
    };
    let store = &parts.store;
    let (selection, buckets) = (&wanted.selection, wanted.buckets);
    match query.get("format") {
        Some("prometheus") => for_prometheus(parts, query, &wanted),
        None | Some("text" | "json" | "html" | "active-html") if buckets == Form::Native => {
            Page::bad_request("Invalid histogram_buckets type for non prometheus stats type")
        }
        None | Some("text") => Page::text(stats::text(store, selection, buckets.plain())),
        Some("json") => Page::json(stats::json(store, selection, buckets.plain())),
        Some("html" | "active-html") => {
            Page::html(home::stats(&stats::text(store, selection, buckets.plain()), query))
        }
        Some(_) => {
            Page::bad_request("usage: /stats?format=(html|active-html|json|prometheus|text)\n\n")
        }
    }
}

/// Stats for Prometheus.
pub(super) fn prometheus(parts: &Parts, query: &Query) -> Page {
    match Wanted::read(query) {
        Ok(wanted) => for_prometheus(parts, query, &wanted),
        Err(page) => page,
    }
}

fn for_prometheus(parts: &Parts, query: &Query, wanted: &Wanted) -> Page {
    let summaries = match wanted.buckets {
        Form::Default | Form::Given(Buckets::Cumulative) => false,
        Form::Given(Buckets::Summary) => true,
        Form::Given(Buckets::Disjoint | Buckets::Detailed) => {
            return Page::bad_request("unsupported prometheus histogram bucket mode");
        }
        Form::Native => {
            return Page::bad_request(
                "unsupported prometheusnative histogram type when not using protobuf exposition format",
            );
        }
    };
    let options = PrometheusOptions {
        text_readouts: query.has("text_readouts"),
        summaries,
        help: query.has("help"),
    };
    Page::text(stats::prometheus(&parts.store, &wanted.selection, options))
}

// === impl Wanted ===

impl Wanted {
    fn read(query: &Query) -> Result<Self, Page> {
        let filter = query.regex("filter")?;
        let buckets = match query.get("histogram_buckets") {
            None | Some("none") => Form::Default,
            Some("summary") => Form::Given(Buckets::Summary),
            Some("cumulative") => Form::Given(Buckets::Cumulative),
            Some("disjoint") => Form::Given(Buckets::Disjoint),
            Some("detailed") => Form::Given(Buckets::Detailed),
            Some("prometheusnative") => Form::Native,
            Some(_) => {
                return Err(Page::bad_request(
                    "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary|prometheusnative)\n",
                ));
            }
        };
        let kind = match query.get("type") {
            None | Some("All") => None,
            Some("Counters") => Some(Kind::Counter),
            Some("Gauges") => Some(Kind::Gauge),
            Some("Histograms") => Some(Kind::Histogram),
            Some("TextReadouts") => Some(Kind::TextReadout),
            Some(_) => return Err(Page::bad_request("invalid &type= param")),
        };
        let selection = Selection {
            used_only: query.has("usedonly"),
            filter,
            invert: query.has("invert_filter"),
            kind,
        };
        Ok(Self { selection, buckets })
    }
}

// === impl Form ===

impl Form {
    fn plain(self) -> Buckets {
        match self {
            Self::Given(buckets) => buckets,
            Self::Default | Self::Native => Buckets::default(),
        }
    }
}
