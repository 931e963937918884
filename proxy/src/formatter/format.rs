//! A format: text with operators between percent signs.

use http::header::InvalidHeaderName;

use super::names::{Names, Notes};
use super::operator::{self, Call, Operator};
use crate::stream_info::StreamInfo;

/// Envoy's default format of a log line.
pub const DEFAULT: &str = concat!(
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" ",
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ",
    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% ",
    "\"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" ",
    "\"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n"
);

/// A format, read once.
#[derive(Debug)]
pub struct Format {
    pieces: Vec<Piece>,
    /// What stands for something that is not there.
    missing: &'static str,
}

/// What is wrong with a format.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum FormatError {
    /// A percent sign that starts nothing.
    #[error("nothing valid starts at byte {0} (a percent sign itself is written %%)")]
    Malformed(usize),
    /// A word that is not an operator.
    #[error("%{0}% is not an operator, or not one that this proxy knows")]
    Unknown(String),
    /// An operator without the argument that it needs.
    #[error("%{0}% needs an argument")]
    NeedsArgument(String),
    /// An operator with an argument or a length that it does not take.
    #[error("%{0}% does not take that argument or length")]
    Superfluous(String),
    /// More than one alternative.
    #[error("more than one alternative in {0:?}")]
    Alternatives(String),
    /// A name that no header can have.
    #[error("{name:?} cannot be the name of a header")]
    Header {
        /// The name.
        name: String,
        /// What is wrong with it.
        source: HeaderNameError,
    },
}

/// What is wrong with a header's name.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct HeaderNameError(#[from] InvalidHeaderName);

#[derive(Debug)]
enum Piece {
    Text(String),
    Operator {
        operator: Operator,
        /// Bytes to print at most.
        length: Option<usize>,
        /// Whether it prints a number.
        numeric: bool,
    },
}

// === impl Format ===

impl Format {
    /// Reads a format; what it prints of heads goes into `names`.
    ///
    /// # Errors
    /// A format that Envoy would refuse or that prints what we do not know.
    pub fn parse(text: &str, names: &mut Names) -> Result<Self, FormatError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("%%") {
                literal.push('%');
                rest = after;
                continue;
            }
            let position = text.len() - rest.len();
            let (call, after) = Call::read(rest).ok_or(FormatError::Malformed(position))?;
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            let operator = Operator::new(&call, names)?;
            let numeric = operator::is_numeric(call.name);
            pieces.push(Piece::Operator { operator, length: call.length, numeric });
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self { pieces, missing: "-" })
    }

    /// Reads the format of a header's value, in which what is not there leaves nothing.
    ///
    /// # Errors
    /// As those of [`parse`](Self::parse).
    pub fn for_header(text: &str, names: &mut Names) -> Result<Self, FormatError> {
        Ok(Self { missing: "", ..Self::parse(text, names)? })
    }

    /// Reads a format only to see whether it is one.
    ///
    /// # Errors
    /// As those of [`parse`](Self::parse).
    pub fn check(text: &str) -> Result<(), FormatError> {
        Self::parse(text, &mut Names::default()).map(drop)
    }

    /// Appends a line.
    pub fn write(&self, line: &mut Vec<u8>, info: &StreamInfo, notes: &Notes) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => line.extend_from_slice(text.as_bytes()),
                Piece::Operator { operator, length, .. } => {
                    let start = line.len();
                    if operator.write(line, info, notes).is_none() {
                        line.truncate(start);
                        line.extend_from_slice(self.missing.as_bytes());
                    }
                    if let Some(length) = length {
                        line.truncate(start.saturating_add(*length).min(line.len()));
                    }
                }
            }
        }
    }

    /// Whether it is one operator and nothing else, and then whether that prints a number.
    pub(super) fn is_one_operator(&self) -> Option<bool> {
        match self.pieces.as_slice() {
            [Piece::Operator { numeric, .. }] => Some(*numeric),
            _ => None,
        }
    }

    /// Appends what the one operator gives. Says whether that is anything.
    pub(super) fn write_one(&self, line: &mut Vec<u8>, info: &StreamInfo, notes: &Notes) -> bool {
        let [Piece::Operator { operator, length, .. }] = self.pieces.as_slice() else {
            return false;
        };
        let found = operator.write(line, info, notes).is_some();
        if let Some(length) = length {
            line.truncate(*length);
        }
        found
    }
}

// === impl HeaderNameError ===

// The library's error has no state worth comparing.
impl PartialEq for HeaderNameError {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for HeaderNameError {}
