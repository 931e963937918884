//! The gRPC services, as routes beside those of HTTP: `outrigger.demo.v1.DateTime` and `grpc.health.v1.Health`.
//!
//! A client outside Rust finds the first one in `proto/date_time.proto`, and everybody knows the second.

mod date_time;
mod health;
pub mod messages;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::post;
use tonic::{Code, Status};

use crate::Service;
use crate::failure::MAX_DELAY;

/// Every call of the services.
pub(crate) fn table() -> Router<Arc<Service>> {
    Router::new()
        .route("/outrigger.demo.v1.DateTime/Now", post(date_time::now))
        .route("/outrigger.demo.v1.DateTime/Watch", post(date_time::watch))
        .route("/outrigger.demo.v1.DateTime/Collect", post(date_time::collect))
        .route("/outrigger.demo.v1.DateTime/Echo", post(date_time::echo))
        .route("/grpc.health.v1.Health/Check", post(health::check))
        .route("/grpc.health.v1.Health/Watch", post(health::watch))
        .route("/outrigger.demo.v1.DateTime/{method}", post(unimplemented))
        .route("/grpc.health.v1.Health/{method}", post(unimplemented))
}

async fn unimplemented() -> Response {
    Status::unimplemented("there is no such method").into_http::<tonic::body::Body>().map(Body::new)
}

/// The failure that a request asks for, if it does.
fn failure(status: i32, message: &str) -> Result<(), Status> {
    if status == 0 {
        return Ok(());
    }
    let code = Code::from(status);
    if i32::from(code) != status {
        return Err(Status::invalid_argument(format!("status: {status} is none of gRPC")));
    }
    Err(Status::new(code, message))
}

/// The time that a request asks for, if that is not too long.
fn time(name: &str, millis: u32) -> Result<Duration, Status> {
    let time = Duration::from_millis(millis.into());
    if time > MAX_DELAY {
        let longest = MAX_DELAY.as_millis();
        return Err(Status::invalid_argument(format!("{name}: at most {longest}")));
    }
    Ok(time)
}
