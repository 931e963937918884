//! `envoy.config.core.v3.SubstitutionFormatString`, read once: makes lines of logs, and bodies of replies of our own.

use bytes::Bytes;
use http::HeaderValue;

use crate::config::substitution_format::{self as config, FormatSource};
use crate::formatter::{Format, FormatError, JsonFormat, Names, Notes};
use crate::stream_info::StreamInfo;

/// A format.
#[derive(Debug)]
pub struct SubstitutionFormat {
    source: Source,
    /// The type of what it makes: what the file says, or that of its source.
    pub content_type: HeaderValue,
}

#[derive(Debug)]
enum Source {
    Text(Format),
    Json(JsonFormat),
}

// === impl SubstitutionFormat ===

impl SubstitutionFormat {
    /// A format whose type is what the file says, or that of its source. What it prints of heads goes into `names`.
    ///
    /// # Errors
    /// What is wrong with it; the loader has found that already.
    pub fn new(
        config: &config::SubstitutionFormat,
        names: &mut Names,
    ) -> Result<Self, FormatError> {
        let (source, kind) = match &config.source {
            FormatSource::Text(text) if config.omit_empty_values => {
                (Source::Text(Format::for_header(text, names)?), "text/plain")
            }
            FormatSource::Text(text) => (Source::Text(Format::parse(text, names)?), "text/plain"),
            FormatSource::Json(json) => {
                let json = JsonFormat::parse(json, config.omit_empty_values, names)?;
                (Source::Json(json), "application/json")
            }
        };
        let said = config.content_type.as_deref();
        // The loader refuses what no header can say.
        let said = said.and_then(|said| HeaderValue::from_str(said).ok());
        let content_type = said.unwrap_or_else(|| HeaderValue::from_static(kind));
        Ok(Self { source, content_type })
    }

    /// A text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_text(text: &str, names: &mut Names) -> Result<Self, FormatError> {
        let source = Source::Text(Format::parse(text, names)?);
        Ok(Self { source, content_type: HeaderValue::from_static("text/plain") })
    }

    /// The body; `notes` are of the heads.
    pub fn make(&self, info: &StreamInfo, notes: &Notes) -> Bytes {
        let mut body = Vec::new();
        self.write(&mut body, info, notes);
        Bytes::from(body)
    }

    /// Appends a line; `notes` are of the heads.
    pub fn write(&self, line: &mut Vec<u8>, info: &StreamInfo, notes: &Notes) {
        match &self.source {
            Source::Text(format) => format.write(line, info, notes),
            Source::Json(format) => format.write(line, info, notes),
        }
    }
}
