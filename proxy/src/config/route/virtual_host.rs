//! `envoy.config.route.v3.VirtualHost` and `Route`.

use crate::config::headers::HeaderMutations;
use crate::config::http_filter::PerFilter;
use crate::config::rate_limit::RateLimits;

use super::action::Action;
use super::matcher::RouteMatch;

/// One virtual host.
#[derive(Clone, Debug)]
pub struct VirtualHost {
    /// `name`.
    pub name: String,
    /// `domains`, lower-cased: exact, `*.suffix`, `prefix.*` or `*`; unique in the table (the loader checks).
    pub domains: Vec<String>,
    /// `require_tls`.
    pub require_tls: RequireTls,
    /// What is done to the headers of its requests.
    pub headers: HeaderMutations,
    /// `routes`; the first that matches wins.
    pub routes: Vec<Route>,
    /// `rate_limits`.
    pub rate_limits: RateLimits,
    /// `typed_per_filter_config`.
    pub filters: Vec<PerFilter>,
}

/// `require_tls`: whose requests are sent to `https`, if they came without.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RequireTls {
    /// `NONE`: nobody's.
    #[default]
    None,
    /// `EXTERNAL_ONLY`: those that are not internal.
    ExternalOnly,
    /// `ALL`.
    All,
}

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// `name`; empty where the file gives none.
    pub name: String,
    /// `match`.
    pub matcher: RouteMatch,
    /// What is done to the headers of its requests.
    pub headers: HeaderMutations,
    /// What to do with a request that matches.
    pub action: Action,
    /// `typed_per_filter_config`.
    pub filters: Vec<PerFilter>,
}
