//! Route tables: pure data and matching. Given a request's head, a table says what to do with it.

mod table;

pub use self::table::{Action, Forward, Route, Selected, Slot, Table, VirtualHost};
