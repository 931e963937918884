//! `grpc.health.v1.Health`: the process serves, whatever the failure mode says, as `/healthz` does.

use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::response::Response as HttpResponse;
use futures_util::stream::{self, StreamExt as _};
use tonic::server::Grpc;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::messages::{HealthCheckRequest, HealthCheckResponse, ServingStatus};

/// The services whose health is known; the one without a name is the server.
const KNOWN: [&str; 3] = ["", "outrigger.demo.v1.DateTime", "grpc.health.v1.Health"];

pub(super) async fn check(request: HttpRequest) -> HttpResponse {
    let answer =
        service_fn(async |request: Request<HealthCheckRequest>| match status(request.get_ref()) {
            ServingStatus::ServiceUnknown => Err(Status::not_found("there is no such service")),
            status => Ok(Response::new(HealthCheckResponse { status: status.into() })),
        });
    Grpc::new(ProstCodec::default()).unary(answer, request).await.map(Body::new)
}

/// Tells it once; it does not change as long as there is somebody to tell it.
pub(super) async fn watch(request: HttpRequest) -> HttpResponse {
    let answer = service_fn(async |request: Request<HealthCheckRequest>| {
        let told = HealthCheckResponse { status: status(request.get_ref()).into() };
        Ok(Response::new(stream::iter([Ok(told)]).chain(stream::pending())))
    });
    Grpc::new(ProstCodec::default()).server_streaming(answer, request).await.map(Body::new)
}

fn status(request: &HealthCheckRequest) -> ServingStatus {
    match KNOWN.contains(&request.service.as_str()) {
        true => ServingStatus::Serving,
        false => ServingStatus::ServiceUnknown,
    }
}
