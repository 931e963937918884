//! Regular expressions as Envoy has them: RE2's.

mod re2;
mod substitution;

use std::fmt;

pub use self::substitution::{Fault, Substitution};

/// The most memory that one compiled expression may take, in bytes. Envoy bounds the size of RE2's programs instead, which
/// nobody else can count.
const MOST_MEMORY: usize = 1 << 20;

/// A compiled expression, cheap to clone. It is given bytes, since a header need not be UTF-8, and takes them for UTF-8
/// where they are.
#[derive(Clone)]
pub struct Regex {
    pattern: Box<str>,
    compiled: regex::bytes::Regex,
}

/// Why an expression cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct RegexError(String);

// === impl Regex ===

impl Regex {
    /// An expression that a text as a whole matches or does not.
    ///
    /// # Errors
    /// What RE2 refuses too, and what takes too much memory.
    pub fn whole(pattern: &str) -> Result<Self, RegexError> {
        Self::compile(pattern, |translated| format!(r"\A(?:{translated})\z"))
    }

    /// An expression that is looked for everywhere in a text.
    ///
    /// # Errors
    /// As [`whole`](Self::whole).
    pub fn anywhere(pattern: &str) -> Result<Self, RegexError> {
        Self::compile(pattern, |translated| translated)
    }

    fn compile(pattern: &str, anchor: impl Fn(String) -> String) -> Result<Self, RegexError> {
        let translated = re2::translate(pattern).map_err(|why| RegexError(why.to_owned()))?;
        let compile = |text: &str| {
            let mut builder = regex::bytes::RegexBuilder::new(text);
            builder.size_limit(MOST_MEMORY).build().map_err(|error| RegexError::of(&error))
        };
        // By itself first: an anchor must not complete what is not complete.
        let compiled = compile(&translated)?;
        let anchored = anchor(translated);
        let compiled = if anchored == compiled.as_str() { compiled } else { compile(&anchored)? };
        Ok(Self { pattern: pattern.into(), compiled })
    }

    /// Whether it matches: the whole text, or a part of it.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.compiled.is_match(text)
    }

    /// The text with every part that matches replaced.
    pub fn replace_all(&self, text: &[u8], by: &Substitution) -> Vec<u8> {
        match by.fault() {
            Some(Fault::NoSuchGroup) => text.to_vec(),
            Some(Fault::BadEscape) | None => self.compiled.replace_all(text, by).into_owned(),
        }
    }

    /// How many groups it captures, the whole match left out.
    pub fn groups(&self) -> usize {
        self.compiled.captures_len() - 1
    }
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Regex({:?})", self.pattern)
    }
}

/// The expression as it was configured.
impl fmt::Display for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pattern)
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.compiled.as_str() == other.compiled.as_str()
    }
}

impl Eq for Regex {}

// === impl RegexError ===

impl RegexError {
    /// Without the picture that the library draws.
    fn of(error: &regex::Error) -> Self {
        match error {
            regex::Error::CompiledTooBig(_) => {
                Self(format!("takes more than {MOST_MEMORY} bytes when compiled"))
            }
            other => {
                let text = other.to_string();
                let last = text.lines().last().unwrap_or_default();
                Self(last.strip_prefix("error: ").unwrap_or(last).to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests;
