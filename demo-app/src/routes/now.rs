//! `/`: what the tutorial asks for, unless the failure mode is on.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::Service;

/// Python's `isoformat()` of a time with microseconds, always with all six digits.
pub(crate) const ISO_FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.6f";

/// Answers with the time of day.
pub(crate) async fn now(State(service): State<Arc<Service>>) -> Response {
    if let Some(response) = service.failure.strike().await {
        return response;
    }
    let body = format!("The datetime is {}", (service.clock)().format(ISO_FORMAT));
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response()
}
