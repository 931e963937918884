//! The date-time service that stands behind the mesh and knows nothing of it.
//!
//! [`app`] is the whole service as a value that a test calls without a socket; [`serve`] puts it on one.

pub mod grpc;
pub mod healthcheck;
pub mod serve;
pub mod settings;

mod error;
mod failure;
mod routes;

use std::sync::Arc;

use axum::Router;
use chrono::{DateTime, FixedOffset, Local};

use crate::failure::Switch;

/// Where the service reads the time.
pub type Clock = fn() -> DateTime<FixedOffset>;

/// The time of this machine in its own zone, which is UTC where there is no time zone database.
#[must_use]
pub fn local_time() -> DateTime<FixedOffset> {
    Local::now().fixed_offset()
}

/// What the handlers share.
struct Service {
    /// The instance's name, shown in `/echo`.
    name: String,
    clock: Clock,
    failure: Switch,
}

/// The service: every route and every call, answering as the instance `name` at the time of `clock`.
pub fn app(name: &str, clock: Clock) -> Router {
    let service = Service { name: name.to_owned(), clock, failure: Switch::default() };
    routes::table().merge(grpc::table()).with_state(Arc::new(service))
}

#[cfg(test)]
mod tests;
