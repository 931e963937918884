//! A format that is printed of one request's head at once: rewrites of hosts and paths, bodies of direct responses.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, Method, Uri};

use super::{Format, FormatError, Names, Notes};
use crate::stream_info::StreamInfo;

/// A format with what it prints of heads; cheap to clone.
#[derive(Clone, Debug)]
pub struct HeadFormat(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    text: Box<str>,
    format: Format,
    names: Names,
}

// === impl HeadFormat ===

impl HeadFormat {
    /// Reads a format in which a dash stands for what is not there.
    ///
    /// # Errors
    /// As those of [`Format::parse`].
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        Self::new(text, Format::parse)
    }

    /// Reads a format in which what is not there leaves nothing.
    ///
    /// # Errors
    /// As those of [`Format::parse`].
    pub fn sparing(text: &str) -> Result<Self, FormatError> {
        Self::new(text, Format::for_header)
    }

    fn new(
        text: &str,
        parse: impl Fn(&str, &mut Names) -> Result<Format, FormatError>,
    ) -> Result<Self, FormatError> {
        let mut names = Names::default();
        let format = parse(text, &mut names)?;
        Ok(Self(Arc::new(Inner { text: text.into(), format, names })))
    }

    /// What it makes of a request.
    pub fn print(
        &self,
        (method, uri, headers): (&Method, &Uri, &HeaderMap),
        info: &StreamInfo,
    ) -> Vec<u8> {
        let mut notes = Notes::default();
        self.0.names.note(&mut notes, method, uri, headers);
        let mut text = Vec::new();
        self.0.format.write(&mut text, info, &notes);
        text
    }
}

/// The format as it was configured.
impl fmt::Display for HeadFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl PartialEq for HeadFormat {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for HeadFormat {}
