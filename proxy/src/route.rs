//! Route tables: pure data and matching. Given a request's head, a table says what to do with it.

mod action;
mod clusters;
mod domains;
mod head;
mod headers;
mod matcher;
mod table;
mod virtual_host;

pub use self::action::{Action, DirectResponse, Forward};
pub use self::clusters::{Clusters, Slot};
pub use self::head::Head;
pub use self::headers::{HeaderParsers, RequestNotes};
pub use self::table::{Selected, Table};
pub use self::virtual_host::{Route, VirtualHost};
