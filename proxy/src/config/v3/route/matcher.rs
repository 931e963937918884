//! `envoy.config.route.v3.RouteMatch`.

use crate::config::route::{PathMatch, RouteMatch};
use crate::config::v3::message::Message;

/// Lowers a match.
pub(super) fn lower(matcher: &Message<'_>) -> Option<RouteMatch> {
    let case_sensitive = matcher.bool("case_sensitive").unwrap_or(true);
    Some(RouteMatch { path: path(matcher)?, case_sensitive })
}

fn path(matcher: &Message<'_>) -> Option<PathMatch> {
    if let Some(prefix) = matcher.text("prefix") {
        return Some(PathMatch::Prefix(prefix.to_owned()));
    }
    matcher.text("path").map(|path| PathMatch::Exact(path.to_owned()))
}
