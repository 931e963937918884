//! Route tables: pure data and matching. Given a request's head, a table says what to do with it.

mod action;
mod clusters;
mod domains;
mod filters;
mod head;
mod headers;
mod index;
mod matcher;
mod rewrite;
mod table;
mod tries;
mod virtual_host;

pub use self::action::{
    Action, Aims, Chosen, ClusterRef, DirectResponse, Forward, Redirect, Rewrite,
};
pub use self::clusters::{Clusters, Slot};
pub use self::domains::Domain;
pub use self::filters::{
    FilterLevels, FilterSettings, FilterSlot, Filters, Setting as FilterSetting,
};
pub use self::head::Head;
pub use self::headers::{HeaderParsers, RequestNotes};
pub use self::matcher::Unmet;
pub use self::rewrite::{location_of, location_of_tls, new_path};
pub use self::table::{Selected, Table};
pub use self::tries::{
    Attempts, BackOff, HostPredicate, ResetBackOff, ResetFormat, RetryOn, RetryPolicy, Tries,
    response_meets,
};
pub use self::virtual_host::{Limits, Route, VirtualHost};
