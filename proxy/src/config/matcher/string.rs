//! `envoy.type.matcher.v3.StringMatcher`.

use crate::config::regex::Regex;

/// A condition on a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StringMatcher {
    /// What is compared. Lower-cased, if case does not matter.
    pattern: StringPattern,
    /// `ignore_case`, of ASCII letters; a regular expression has its own way to say so.
    ignore_case: bool,
}

/// What a text is compared with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StringPattern {
    /// `exact`.
    Exact(Box<str>),
    /// `prefix`.
    Prefix(Box<str>),
    /// `suffix`.
    Suffix(Box<str>),
    /// `contains`.
    Contains(Box<str>),
    /// `safe_regex`, of the whole text.
    Regex(Regex),
}

// === impl StringMatcher ===

impl StringMatcher {
    /// A condition.
    pub fn new(pattern: StringPattern, ignore_case: bool) -> Self {
        let pattern = match pattern {
            StringPattern::Contains(text) if ignore_case => {
                StringPattern::Contains(text.to_ascii_lowercase().into())
            }
            other => other,
        };
        Self { pattern, ignore_case }
    }

    /// What texts are compared with.
    pub fn pattern(&self) -> &StringPattern {
        &self.pattern
    }

    /// Whether case does not matter.
    pub fn ignores_case(&self) -> bool {
        self.ignore_case
    }

    /// Whether the text fulfils the condition.
    pub fn matches(&self, text: &[u8]) -> bool {
        match &self.pattern {
            StringPattern::Exact(exact) => self.same(text, exact),
            StringPattern::Prefix(prefix) => {
                text.get(..prefix.len()).is_some_and(|start| self.same(start, prefix))
            }
            StringPattern::Suffix(suffix) => {
                let start = text.len().checked_sub(suffix.len());
                start.is_some_and(|start| self.same(&text[start..], suffix))
            }
            StringPattern::Contains(part) if self.ignore_case => {
                memchr::memmem::find(&text.to_ascii_lowercase(), part.as_bytes()).is_some()
            }
            StringPattern::Contains(part) => memchr::memmem::find(text, part.as_bytes()).is_some(),
            StringPattern::Regex(regex) => regex.is_match(text),
        }
    }

    fn same(&self, text: &[u8], other: &str) -> bool {
        if self.ignore_case {
            text.eq_ignore_ascii_case(other.as_bytes())
        } else {
            text == other.as_bytes()
        }
    }
}
