//! Substitution format strings: text with operators between percent signs, for log lines, headers and local replies.

mod format;
mod head;
mod json;
mod names;
mod operator;
mod time;
mod tls;

pub use self::format::{DEFAULT, Format, FormatError};
pub use self::head::HeadFormat;
pub use self::json::JsonFormat;
pub use self::names::{Names, Notes, Place};

#[cfg(test)]
mod tests;
