//! What upstreams get in place of what the client said.

use http::HeaderValue;

use crate::config::matcher::HeaderField;
use crate::config::regex::{Regex, Substitution};
use crate::formatter::HeadFormat;

/// What becomes of a path; its query stays.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PathRewrite {
    /// `prefix_rewrite`: in place of what the route matched.
    Prefix(Box<str>),
    /// `regex_rewrite`, or `path_rewrite_policy` with a template.
    Regex(RegexRewrite),
    /// `path_rewrite`: in place of the whole path.
    Format(HeadFormat),
}

/// `envoy.type.matcher.v3.RegexMatchAndSubstitute`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegexRewrite {
    /// `pattern`, looked for everywhere.
    pub pattern: Regex,
    /// `substitution`.
    pub substitution: Substitution,
}

/// What becomes of a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HostRewrite {
    /// `host_rewrite_literal`.
    Literal(HeaderValue),
    /// `auto_host_rewrite`: the name of the chosen upstream host, if it has one.
    Auto,
    /// `host_rewrite_header`: what that header says, if it is there.
    Header(HeaderField),
    /// `host_rewrite_path_regex`: made of the path without its query.
    PathRegex(RegexRewrite),
    /// `host_rewrite`.
    Format(HeadFormat),
}

// === impl RegexRewrite ===

impl RegexRewrite {
    /// The text with every match replaced.
    pub fn apply(&self, text: &str) -> Vec<u8> {
        self.pattern.replace_all(text.as_bytes(), &self.substitution)
    }
}
