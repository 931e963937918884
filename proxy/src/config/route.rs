//! Route tables as configured: `envoy.config.route.v3.RouteConfiguration`.

mod action;
mod matcher;
mod virtual_host;

pub use self::action::{Action, DEFAULT_ROUTE_TIMEOUT, DirectResponse, Forward};
pub use self::matcher::{PathMatch, RouteMatch};
pub use self::virtual_host::{Route, VirtualHost};

use super::headers::HeaderMutations;

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
}
