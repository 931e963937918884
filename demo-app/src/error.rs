//! What the service refuses, as a status and one line of JSON.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use thiserror::Error;

use crate::failure::MAX_DELAY;

/// A request that cannot be served.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The table has no such path.
    #[error("no route for {path}")]
    NoRoute { path: String },
    /// `/status/{code}` with something that is no status.
    #[error("status: {given} is not a number between 200 and 599")]
    Status { given: String },
    /// `/delay/{ms}` with something that is no delay.
    #[error("delay: {given} is not a number of milliseconds up to {}", MAX_DELAY.as_millis())]
    Delay { given: String },
    /// `/bytes/{count}` with something that is no number.
    #[error("bytes: {given} is not a number")]
    Bytes { given: String },
    /// `PUT /failure` with something that is no failure mode.
    #[error("failure: {reason}")]
    Failure { reason: String },
    /// The body ended early or was malformed.
    #[error("body: {reason}")]
    Body { reason: String },
}

// === impl Error ===

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NoRoute { .. } => StatusCode::NOT_FOUND,
            Self::Status { .. }
            | Self::Delay { .. }
            | Self::Bytes { .. }
            | Self::Failure { .. }
            | Self::Body { .. } => StatusCode::BAD_REQUEST,
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}
