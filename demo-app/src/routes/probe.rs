//! `/status/{code}` and `/delay/{ms}`: answers on demand.

use std::time::Duration;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};

use crate::error::Error;
use crate::failure::{MAX_DELAY, final_status, plain};

/// Answers with the wanted status; a body names it where the status may have one.
pub(crate) async fn status(Path(code): Path<String>) -> Result<Response, Error> {
    let number = code.parse().map_err(|_not_a_number| Error::Status { given: code.clone() })?;
    let status = final_status(number).ok_or(Error::Status { given: code })?;
    Ok(plain(status))
}

/// Answers `200` after the wanted number of milliseconds.
pub(crate) async fn delay(Path(given): Path<String>) -> Result<Response, Error> {
    let wanted = given.parse().ok().map(Duration::from_millis).filter(|wait| *wait <= MAX_DELAY);
    let wait = wanted.ok_or(Error::Delay { given })?;
    tokio::time::sleep(wait).await;
    Ok(format!("waited {} ms\n", wait.as_millis()).into_response())
}
