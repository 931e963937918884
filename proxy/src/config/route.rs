//! Route tables as configured: `envoy.config.route.v3.RouteConfiguration`.

mod action;
mod matcher;
mod virtual_host;

pub use self::action::{Action, DEFAULT_ROUTE_TIMEOUT, DirectResponse, Forward};
pub use self::matcher::{PathMatch, RouteMatch};
pub use self::virtual_host::{Route, VirtualHost};

/// One route table.
#[derive(Clone, Debug, Default)]
pub struct RouteConfiguration {
    /// `name`.
    pub name: String,
    /// `virtual_hosts`, in file order.
    pub virtual_hosts: Vec<VirtualHost>,
}
