//! The failure mode: what `/` does instead of telling the time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tonic::{Code, Status};

use crate::serve::CloseConnection;

/// The longest delay that can be asked for: a demonstration waits for seconds, and no request may stay for ever.
pub(crate) const MAX_DELAY: Duration = Duration::from_secs(60);

/// A failure mode as `PUT /failure` writes it, for example `{"status":503}` or `{"close":true,"times":2}`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failure {
    /// Answer with this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Fail calls of `Now` of the gRPC service with this status. Such a mode leaves `/` alone, and one without it the calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc_status: Option<i32>,
    /// Close the connection without an answer; over HTTP/2, where others share it, reset the stream.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    close: bool,
    /// Wait this many milliseconds first; alone, the ordinary answer follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    /// End the mode after this many requests; without it, it stays until it is switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
}

/// Holds the mode that is on, if one is.
#[derive(Default)]
pub(crate) struct Switch(Mutex<Option<Failure>>);

/// A status that ends an exchange: 1xx announces another response, and hyper would not send it as one.
pub(crate) fn final_status(number: u16) -> Option<StatusCode> {
    StatusCode::from_u16(number).ok().filter(|status| (200..=599).contains(&status.as_u16()))
}

/// A response that says its own status in one line of text.
pub(crate) fn plain(status: StatusCode) -> Response {
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return status.into_response();
    }
    (status, format!("{status}\n")).into_response()
}

// === impl Failure ===

impl Failure {
    /// Says what is wrong with a mode that cannot be switched on.
    pub(crate) fn check(&self) -> Result<(), String> {
        let answers = [self.status.is_some(), self.grpc_status.is_some(), self.close];
        match answers.iter().filter(|answer| **answer).count() {
            0 if self.delay_ms.is_none() => {
                return Err("one of status, grpc_status, close and delay_ms is needed".to_owned());
            }
            0 | 1 => {}
            _ => return Err("status, grpc_status and close exclude each other".to_owned()),
        }
        if let Some(status) = self.grpc_status
            && (status == 0 || i32::from(Code::from(status)) != status)
        {
            return Err(format!("grpc_status: {status} is not between 1 and 16"));
        }
        if let Some(status) = self.status
            && final_status(status).is_none()
        {
            return Err(format!("status: {status} is not between 200 and 599"));
        }
        if self.delay_ms.is_some_and(|ms| Duration::from_millis(ms) > MAX_DELAY) {
            return Err(format!("delay_ms: at most {}", MAX_DELAY.as_millis()));
        }
        if self.times == Some(0) {
            return Err("times: at least 1".to_owned());
        }
        Ok(())
    }

    async fn wait(&self) {
        if let Some(ms) = self.delay_ms {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }

    fn is_for_calls(&self) -> bool {
        self.grpc_status.is_some()
    }

    /// The response that stands in for the ordinary one, if one does.
    fn response(&self) -> Option<Response> {
        if self.close {
            let mut response = ().into_response();
            response.extensions_mut().insert(CloseConnection);
            return Some(response);
        }
        self.status.and_then(final_status).map(plain)
    }
}

// === impl Switch ===

impl Switch {
    /// The mode that is on.
    pub(crate) fn current(&self) -> Option<Failure> {
        *self.lock()
    }

    /// Replaces the mode; `None` switches it off.
    pub(crate) fn set(&self, failure: Option<Failure>) {
        *self.lock() = failure;
    }

    /// Takes part in one request to `/`: waits and answers as the mode says; `None` leaves the answer to the caller.
    pub(crate) async fn strike(&self) -> Option<Response> {
        let failure = self.take_one(|failure| !failure.is_for_calls())?;
        failure.wait().await;
        failure.response()
    }

    /// The same for a call of the gRPC service: with which status it fails, if the mode that is on is for calls.
    pub(crate) async fn strike_call(&self) -> Option<Status> {
        let failure = self.take_one(Failure::is_for_calls)?;
        failure.wait().await;
        let status = failure.grpc_status?;
        Some(Status::new(Code::from(status), "the failure mode is on"))
    }

    /// Counts one request against `times` and switches the mode off with the last.
    fn take_one(&self, strikes: impl FnOnce(&Failure) -> bool) -> Option<Failure> {
        let mut current = self.lock();
        let failure = (*current).filter(strikes)?;
        if let Some(left) = failure.times {
            let rest = Failure { times: Some(left - 1), ..failure };
            *current = (left > 1).then_some(rest);
        }
        Some(failure)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Failure>> {
        // No code that holds the lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
