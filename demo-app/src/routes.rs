//! The table of routes.

mod bytes;
mod echo;
mod health;
mod now;
mod probe;
mod switch;

#[cfg(test)]
pub(crate) use echo::MAX_SHOWN_BODY;
pub(crate) use now::ISO_FORMAT;

use std::sync::Arc;

use axum::Router;
use axum::http::Uri;
use axum::routing::{any, get};

use crate::Service;
use crate::error::Error;

/// Every route of the service.
pub(crate) fn table() -> Router<Arc<Service>> {
    Router::new()
        .route("/", get(now::now))
        .route("/healthz", get(health::healthz))
        .route("/status/{code}", any(probe::status))
        .route("/delay/{ms}", any(probe::delay))
        .route("/bytes/{count}", get(bytes::counted))
        .route("/echo", any(echo::described))
        .route("/echo/body", any(echo::returned))
        .route("/failure", get(switch::shown).put(switch::on).delete(switch::off))
        .fallback(async |uri: Uri| Error::NoRoute { path: uri.path().to_owned() })
}
