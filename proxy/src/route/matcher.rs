//! Which requests a route is for.

use crate::config::route as config;

use super::head::Head;

/// The conditions of a route, all of which must hold.
#[derive(Debug)]
pub(super) struct Matcher {
    path: config::PathMatch,
    case_sensitive: bool,
}

// === impl Matcher ===

impl Matcher {
    pub(super) fn new(config: &config::RouteMatch) -> Self {
        Self { path: config.path.clone(), case_sensitive: config.case_sensitive }
    }

    pub(super) fn matches(&self, head: &Head<'_>) -> bool {
        let path = head.path;
        match &self.path {
            config::PathMatch::Exact(exact) if self.case_sensitive => path == exact,
            config::PathMatch::Exact(exact) => path.eq_ignore_ascii_case(exact),
            config::PathMatch::Prefix(prefix) => path
                .as_bytes()
                .get(..prefix.len())
                .is_some_and(|start| self.same(start, prefix.as_bytes())),
        }
    }

    fn same(&self, one: &[u8], other: &[u8]) -> bool {
        if self.case_sensitive { one == other } else { one.eq_ignore_ascii_case(other) }
    }
}
