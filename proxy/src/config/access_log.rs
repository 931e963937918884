//! One line per request, and where it goes: `envoy.extensions.access_loggers.*`.

use std::path::PathBuf;

use crate::stream_info::Flag;

use super::matcher::HeaderMatcher;
use super::route::Fraction;
use super::substitution_format::SubstitutionFormat;

/// One access log.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessLog {
    /// Where the lines go.
    pub sink: Sink,
    /// `log_format`; none is Envoy's default format.
    pub format: Option<SubstitutionFormat>,
    /// `filter`: which streams it is about; none is all.
    pub filter: Option<Filter>,
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
    /// `header_filter`: this is true of the request's head.
    Header(Box<HeaderMatcher>),
    /// `runtime_filter`: so many of them, by the request's id, or with `use_independent_randomness` by chance.
    Runtime(Fraction, bool),
    /// `grpc_status_filter`: these statuses, or with `exclude` all others.
    GrpcStatus(Vec<u32>, bool),
    /// `log_type_filter`: lines for these moments, or with `exclude` for all others.
    LogType(Vec<LogType>, bool),
    /// `traceable_filter`: those that are traced. Nothing is, yet.
    Traceable,
}

/// `envoy.data.accesslog.v3.AccessLogType`: for what moment a line is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogType {
    /// `DownstreamEnd`: the end of a stream.
    DownstreamEnd,
    /// `TcpConnectionEnd`: the end of a connection that a TCP proxy carried.
    TcpConnectionEnd,
    /// Any of those for which nothing here writes a line.
    Other,
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

// === impl LogType ===

impl LogType {
    /// That of a name in a file; none is the name of no type.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "NotSet" => None,
            "DownstreamEnd" => Some(Self::DownstreamEnd),
            "TcpConnectionEnd" => Some(Self::TcpConnectionEnd),
            _ => Some(Self::Other),
        }
    }
}

// === impl Comparison ===

impl Comparison {
    /// Whether it is true of a value.
    pub fn holds(self, value: u64) -> bool {
        match self {
            Self::Equal(bound) => value == bound,
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
            Self::Other(bound) => value != bound,
        }
    }
}
