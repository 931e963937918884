//! What can stand between percent signs: one table of name, argument and value.

use std::env;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use http::HeaderName;

use super::format::{FormatError, HeaderNameError};
use super::names::{Field, Names, Notes, Place, query_param, split_query};
use super::time::TimeFormat;
use super::tls;
use crate::base::{clock, random};
use crate::stream_info::{Protocol, StreamInfo};

/// An operator as it is written: `%NAME(ARGUMENT):LENGTH%`.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) name: &'a str,
    /// Empty if it has none.
    pub(super) argument: &'a str,
    pub(super) length: Option<usize>,
}

/// An operator, ready to print.
#[derive(Debug)]
pub(super) enum Operator {
    /// Something about the stream.
    Stream(Value),
    /// When it began.
    Start(TimeFormat),
    /// When the line is written.
    Emit(TimeFormat),
    /// Something of a head, or else something else of it.
    Noted(Option<Place>, Option<Place>),
    /// The path, from the first place that has one; with or without its query.
    Path { places: Vec<Place>, query: bool },
    /// The query.
    Query(Place),
    /// One parameter of the query.
    QueryParam(Place, String),
    /// The same text in each line.
    Fixed(String),
    /// The status of a response's head, or the one that was sent.
    Status,
    /// The body of a reply of our own that is being changed.
    LocalReplyBody,
    /// A new identity each time.
    Unique,
    /// What no stream has.
    Absent,
}

/// Prints something about a stream; none if there is nothing to print.
pub(super) type Value = fn(&mut Vec<u8>, &StreamInfo) -> Option<()>;

/// Operators without argument and length.
const VALUES: &[(&str, Value)] = &[
    ("BYTES_RECEIVED", |line, info| number(line, Some(info.bytes_received))),
    ("BYTES_SENT", |line, info| number(line, Some(info.bytes_sent))),
    ("CONNECTION_TERMINATION_DETAILS", |line, info| {
        text(line, info.termination_details.as_deref())
    }),
    ("DOWNSTREAM_DIRECT_LOCAL_ADDRESS", |line, info| address(line, Some(info.downstream.local))),
    ("DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT", |line, info| {
        ip(line, Some(info.downstream.local))
    }),
    ("DOWNSTREAM_DIRECT_LOCAL_PORT", |line, info| port(line, Some(info.downstream.local))),
    ("DOWNSTREAM_DIRECT_REMOTE_ADDRESS", |line, info| address(line, Some(info.downstream.direct))),
    ("DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", |line, info| {
        ip(line, Some(info.downstream.direct))
    }),
    ("DOWNSTREAM_DIRECT_REMOTE_PORT", |line, info| port(line, Some(info.downstream.direct))),
    ("DOWNSTREAM_LOCAL_ADDRESS", |line, info| address(line, Some(info.downstream.local))),
    ("DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", |line, info| ip(line, Some(info.downstream.local))),
    ("DOWNSTREAM_LOCAL_PORT", |line, info| port(line, Some(info.downstream.local))),
    ("DOWNSTREAM_REMOTE_ADDRESS", |line, info| address(line, Some(info.client))),
    ("DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", |line, info| ip(line, Some(info.client))),
    ("DOWNSTREAM_REMOTE_PORT", |line, info| port(line, Some(info.client))),
    ("DURATION", |line, info| {
        millis(line, Some(info.duration.unwrap_or_else(|| info.start.elapsed())))
    }),
    ("PROTOCOL", |line, info| {
        text(line, Some(info.protocol.as_str()).filter(|_| info.protocol != Protocol::Tcp))
    }),
    ("REQUEST_DURATION", |line, info| millis(line, info.request_duration)),
    ("RESPONSE_CODE", |line, info| number(line, Some(info.response_code.unwrap_or(0)))),
    ("RESPONSE_DURATION", |line, info| millis(line, info.response_duration)),
    ("RESPONSE_FLAGS", |line, info| text(line, Some(&info.flags.short()))),
    ("RESPONSE_FLAGS_LONG", |line, info| text(line, Some(&info.flags.long()))),
    ("RESPONSE_TX_DURATION", |line, info| {
        millis(line, Some(info.duration?.saturating_sub(info.response_duration?)))
    }),
    ("ROUTE_NAME", |line, info| text(line, info.route_name.as_deref())),
    ("UPSTREAM_CLUSTER", |line, info| text(line, info.upstream_cluster.as_deref())),
    ("UPSTREAM_CLUSTER_RAW", |line, info| text(line, info.upstream_cluster.as_deref())),
    ("UPSTREAM_HOST", |line, info| address(line, info.upstream_host)),
    ("UPSTREAM_LOCAL_ADDRESS", |line, info| address(line, info.upstream_local)),
    ("UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", |line, info| ip(line, info.upstream_local)),
    ("UPSTREAM_LOCAL_PORT", |line, info| port(line, info.upstream_local)),
    ("UPSTREAM_REMOTE_ADDRESS", |line, info| address(line, connected(info))),
    ("UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", |line, info| ip(line, connected(info))),
    ("UPSTREAM_REMOTE_PORT", |line, info| port(line, connected(info))),
    ("UPSTREAM_REQUEST_ATTEMPT_COUNT", |line, info| number(line, Some(info.attempts))),
    ("UPSTREAM_TRANSPORT_FAILURE_REASON", |line, info| {
        unspaced(line, info.transport_failure.as_deref())
    }),
];

/// Operators that give a number to JSON.
const NUMERIC: &[&str] = &[
    "BYTES_RECEIVED",
    "BYTES_SENT",
    "DOWNSTREAM_DIRECT_LOCAL_PORT",
    "DOWNSTREAM_DIRECT_REMOTE_PORT",
    "DOWNSTREAM_LOCAL_PORT",
    "DOWNSTREAM_REMOTE_PORT",
    "DURATION",
    "REQUEST_DURATION",
    "RESPONSE_CODE",
    "RESPONSE_DURATION",
    "RESPONSE_TX_DURATION",
    "UPSTREAM_LOCAL_PORT",
    "UPSTREAM_REMOTE_PORT",
    "UPSTREAM_REQUEST_ATTEMPT_COUNT",
];

/// Operators that print nothing here: no table has virtual clusters.
const ABSENT: &[&str] = &["VIRTUAL_CLUSTER_NAME"];

/// Whether the operator of that name gives a number to JSON.
pub(super) fn is_numeric(name: &str) -> bool {
    NUMERIC.contains(&name)
}

// === impl Call ===

impl<'a> Call<'a> {
    /// Reads from a percent sign to the one that ends it; also gives what comes after.
    pub(super) fn read(text: &'a str) -> Option<(Self, &'a str)> {
        let text = text.strip_prefix('%')?;
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let (name, mut rest) = text.split_at(text.find(|c| !is_name(c))?);
        if name.is_empty() {
            return None;
        }
        let mut argument = "";
        if let Some(open) = rest.strip_prefix('(') {
            (argument, rest) = open.split_once(')')?;
        }
        let mut length = None;
        if let Some(colon) = rest.strip_prefix(':') {
            let digits;
            (digits, rest) = colon.split_at(colon.find(|c: char| !c.is_ascii_digit())?);
            length = Some(digits.parse().ok()?);
        }
        Some((Self { name, argument, length }, rest.strip_prefix('%')?))
    }

    fn without_length(&self) -> Result<(), FormatError> {
        self.length.map_or(Ok(()), |_| Err(FormatError::Superfluous(self.name.to_owned())))
    }

    fn bare(&self) -> Result<(), FormatError> {
        self.without_length()?;
        if self.argument.is_empty() {
            return Ok(());
        }
        Err(FormatError::Superfluous(self.name.to_owned()))
    }

    fn required(&self) -> Result<&'a str, FormatError> {
        if self.argument.is_empty() {
            return Err(FormatError::NeedsArgument(self.name.to_owned()));
        }
        Ok(self.argument)
    }
}

// === impl Operator ===

impl Operator {
    /// Makes sense of a call.
    pub(super) fn new(call: &Call<'_>, names: &mut Names) -> Result<Self, FormatError> {
        if let Some((_, value)) = VALUES.iter().find(|(name, _)| *name == call.name) {
            call.bare()?;
            return Ok(Self::Stream(*value));
        }
        if let Some(value) = tls::value(call.name) {
            call.bare()?;
            return Ok(Self::Stream(value));
        }
        if ABSENT.contains(&call.name) {
            call.bare()?;
            return Ok(Self::Absent);
        }
        match call.name {
            "START_TIME" => time(call).map(Self::Start),
            "EMIT_TIME" => time(call).map(Self::Emit),
            "RESPONSE_CODE_DETAILS" => {
                call.without_length()?;
                Ok(Self::Stream(if call.argument == "ALLOW_WHITESPACES" {
                    |line, info| text(line, info.details.as_deref())
                } else {
                    |line, info| unspaced(line, info.details.as_deref())
                }))
            }
            "REQ" => noted(call, |name| {
                Ok(match name.to_ascii_lowercase().as_str() {
                    ":method" => Some(names.request(Field::Method)),
                    ":path" => Some(names.request(Field::Path)),
                    ":authority" | "host" => Some(names.request(Field::Authority)),
                    ":scheme" => Some(names.request(Field::Scheme)),
                    other => header(other)?.map(|name| names.request(Field::Header(name))),
                })
            }),
            "RESP" if call.argument.eq_ignore_ascii_case(":status") => Ok(Self::Status),
            "RESP" => noted(call, |name| Ok(header(name)?.map(|name| names.response(name)))),
            "TRAILER" => noted(call, |name| Ok(header(name)?.map(|name| names.trailer(name)))),
            "PATH" => path(call, names),
            "QUERY_PARAMS" => call.bare().map(|()| Self::Query(names.request(Field::Path))),
            "QUERY_PARAM" => {
                let name = call.required()?.to_owned();
                Ok(Self::QueryParam(names.request(Field::Path), name))
            }
            // What is not set is a dash in a header too, as in Envoy.
            "ENVIRONMENT" => {
                Ok(Self::Fixed(env::var(call.required()?).unwrap_or_else(|_| "-".to_owned())))
            }
            "HOSTNAME" => {
                call.bare()?;
                Ok(hostname().map_or(Self::Absent, Self::Fixed))
            }
            "STREAM_ID" => {
                let id = HeaderName::from_static("x-request-id");
                call.bare().map(|()| Self::Noted(Some(names.request(Field::Header(id))), None))
            }
            "LOCAL_REPLY_BODY" => call.bare().map(|()| Self::LocalReplyBody),
            "UNIQUE_ID" => call.bare().map(|()| Self::Unique),
            "ACCESS_LOG_TYPE" => {
                call.bare()?;
                Ok(Self::Fixed(String::from("DownstreamEnd")))
            }
            _ => Err(FormatError::Unknown(call.name.to_owned())),
        }
    }

    /// Appends the value; none if there is none, and then what was appended does not count.
    pub(super) fn write(&self, line: &mut Vec<u8>, info: &StreamInfo, notes: &Notes) -> Option<()> {
        let noted = |place: &Place| notes.get(*place).map(|value| value.as_bytes());
        match self {
            Self::Stream(value) => return value(line, info),
            Self::Start(format) => format.write(line, started(info)),
            Self::Emit(format) => format.write(line, clock::wall()),
            Self::Noted(main, alternative) => {
                let first = main.as_ref().and_then(noted);
                let value = first.or_else(|| alternative.as_ref().and_then(noted))?;
                line.extend_from_slice(value);
            }
            Self::Path { places, query } => {
                let path = places.iter().find_map(noted)?;
                line.extend_from_slice(if *query { path } else { split_query(path).0 });
            }
            Self::Query(path) => line.extend_from_slice(split_query(noted(path)?).1?),
            Self::QueryParam(path, name) => {
                line.extend_from_slice(&query_param(split_query(noted(path)?).1?, name)?);
            }
            Self::Fixed(value) => line.extend_from_slice(value.as_bytes()),
            Self::Status => number(line, notes.status.or(info.response_code))?,
            Self::LocalReplyBody => line.extend_from_slice(&notes.local_reply_body),
            Self::Unique => line.extend_from_slice(&random::uuid_text()),
            Self::Absent => return None,
        }
        Some(())
    }
}

fn time(call: &Call<'_>) -> Result<TimeFormat, FormatError> {
    call.without_length()?;
    Ok(TimeFormat::new(call.argument))
}

/// `NAME` or `NAME?ALTERNATIVE`.
fn noted(
    call: &Call<'_>,
    mut place: impl FnMut(&str) -> Result<Option<Place>, FormatError>,
) -> Result<Operator, FormatError> {
    let (main, alternative) = call.required()?.split_once('?').unwrap_or((call.argument, ""));
    if alternative.contains('?') {
        return Err(FormatError::Alternatives(call.argument.to_owned()));
    }
    Ok(Operator::Noted(place(main)?, place(alternative)?))
}

/// The name of a header; none for what is empty or a pseudo-header that no message has.
fn header(name: &str) -> Result<Option<HeaderName>, FormatError> {
    if name.is_empty() || name.starts_with(':') {
        return Ok(None);
    }
    let read = HeaderName::from_bytes(name.as_bytes());
    read.map(Some).map_err(|source| FormatError::Header {
        name: name.to_owned(),
        source: HeaderNameError::from(source),
    })
}

/// `PATH(WQ|NQ:ORIG|PATH|ORIG_OR_PATH)`: with or without the query, and which path if one was rewritten.
fn path(call: &Call<'_>, names: &mut Names) -> Result<Operator, FormatError> {
    const ORIGINAL: HeaderName = HeaderName::from_static("x-envoy-original-path");
    let (query, which) = call.argument.split_once(':').unwrap_or((call.argument, ""));
    let query = match query {
        "" | "WQ" => true,
        "NQ" => false,
        _ => return Err(FormatError::Superfluous(call.name.to_owned())),
    };
    let fields = match which {
        "" | "ORIG_OR_PATH" => vec![Field::Header(ORIGINAL), Field::Path],
        "ORIG" => vec![Field::Header(ORIGINAL)],
        "PATH" => vec![Field::Path],
        _ => return Err(FormatError::Superfluous(call.name.to_owned())),
    };
    let places = fields.into_iter().map(|field| names.request(field)).collect();
    Ok(Operator::Path { places, query })
}

fn hostname() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim_end().to_owned())
}

/// When the stream began by the wall clock, which nobody need have read then.
fn started(info: &StreamInfo) -> SystemTime {
    info.start_wall
        .unwrap_or_else(|| clock::wall() - clock::now().saturating_duration_since(info.start))
}

/// Where the last attempt was sent; none if no connection came about.
fn connected(info: &StreamInfo) -> Option<SocketAddr> {
    info.upstream_local.and(info.upstream_host)
}

fn text(line: &mut Vec<u8>, value: Option<&str>) -> Option<()> {
    line.extend_from_slice(value?.as_bytes());
    Some(())
}

/// With underscores for blanks, so that a line can be split at blanks.
fn unspaced(line: &mut Vec<u8>, value: Option<&str>) -> Option<()> {
    let blank = |byte: u8| if byte.is_ascii_whitespace() { b'_' } else { byte };
    line.extend(value?.bytes().map(blank));
    Some(())
}

fn number(line: &mut Vec<u8>, value: Option<impl Into<u64>>) -> Option<()> {
    let value: u64 = value?.into();
    write!(line, "{value}").ok()
}

/// Whole milliseconds, rounded down.
fn millis(line: &mut Vec<u8>, value: Option<Duration>) -> Option<()> {
    write!(line, "{}", value?.as_millis()).ok()
}

fn address(line: &mut Vec<u8>, value: Option<SocketAddr>) -> Option<()> {
    write!(line, "{}", value?).ok()
}

fn ip(line: &mut Vec<u8>, value: Option<SocketAddr>) -> Option<()> {
    write!(line, "{}", value?.ip()).ok()
}

fn port(line: &mut Vec<u8>, value: Option<SocketAddr>) -> Option<()> {
    number(line, Some(value?.port()))
}
