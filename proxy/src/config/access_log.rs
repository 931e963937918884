//! One line per request, and where it goes: `envoy.extensions.access_loggers.*`.

use std::path::PathBuf;

use crate::stream_info::{Flag, StreamInfo};

/// One access log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessLog {
    /// Where the lines go.
    pub sink: Sink,
    /// `log_format.text_format_source.inline_string`; none is Envoy's default format.
    pub format: Option<String>,
}

/// Where the lines go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Sink {
    /// `envoy.access_loggers.file`; `/dev/stdout` and `/dev/stderr` are ordinary files here, as in Envoy.
    File(PathBuf),
    /// `envoy.access_loggers.stdout`.
    Stdout,
    /// `envoy.access_loggers.stderr`.
    Stderr,
}

/// `envoy.config.accesslog.v3.AccessLogFilter`: which streams are meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Filter {
    /// `status_code_filter`.
    StatusCode(Comparison),
    /// `duration_filter`, in milliseconds.
    Duration(Comparison),
    /// `response_flag_filter`: these flags; none of them named is any.
    ResponseFlag(Vec<Flag>),
    /// `and_filter`.
    And(Vec<Self>),
    /// `or_filter`.
    Or(Vec<Self>),
    /// `not_health_check_filter`: those that the health check filter does not take for one.
    NotHealthCheck,
}

/// `envoy.config.accesslog.v3.ComparisonFilter`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Comparison {
    /// `EQ`.
    Equal(u64),
    /// `GE`.
    AtLeast(u64),
    /// `LE`.
    AtMost(u64),
    /// `NE`.
    Other(u64),
}

// === impl Filter ===

impl Filter {
    /// Whether the stream is one of those.
    pub fn takes(&self, info: &StreamInfo) -> bool {
        match self {
            Self::StatusCode(comparison) => {
                comparison.holds(u64::from(info.response_code.unwrap_or_default()))
            }
            Self::Duration(comparison) => {
                let duration = info.duration.unwrap_or_else(|| info.start.elapsed());
                comparison.holds(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
            }
            Self::ResponseFlag(flags) if flags.is_empty() => !info.flags.is_empty(),
            Self::ResponseFlag(flags) => flags.iter().any(|flag| info.flags.has(*flag)),
            Self::And(filters) => filters.iter().all(|filter| filter.takes(info)),
            Self::Or(filters) => filters.iter().any(|filter| filter.takes(info)),
            Self::NotHealthCheck => !info.health_check,
        }
    }
}

// === impl Comparison ===

impl Comparison {
    fn holds(self, value: u64) -> bool {
        match self {
            Self::Equal(bound) => value == bound,
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
            Self::Other(bound) => value != bound,
        }
    }
}
