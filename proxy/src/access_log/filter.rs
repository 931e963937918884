//! `envoy.config.accesslog.v3.AccessLogFilter`, read once: which streams a log is about.

use http::HeaderValue;
use http::header::{HOST, HeaderName};
use http::request;

use crate::base::random;
use crate::config::access_log::{self as config, Comparison, LogType};
use crate::config::matcher::{HeaderField, HeaderMatcher};
use crate::config::route::Fraction;
use crate::formatter::{Names, Notes, Place};
use crate::message::grpc;
use crate::message::headers::{X_FORWARDED_PROTO, X_REQUEST_ID};
use crate::stream_info::{Flag, Protocol, StreamInfo};

/// How many digits of a request's id decide about runtime filters.
const ID_DIGITS: usize = 8;

/// A filter. What it asks of heads is noted while they pass by, as what formats print is.
#[derive(Debug)]
pub enum Filter {
    /// `status_code_filter`.
    StatusCode(Comparison),
    /// `duration_filter`.
    Duration(Comparison),
    /// `response_flag_filter`.
    ResponseFlag(Vec<Flag>),
    /// `and_filter`.
    And(Vec<Self>),
    /// `or_filter`.
    Or(Vec<Self>),
    /// `not_health_check_filter`.
    NotHealthCheck,
    /// `header_filter`, by its place among the conditions.
    Header(usize),
    /// `runtime_filter`; where the request's id is, unless it does not count.
    Runtime(Fraction, Option<Place>),
    /// `grpc_status_filter`; where the status is, first of trailers, then of the head.
    GrpcStatus(Vec<u32>, bool, [Place; 2]),
    /// `log_type_filter`.
    LogType(Vec<LogType>, bool),
    /// `traceable_filter`.
    Traceable,
}

/// What filters ask of a request's head: the same list for all of a connection manager.
#[derive(Debug, Default)]
pub struct Conditions(Vec<HeaderMatcher>);

// === impl Filter ===

impl Filter {
    /// A filter; what it looks at goes into `names` and `conditions`.
    pub fn new(config: &config::Filter, names: &mut Names, conditions: &mut Conditions) -> Self {
        let mut all = |filters: &[config::Filter]| {
            filters.iter().map(|filter| Self::new(filter, names, conditions)).collect()
        };
        match config {
            config::Filter::And(filters) => Self::And(all(filters)),
            config::Filter::Or(filters) => Self::Or(all(filters)),
            config::Filter::StatusCode(comparison) => Self::StatusCode(*comparison),
            config::Filter::Duration(comparison) => Self::Duration(*comparison),
            config::Filter::ResponseFlag(flags) => Self::ResponseFlag(flags.clone()),
            config::Filter::NotHealthCheck => Self::NotHealthCheck,
            config::Filter::Header(matcher) => {
                conditions.0.push((**matcher).clone());
                Self::Header(conditions.0.len() - 1)
            }
            config::Filter::Runtime(fraction, independent) => {
                let id = (!independent).then(|| names.request_header(X_REQUEST_ID));
                Self::Runtime(*fraction, id)
            }
            config::Filter::GrpcStatus(statuses, exclude) => {
                let places = [names.trailer(grpc::GRPC_STATUS), names.response(grpc::GRPC_STATUS)];
                Self::GrpcStatus(statuses.clone(), *exclude, places)
            }
            config::Filter::LogType(types, exclude) => Self::LogType(types.clone(), *exclude),
            config::Filter::Traceable => Self::Traceable,
        }
    }

    /// Whether the stream is one of those; `notes` are of its heads.
    pub fn takes(&self, info: &StreamInfo, notes: &Notes) -> bool {
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
            Self::And(filters) => filters.iter().all(|filter| filter.takes(info, notes)),
            Self::Or(filters) => filters.iter().any(|filter| filter.takes(info, notes)),
            Self::NotHealthCheck => !info.health_check,
            Self::Header(place) => notes.is_met(*place),
            Self::Runtime(fraction, id) => {
                let number = id.and_then(|place| id_number(notes.get(place)?.as_bytes()));
                fraction.includes(number.unwrap_or_else(random::number))
            }
            Self::GrpcStatus(statuses, exclude, places) => {
                let said = places.iter().find_map(|place| notes.get(*place));
                let status = said.map(|value| grpc::status(value.as_bytes()));
                let mapped = || info.response_code.map_or(grpc::UNKNOWN, grpc::status_of);
                let status = status.unwrap_or_else(|| Some(mapped()));
                status.is_some_and(|status| statuses.contains(&status)) != *exclude
            }
            Self::LogType(types, exclude) => {
                let kind = match info.protocol {
                    Protocol::Tcp => LogType::TcpConnectionEnd,
                    Protocol::Http10 | Protocol::Http11 | Protocol::Http2 => LogType::DownstreamEnd,
                };
                types.contains(&kind) != *exclude
            }
            Self::Traceable => false,
        }
    }
}

// === impl Conditions ===

impl Conditions {
    /// Notes which of them a request's head meets, as it is then.
    pub fn note(&self, notes: &mut Notes, head: &request::Parts) {
        if !self.0.is_empty() {
            notes.note_met(self.0.iter().map(|matcher| is_met(matcher, head)));
        }
    }
}

fn is_met(matcher: &HeaderMatcher, head: &request::Parts) -> bool {
    let one = |value: Option<&[u8]>| matcher.matches(value);
    let header = |name: &HeaderName| {
        matcher.matches(head.headers.get_all(name).iter().map(HeaderValue::as_bytes))
    };
    match &matcher.field {
        HeaderField::Method => one(Some(head.method.as_str().as_bytes())),
        HeaderField::Path => one(head.uri.path_and_query().map(|path| path.as_str().as_bytes())),
        HeaderField::Authority => match head.uri.authority() {
            Some(authority) => one(Some(authority.as_str().as_bytes())),
            None => header(&HOST),
        },
        HeaderField::Scheme => match head.uri.scheme_str() {
            Some(scheme) => one(Some(scheme.as_bytes())),
            None => {
                one(Some(head.headers.get(X_FORWARDED_PROTO).map_or(b"http", |it| it.as_bytes())))
            }
        },
        HeaderField::Named(name) => header(name),
        HeaderField::Impossible(_) => one(None),
    }
}

/// The number that the id of a request stands for; none if it does not begin with hexadecimal digits.
fn id_number(id: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(id.get(..ID_DIGITS)?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}
