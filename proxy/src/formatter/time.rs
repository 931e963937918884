//! A moment in the form that a format asks for.

use std::io::Write;
use std::time::SystemTime;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Utc};

/// Envoy's default: ISO 8601 with milliseconds.
const DEFAULT: &str = "%Y-%m-%dT%H:%M:%S.%3fZ";

/// The conversions of `strftime` that need no more than a letter.
const LETTERS: &str = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ";

/// A form like `strftime`'s, read once; always in UTC.
#[derive(Debug)]
pub(super) struct TimeFormat(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    /// Conversions that the library knows.
    Library(Vec<Item<'static>>),
    /// `%f` and `%3f`: so many digits of the second's fraction.
    Fraction(usize),
    /// `%E*S` and `%E*f`: as many digits as there are.
    AllDigits,
}

// === impl TimeFormat ===

impl TimeFormat {
    /// Reads a form; an empty one is Envoy's default. What is no conversion is printed as it is.
    pub(super) fn new(format: &str) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = if format.is_empty() { DEFAULT } else { format };
        while let Some(at) = rest.find('%') {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            let (taken, found) = conversion(rest);
            if found.is_empty() {
                literal.push_str(&rest[..taken]);
            } else {
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.extend(found);
            }
            rest = &rest[taken..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Self(parts)
    }

    /// Appends the moment.
    pub(super) fn write(&self, line: &mut Vec<u8>, moment: SystemTime) {
        let moment = DateTime::<Utc>::from(moment);
        let nanos = format!("{:09}", moment.timestamp_subsec_nanos().min(999_999_999));
        for part in &self.0 {
            match part {
                Part::Text(text) => line.extend_from_slice(text.as_bytes()),
                Part::Library(items) => {
                    // Writing to a vector cannot fail, and the items were checked when they were read.
                    let _ = write!(line, "{}", moment.format_with_items(items.iter()));
                }
                Part::Fraction(digits) => line.extend_from_slice(&nanos.as_bytes()[..*digits]),
                Part::AllDigits => {
                    let digits = nanos.trim_end_matches('0');
                    if !digits.is_empty() {
                        let _ = write!(line, ".{digits}");
                    }
                }
            }
        }
    }
}

/// Reads what a percent sign starts: how many bytes it takes, and what it means; nothing if it is only text.
fn conversion(text: &str) -> (usize, Vec<Part>) {
    let mut characters = text.chars().skip(1);
    let Some(first) = characters.next() else { return (1, Vec::new()) };
    let second = characters.next();
    let third = characters.next();
    match (first, second, third) {
        ('%', ..) => (2, vec![Part::Text(String::from("%"))]),
        ('f', ..) => (2, vec![Part::Fraction(9)]),
        ('1'..='9', Some('f'), _) => (3, vec![Part::Fraction(digits(first))]),
        ('E', Some('z'), _) => (3, library("%:z")),
        ('E', Some('*'), Some('S')) => (4, with_seconds(Part::AllDigits)),
        ('E', Some('0'), Some('S')) => (4, library("%S")),
        ('E', Some(digit @ '1'..='9'), Some('S')) => {
            let mut parts = library("%S.");
            parts.push(Part::Fraction(digits(digit)));
            (4, parts)
        }
        ('E', Some(digit @ '1'..='9'), Some('f')) => (4, vec![Part::Fraction(digits(digit))]),
        // The locale's other forms, which are the usual ones here.
        ('E' | 'O', Some(letter), _) if LETTERS.contains(letter) => {
            (3, library(&format!("%{letter}")))
        }
        (letter, ..) if LETTERS.contains(letter) => (2, library(&format!("%{letter}"))),
        _ => (1, Vec::new()),
    }
}

fn digits(digit: char) -> usize {
    digit.to_digit(10).map_or(0, |digit| digit as usize)
}

fn with_seconds(fraction: Part) -> Vec<Part> {
    let mut parts = library("%S");
    parts.push(fraction);
    parts
}

/// Only called with what the library knows; were it otherwise, the text itself would be printed.
fn library(format: &str) -> Vec<Part> {
    match StrftimeItems::new(format).parse_to_owned() {
        Ok(items) => vec![Part::Library(items)],
        Err(_) => vec![Part::Text(format.to_owned())],
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::TimeFormat;

    /// Monday, the 23rd of November 2026, 15:37:57.030472 in UTC.
    fn shown(format: &str) -> String {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_448_277_030_472);
        let mut line = Vec::new();
        TimeFormat::new(format).write(&mut line, moment);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn moments_are_written_as_envoy_writes_them() {
        for (format, expected) in [
            ("", "2026-11-23T15:37:57.030Z"),
            ("%Y/%m/%dT%H:%M:%S%z", "2026/11/23T15:37:57+0000"),
            ("%s", "1795448277"),
            ("%s.%3f", "1795448277.030"),
            ("%s%f", "1795448277030472000"),
            ("%6f", "030472"),
            ("%1f", "0"),
            ("%E4S", "57.0304"),
            ("%E*S", "57.030472"),
            ("%Ez", "+00:00"),
            ("%a %A %b %B", "Mon Monday Nov November"),
            ("%c", "Mon Nov 23 15:37:57 2026"),
            ("%d %D %e %F %g %G %h %H %I %j", "23 11/23/26 23 2026-11-23 26 2026 Nov 15 03 327"),
            ("%k %l %m %M %p %P", "15  3 11 37 PM pm"),
            ("%r %R %S %t %T", "03:37:57 PM 15:37 57 \t 15:37:57"),
            ("%u %U %V %w %W", "1 47 48 1 47"),
            ("%x %X %y %Y %z %Z %%", "11/23/26 15:37:57 26 2026 +0000 UTC %"),
            ("%3f %6f", "030 030472"),
            ("%%3f", "%3f"),
            ("%s_3f", "1795448277_3f"),
            ("%Es %Ex %OS", "1795448277 11/23/26 57"),
            ("literal", "literal"),
            ("%q %L %0f", "%q %L %0f"),
            ("%", "%"),
        ] {
            assert_eq!(shown(format), expected, "{format}");
        }
    }
}
