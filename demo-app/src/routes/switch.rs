//! `/failure`: switches the failure mode of `/`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;

use crate::Service;
use crate::error::Error;
use crate::failure::Failure;

/// Shows the failure mode: `null` when it is off.
pub(crate) async fn shown(State(service): State<Arc<Service>>) -> Json<Option<Failure>> {
    Json(service.failure.current())
}

/// Switches it on; the new mode replaces the old one. Any content type will do, so that `curl -X PUT -d` is enough.
pub(crate) async fn on(
    State(service): State<Arc<Service>>,
    body: Bytes,
) -> Result<Json<Failure>, Error> {
    let failure: Failure = serde_json::from_slice(&body)
        .map_err(|mistake| Error::Failure { reason: mistake.to_string() })?;
    failure.check().map_err(|reason| Error::Failure { reason })?;
    service.failure.set(Some(failure));
    Ok(Json(failure))
}

/// Switches it off.
pub(crate) async fn off(State(service): State<Arc<Service>>) -> StatusCode {
    service.failure.set(None);
    StatusCode::NO_CONTENT
}
