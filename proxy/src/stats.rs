//! Counters, gauges and histograms under Envoy's names, and how they are printed.
//!
//! A subsystem declares its stats once with `stats!`, registers them under a [`Scope`] when its
//! configuration is applied, and holds the handles: no name is looked up or built while a request runs.

mod cells;
mod counter;
mod define;
mod flow;
mod gauge;
mod histogram;
mod json;
mod number;
mod prometheus;
mod readout;
mod scope;
mod select;
mod set;
mod store;
mod tags;
mod tally;
mod text;

pub use self::counter::Counter;
pub(crate) use self::define::stats;
pub use self::define::{Definition, Kind, Unit};
pub use self::flow::FlowStats;
pub use self::gauge::{Gauge, GaugeGuard};
pub use self::histogram::{Histogram, Snapshot};
pub use self::json::json;
pub use self::prometheus::{Options as PrometheusOptions, prometheus};
pub use self::readout::TextReadout;
pub use self::scope::{Declared, Scope};
pub use self::select::{Buckets, Selection, filter};
pub use self::set::Set;
pub use self::store::{Named, Stat, Store, Tables};
pub use self::tally::Tally;
pub use self::text::text;
