//! Route tables as configured: `envoy.config.route.v3.RouteConfiguration`.

mod action;
mod cluster;
mod hash_policy;
mod matcher;
mod redirect;
mod retry;
mod rewrite;
mod template;
mod virtual_host;

pub use self::action::{
    Action, DEFAULT_ROUTE_TIMEOUT, DirectResponse, Forward, MaxStreamDuration, StreamTimes, Upgrade,
};
pub use self::cluster::{ClusterName, ClusterSpecifier, ClusterWeight, WeightedClusters};
pub use self::hash_policy::{HashCookie, HashPolicy, HashSource};
pub use self::matcher::{
    CookieMatcher, Fraction, PathMatch, QueryCondition, QueryMatcher, RouteMatch, TlsMatch,
};
pub use self::redirect::Redirect;
pub use self::retry::{
    BackOff, DEFAULT_BASE_INTERVAL, DEFAULT_MAX_FACTOR, DEFAULT_NUM_RETRIES,
    DEFAULT_RESET_MAX_INTERVAL, HostPredicate, ResetBackOff, ResetFormat, ResetHeader, RetryOn,
    RetryPolicy,
};
pub use self::rewrite::{HostRewrite, PathRewrite, RegexRewrite};
pub use self::template::{PathTemplate, TemplateError};
pub use self::virtual_host::{Attempts, BufferLimit, RequireTls, Route, VirtualHost};

use super::headers::HeaderMutations;
use super::http_filter::PerFilter;
use super::matcher::HeaderField;
use super::mirror::MirrorPolicy;

/// One route table.
#[derive(Clone, Debug, Default)]
pub struct RouteConfiguration {
    /// `name`.
    pub name: String,
    /// What is done to the headers of all its requests.
    pub headers: HeaderMutations,
    /// `most_specific_header_mutations_wins`: of changes to one header that of the route stands last, and not that of
    /// the table.
    pub most_specific_header_mutations_wins: bool,
    /// `virtual_hosts`, in file order.
    pub virtual_hosts: Vec<VirtualHost>,
    /// `vhost_header`: the header that virtual hosts are found by, in place of the host.
    pub virtual_host_header: Option<HeaderField>,
    /// `ignore_port_in_host_matching`.
    pub ignore_port: bool,
    /// `ignore_path_parameters_in_path_matching`: what follows a `;` does not count.
    pub ignore_path_parameters: bool,
    /// `request_mirror_policies`, of the virtual hosts that have none.
    pub mirrors: Vec<MirrorPolicy>,
    /// `typed_per_filter_config`.
    pub filters: Vec<PerFilter>,
}
