//! `envoy.config.route.v3.RouteMatch`.

/// Which requests a route is for.
#[derive(Clone, Debug)]
pub struct RouteMatch {
    /// The path part.
    pub path: PathMatch,
    /// `case_sensitive` (default true), of the path.
    pub case_sensitive: bool,
}

/// The path part of a match.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PathMatch {
    /// `prefix`: against the path without its query.
    Prefix(String),
    /// `path`: the whole path without its query.
    Exact(String),
}
