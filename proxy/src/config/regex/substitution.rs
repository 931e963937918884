//! What a match is replaced by: RE2's rewrite, in which `\1` is the first group, `\0` the whole match and `\\` a backslash.

use regex::bytes::{Captures, Replacer};

/// A parsed rewrite.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Substitution {
    parts: Vec<Part>,
    fault: Option<Fault>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Text(Box<str>),
    Group(usize),
}

/// What is wrong with a rewrite, and what RE2 does with it all the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It asks for a group that the expression does not have: nothing is replaced.
    NoSuchGroup,
    /// A backslash before something else: it ends there.
    BadEscape,
}

// === impl Substitution ===

impl Substitution {
    /// Parses a rewrite for an expression with that many groups.
    pub fn parse(text: &str, groups: usize) -> Self {
        let mut parts = Vec::new();
        let mut fault = None;
        let mut literal = String::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            if c != '\\' {
                literal.push(c);
                continue;
            }
            match rest.next() {
                Some('\\') => literal.push('\\'),
                Some(digit @ '0'..='9') => {
                    parts.push(Part::Text(std::mem::take(&mut literal).into()));
                    parts.push(Part::Group(digit as usize - '0' as usize));
                }
                _ => {
                    fault = Some(Fault::BadEscape);
                    break;
                }
            }
        }
        parts.push(Part::Text(literal.into()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        if highest_group(text) > groups {
            fault = Some(Fault::NoSuchGroup);
        }
        Self { parts, fault }
    }

    /// What is wrong with it.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }
}

/// The highest group that is asked for, even where nobody would get to it.
fn highest_group(text: &str) -> usize {
    let mut highest = 0;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let escaped = if c == '\\' { rest.next() } else { None };
        let group = escaped.and_then(|c| c.to_digit(10)).unwrap_or_default();
        highest = highest.max(group as usize);
    }
    highest
}

impl Replacer for &Substitution {
    fn replace_append(&mut self, captures: &Captures<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Group(group) => {
                    let found = captures.get(*group);
                    out.extend_from_slice(found.map_or(&[], |found| found.as_bytes()));
                }
            }
        }
    }
}
