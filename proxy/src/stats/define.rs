//! The one way to declare a subsystem's stats: a struct whose fields are the stats.

use std::fmt;

/// What a stats struct says about one of its fields, for HELP lines and generated documentation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Definition {
    /// The stat's name below its scope: the field's name, mostly.
    pub name: &'static str,
    /// Counter, gauge, histogram or text.
    pub kind: Kind,
    /// The field's documentation, one line.
    pub help: &'static str,
    /// What a histogram's values are measured in.
    pub unit: Unit,
}

/// The kinds of stats there are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution of values.
    Histogram,
    /// A text.
    TextReadout,
}

/// What the values of a histogram are measured in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Unit {
    /// A plain number.
    #[default]
    Unspecified,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Bytes.
    Bytes,
}

// === impl Kind ===

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::TextReadout => "text readout",
        })
    }
}

/// Declares a struct of stat handles.
///
/// Each field's name is the stat's name, spelled once, and its documentation is the stat's help line. A stat deeper below
/// the struct's scope says its name there with `as`:
///
/// ```text
/// stats! {
///     /// Stats of one upstream cluster, under `cluster.<name>.`
///     pub struct ClusterStats {
///         /// Connections ever opened
///         upstream_cx_total: Counter,
///         /// Connections open now
///         upstream_cx_active: Gauge,
///         /// Time to connect
///         upstream_cx_connect_ms: Histogram<Millis>,
///         /// Whether the connection breaker is open
///         cx_open as "circuit_breakers.default.cx_open": Gauge,
///     }
/// }
/// ```
///
/// The struct is `Clone` and `Debug`, has fields as visible as itself, `register(&Scope) -> Self` and `DEFINITIONS`.
macro_rules! stats {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident {
            $( $(#[doc = $help:literal])+ $field:ident $(as $name_below:literal)? : $kind:ident $(<$unit:ident>)? ),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug)]
        $visibility struct $name {
            $( $(#[doc = $help])+ $visibility $field: $crate::stats::$kind, )+
        }

        impl $name {
            /// Name, kind, help and unit of every field, in order.
            $visibility const DEFINITIONS: &'static [$crate::stats::Definition] = &[
                $( $crate::stats::Definition {
                    name: $crate::stats::stats!(@name $field $($name_below)?),
                    kind: $crate::stats::Kind::$kind,
                    help: concat!($($help),+).trim_ascii(),
                    unit: $crate::stats::stats!(@unit $($unit)?),
                }, )+
            ];

            /// Creates the stats under `scope`; where they exist already, the handles are the same ones.
            $visibility fn register(scope: &$crate::stats::Scope) -> Self {
                let mut declared = scope.declare(Self::DEFINITIONS);
                Self { $( $field: declared.take(), )+ }
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
    (@unit) => { $crate::stats::Unit::Unspecified };
    (@unit $unit:ident) => { $crate::stats::Unit::$unit };
}

pub(crate) use stats;
