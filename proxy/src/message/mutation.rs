//! Changes to headers that are made one after the other, each of which sees what those before it did:
//! `envoy.config.common.mutation_rules.v3.HeaderMutation`.

use std::sync::Arc;

use http::header::{HOST, HeaderMap, HeaderName};

use crate::config::headers::HeaderRules;
use crate::config::http_filter as config;
use crate::config::matcher::StringMatcher;
use crate::stream_info::StreamInfo;

use super::header_parser::HeaderParser;
use super::{Request, headers};

/// One change.
#[derive(Debug)]
pub enum Mutation {
    /// All lines of that name go.
    Remove(HeaderName),
    /// All lines of names like that go.
    RemoveOnMatch(StringMatcher),
    /// A line is added, or stands in the place of others.
    Append(Arc<HeaderParser>),
}

// === impl Mutation ===

impl Mutation {
    /// None if it changes nothing.
    pub fn new(config: &config::Mutation) -> Option<Self> {
        match config {
            // What cannot be a header's name is no header's.
            config::Mutation::Remove(name) => name.parse().ok().map(Self::Remove),
            config::Mutation::RemoveOnMatch(matcher) => Some(Self::RemoveOnMatch(matcher.clone())),
            config::Mutation::Append(option) => {
                let rules = HeaderRules { add: vec![option.clone()], ..HeaderRules::default() };
                HeaderParser::new(&rules).map(Self::Append)
            }
        }
    }

    /// Changes a request's headers.
    pub fn change_request(&self, request: &mut Request, info: &StreamInfo) {
        match self {
            Self::Append(parser) => parser.change_request(request, info),
            other => other.remove(request.headers_mut()),
        }
    }

    /// What adds a line, if it is that.
    pub fn parser(&self) -> Option<&HeaderParser> {
        match self {
            Self::Append(parser) => Some(parser),
            Self::Remove(_) | Self::RemoveOnMatch(_) => None,
        }
    }

    /// Removes what goes.
    pub fn remove(&self, headers: &mut HeaderMap) {
        let goes = |name: &HeaderName| match self {
            Self::Remove(gone) => gone == name,
            // Those that every request has are not removed by chance.
            Self::RemoveOnMatch(matcher) => {
                *name != HOST && matcher.matches(name.as_str().as_bytes())
            }
            Self::Append(_) => false,
        };
        if headers.keys().any(goes) {
            headers::retain(headers, |name| !goes(name));
        }
    }
}
