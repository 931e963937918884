//! `envoy.config.core.v3.SubstitutionFormatString`, where it makes the body of a reply of our own.

use bytes::Bytes;
use http::HeaderValue;

use crate::config::local_reply::{self as config, FormatSource};
use crate::formatter::{Format, JsonFormat, Names, Notes};
use crate::stream_info::StreamInfo;

/// How a body is made.
#[derive(Debug)]
pub struct BodyFormat {
    source: Source,
    /// The type of what it makes: what the file says, or that of its source.
    pub content_type: HeaderValue,
}

#[derive(Debug)]
enum Source {
    Text(Format),
    Json(JsonFormat),
}

// === impl BodyFormat ===

impl BodyFormat {
    /// None if there is something wrong with the format, which the loader has checked. What it prints of heads goes into
    /// `names`.
    pub fn new(config: &config::BodyFormat, names: &mut Names) -> Option<Self> {
        let (source, kind) = match &config.source {
            FormatSource::Text(text) if config.omit_empty_values => {
                (Source::Text(Format::for_header(text, names).ok()?), "text/plain")
            }
            FormatSource::Text(text) => {
                (Source::Text(Format::parse(text, names).ok()?), "text/plain")
            }
            FormatSource::Json(json) => {
                let json = JsonFormat::parse(json, config.omit_empty_values, names).ok()?;
                (Source::Json(json), "application/json")
            }
        };
        let kind = config.content_type.as_deref().unwrap_or(kind);
        Some(Self { source, content_type: HeaderValue::from_str(kind).ok()? })
    }

    /// The body; `notes` are of the heads.
    pub fn write(&self, info: &StreamInfo, notes: &Notes) -> Bytes {
        let mut body = Vec::new();
        match &self.source {
            Source::Text(format) => format.write(&mut body, info, notes),
            Source::Json(format) => format.write(&mut body, info, notes),
        }
        Bytes::from(body)
    }
}
