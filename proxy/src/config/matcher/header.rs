//! `envoy.config.route.v3.HeaderMatcher`.

use http::HeaderName;

use super::StringMatcher;

/// A condition on a part of a request's head.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeaderMatcher {
    /// `name`.
    pub field: HeaderField,
    /// What is asked of it.
    pub condition: HeaderCondition,
    /// `invert_match`.
    pub invert: bool,
    /// `treat_missing_header_as_empty`.
    pub missing_is_empty: bool,
}

/// A part of a request's head, by its header name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HeaderField {
    /// `:method`.
    Method,
    /// `:path`: the path with its query.
    Path,
    /// `:authority`, or `host`.
    Authority,
    /// `:scheme`.
    Scheme,
    /// A header.
    Named(HeaderName),
    /// A name that no header can have, as it stands in the file; Envoy takes it, and never finds it.
    Impossible(Box<str>),
}

/// What is asked of a part of a head.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HeaderCondition {
    /// `present_match`: that it is there, or that it is not.
    Present(bool),
    /// Any of the textual forms.
    Text(StringMatcher),
    /// `exact_match` of nothing, which is deprecated and content with every value.
    Any,
    /// `range_match`: an integer of 64 bits from the first to before the second.
    Range(i64, i64),
}

// === impl HeaderMatcher ===

impl HeaderMatcher {
    /// Whether values fulfil the condition. One of several is enough; `values` are the header's, or none.
    pub fn matches<'v>(&self, values: impl IntoIterator<Item = &'v [u8]>) -> bool {
        let mut values = values.into_iter().peekable();
        let missing = values.peek().is_none();
        if let HeaderCondition::Present(wanted) = self.condition {
            let there = !missing || self.missing_is_empty;
            return (there == wanted) != self.invert;
        }
        if missing {
            return self.missing_is_empty && self.condition.is_met(b"") != self.invert;
        }
        values.any(|value| self.condition.is_met(value)) != self.invert
    }
}

// === impl HeaderField ===

impl HeaderField {
    /// The part of that name, whose case does not matter.
    pub fn new(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            ":method" => Self::Method,
            ":path" => Self::Path,
            ":authority" | "host" => Self::Authority,
            ":scheme" => Self::Scheme,
            lower => HeaderName::from_bytes(lower.as_bytes())
                .map_or_else(|_impossible| Self::Impossible(lower.into()), Self::Named),
        }
    }
}

// === impl HeaderCondition ===

impl HeaderCondition {
    fn is_met(&self, value: &[u8]) -> bool {
        match self {
            Self::Present(wanted) => *wanted,
            Self::Text(matcher) => matcher.matches(value),
            Self::Any => true,
            Self::Range(start, end) => {
                integer(value).is_some_and(|number| (*start..*end).contains(&number))
            }
        }
    }
}

/// An integer as `absl::SimpleAtoi` reads it: a sign and blanks around it are fine.
fn integer(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.trim_matches(|c: char| c.is_ascii_whitespace()).parse().ok()
}
