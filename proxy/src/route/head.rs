//! What a route table looks at in a request.

use crate::message::Request;

/// A request's head, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The host that the request is for, with its port if it was said.
    pub host: &'a str,
    /// The path without its query.
    pub path: &'a str,
}

// === impl Head ===

impl<'a> Head<'a> {
    /// The head of a request for that host.
    pub fn new(host: &'a str, request: &'a Request) -> Self {
        Self { host, path: request.uri().path() }
    }
}
