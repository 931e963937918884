//! Route tables as configured: `envoy.config.route.v3.RouteConfiguration`.

use std::time::Duration;

/// `RouteAction.timeout` where the file says nothing: 15 seconds, Envoy's.
pub const DEFAULT_ROUTE_TIMEOUT: Duration = Duration::from_secs(15);

/// One route table.
#[derive(Clone, Debug)]
pub struct RouteConfiguration {
    /// `name`.
    pub name: String,
    /// `virtual_hosts`, in file order.
    pub virtual_hosts: Vec<VirtualHost>,
}

/// One virtual host.
#[derive(Clone, Debug)]
pub struct VirtualHost {
    /// `name`.
    pub name: String,
    /// `domains`, lower-cased: exact, `*.suffix`, `prefix.*` or `*`; unique in the table (the loader checks).
    pub domains: Vec<String>,
    /// `routes`; the first that matches wins.
    pub routes: Vec<Route>,
}

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// `name`; empty where the file gives none.
    pub name: String,
    /// `match`'s path part.
    pub path: PathMatch,
    /// `match.case_sensitive` (default true).
    pub case_sensitive: bool,
    /// What to do with a request that matches.
    pub action: Action,
}

/// The path part of a match.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PathMatch {
    /// `prefix`: against the path without its query.
    Prefix(String),
    /// `path`: the whole path without its query.
    Exact(String),
}

/// What a route does.
#[derive(Clone, Debug)]
pub enum Action {
    /// `route`: forward to a cluster.
    Forward(Forward),
    /// `direct_response`.
    DirectResponse {
        /// `status`, 200 to 599.
        status: u16,
        /// `body.inline_string`; may be empty.
        body: String,
    },
}

/// `RouteAction`.
#[derive(Clone, Debug)]
pub struct Forward {
    /// `cluster`.
    pub cluster: String,
    /// `timeout`; none is off (`0s` in the file), absent in the file is 15 s.
    pub timeout: Option<Duration>,
    /// `cluster_not_found_response_code` (default 503).
    pub cluster_not_found_status: u16,
}
