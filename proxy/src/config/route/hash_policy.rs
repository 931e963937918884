//! What of a request balancing by hash goes by: `RouteAction.HashPolicy`.

use super::rewrite::RegexRewrite;
use crate::config::matcher::HeaderField;

/// One of a route's `hash_policy`.
#[derive(Clone, Debug)]
pub struct HashPolicy {
    /// What is hashed.
    pub source: HashSource,
    /// `terminal`: once there is a hash, the policies after this one do not count.
    pub terminal: bool,
}

/// What is hashed.
#[derive(Clone, Debug)]
pub enum HashSource {
    /// `header`: its values, each rewritten first.
    Header {
        /// `header_name`.
        field: HeaderField,
        /// `regex_rewrite`.
        rewrite: Option<RegexRewrite>,
    },
    /// `cookie`: its value.
    Cookie(HashCookie),
    /// `connection_properties.source_ip`: the client's address.
    SourceIp,
    /// `query_parameter.name`: its first value, as it stands in the URL.
    Query(String),
}

/// `HashPolicy.Cookie`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HashCookie {
    /// `name`.
    pub name: String,
    /// `ttl` in seconds; without it, no cookie is made for who has none. 0 lasts as long as the browser runs.
    pub ttl: Option<u64>,
    /// `path`; may be empty.
    pub path: String,
    /// `attributes`: names and values, which may be empty.
    pub attributes: Vec<(String, String)>,
}
