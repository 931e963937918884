//! Makes paths that mean the same look the same, as Envoy does: dots, needless escapes, slashes.
//!
//! Each function takes a path with its query, which is never touched, and gives the new one; none if nothing changes.

use memchr::{memchr, memmem};

/// A path that no server can mean: with a NUL in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Invalid;

/// What becomes of a byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    /// As it is; an escape of it stays an escape.
    Plain,
    /// As it is; an escape of it is needless.
    Unreserved,
    /// Escaped.
    Escaped,
}

/// `normalize_path`: RFC 3986 §6 as the URL library that Envoy uses does it.
///
/// A backslash is a slash, and what a semicolon adds to a segment of dots is dropped with them.
///
/// # Errors
/// A NUL, raw or escaped.
pub fn normalize(path: &str) -> Result<Option<String>, Invalid> {
    let (path, query) = split(path);
    if is_normal(path.as_bytes()) {
        return Ok(None);
    }
    let normal = Normalizer { input: path.as_bytes(), output: Vec::with_capacity(path.len()) };
    let mut normal = normal.run()?;
    normal.extend_from_slice(query.as_bytes());
    // Every byte that is not ASCII was escaped.
    Ok(String::from_utf8(normal).ok())
}

/// `merge_slashes`: one for many, but in a path of nothing else, of which its first and its last stay.
pub fn merge_slashes(path: &str) -> Option<String> {
    let (path, query) = split(path);
    memmem::find(path.as_bytes(), b"//")?;
    let mut merged = String::with_capacity(path.len() + query.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        if path.starts_with('/') || !merged.is_empty() {
            merged.push('/');
        }
        merged.push_str(segment);
    }
    if merged.is_empty() {
        merged.push('/');
    }
    if path.ends_with('/') {
        merged.push('/');
    }
    merged.push_str(query);
    Some(merged)
}

/// `path_with_escaped_slashes_action`: `%2F` and `%5C` as what they stand for.
pub fn unescape_slashes(path: &str) -> Option<String> {
    let (path, query) = split(path);
    let mut rest = path;
    let mut plain = String::new();
    while let Some(at) = memchr(b'%', rest.as_bytes()) {
        let slash = match rest.as_bytes().get(at + 1..at + 3) {
            Some([b'2', b'f' | b'F']) => Some('/'),
            Some([b'5', b'c' | b'C']) => Some('\\'),
            _ => None,
        };
        match slash {
            Some(slash) => {
                plain.push_str(&rest[..at]);
                plain.push(slash);
                rest = &rest[at + 3..];
            }
            None => {
                plain.push_str(&rest[..=at]);
                rest = &rest[at + 1..];
            }
        }
    }
    plain.push_str(rest);
    (plain.len() < path.len()).then(|| plain + query)
}

/// A path, and its query with the question mark.
fn split(path: &str) -> (&str, &str) {
    path.split_at(memchr(b'?', path.as_bytes()).unwrap_or(path.len()))
}

/// Whether there is surely nothing to do, which is so for nearly every path.
fn is_normal(path: &[u8]) -> bool {
    let mut segment = true;
    for byte in path {
        let dot = *byte == b'.' && segment;
        if dot || *byte == b'%' || *byte == b'\\' || form(*byte) == Form::Escaped {
            return false;
        }
        segment = *byte == b'/';
    }
    true
}

fn form(byte: u8) -> Form {
    match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => Form::Unreserved,
        0..=b' ' | b'"' | b'#' | b'<' | b'>' | b'?' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x7f.. => {
            Form::Escaped
        }
        _ => Form::Plain,
    }
}

struct Normalizer<'a> {
    input: &'a [u8],
    output: Vec<u8>,
}

// === impl Normalizer ===

impl Normalizer<'_> {
    fn run(mut self) -> Result<Vec<u8>, Invalid> {
        let mut at = 0;
        while let Some(byte) = self.input.get(at) {
            if matches!(byte, b'/' | b'\\') {
                self.output.push(b'/');
                at += 1;
                at += self.dots(at);
            } else {
                at += self.byte(at)?;
            }
        }
        Ok(self.output)
    }

    /// Does what the segments of dots from `at` on say, which follow a slash. Says how long they are, with the slashes
    /// after them.
    fn dots(&mut self, at: usize) -> usize {
        let mut taken = 0;
        while let Some((up, length)) = dots(&self.input[at + taken..]) {
            if up {
                self.up();
            }
            taken += length;
        }
        taken
    }

    /// Drops the last segment, leaving the slash before it.
    fn up(&mut self) {
        let inner = self.output.len().saturating_sub(1);
        let slash = self.output[..inner].iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        self.output.truncate(slash + 1);
    }

    /// Copies one byte or escape. Says how long it was.
    fn byte(&mut self, at: usize) -> Result<usize, Invalid> {
        let byte = self.input[at];
        if byte == 0 {
            return Err(Invalid);
        }
        if byte == b'%' {
            return self.escape(at);
        }
        if form(byte) == Form::Escaped {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            let digit = |half: u8| DIGITS[usize::from(half & 15)];
            self.output.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte)]);
        } else {
            self.output.push(byte);
        }
        Ok(1)
    }

    /// What is no escape stays as it is.
    fn escape(&mut self, at: usize) -> Result<usize, Invalid> {
        let escape = &self.input[at..self.input.len().min(at + 3)];
        match unescape(escape) {
            Some(0) => return Err(Invalid),
            Some(byte) if form(byte) == Form::Unreserved => self.output.push(byte),
            Some(_) => self.output.extend_from_slice(escape),
            None => {
                self.output.push(b'%');
                return Ok(1);
            }
        }
        Ok(3)
    }
}

/// Reads a segment of one or two dots, with what a semicolon adds to it and the slash that ends it. Says whether it
/// goes up, and how long it is.
fn dots(input: &[u8]) -> Option<(bool, usize)> {
    let first = dot(input)?;
    let second = dot(&input[first..]).unwrap_or(0);
    let dots = first + second;
    let up = second > 0;
    let escaped = dots > 1 + usize::from(up);
    match input.get(dots) {
        None => Some((up, dots)),
        Some(b'/' | b'\\') => Some((up, dots + 1)),
        Some(b';') if !escaped => {
            Some((up, memchr(b'/', input).map_or(input.len(), |end| end + 1)))
        }
        Some(_) => None,
    }
}

/// How long the dot at the beginning is, if one is there.
fn dot(input: &[u8]) -> Option<usize> {
    match input {
        [b'.', ..] => Some(1),
        [b'%', b'2', b'e' | b'E', ..] => Some(3),
        _ => None,
    }
}

fn unescape(escape: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match escape {
        [b'%', high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
