//! Tells outlier detection and health checks what an attempt on a host came to. Where there are none, nothing is done.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};

use crate::message::Response;

use super::failure::Failure;
use super::outlier::Outcome;
use super::{Cluster, Host};

const IMMEDIATE_FAIL: HeaderName = HeaderName::from_static("x-envoy-immediate-health-check-fail");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// The host has answered, if only with a head so far.
pub(super) fn answered(cluster: &Cluster, host: &Host, response: &Response) {
    if host.monitor().is_some() {
        let status = grpc_status(response).unwrap_or_else(|| response.status().as_u16());
        host.observe(Outcome::Answered(status));
    }
    if let Some(health) = &cluster.active_health
        && response.headers().contains_key(IMMEDIATE_FAIL)
    {
        tracing::debug!(cluster = %cluster.name, host = %host.address, "a response says that its host is failing");
        health.failed_in_passing(host);
    }
}

/// The host has not.
pub(super) fn failed(host: &Host, failure: &Failure) {
    match failure {
        // These say nothing about the host; and how late is too late says who waits for it.
        Failure::NoHealthyHost
        | Failure::NoPool
        | Failure::Overflow
        | Failure::RouteTimeout { .. } => {}
        // A client may want another status for a timeout; that of one try is always this one.
        Failure::PerTryTimeout | Failure::PerTryIdleTimeout => {
            host.observe(Outcome::TimedOut(504));
        }
        Failure::Connect(_)
        | Failure::Terminated
        | Failure::RemoteReset
        | Failure::RefusedStream
        | Failure::Protocol => host.observe(Outcome::Failed),
    }
}

/// What a status of gRPC in the head of a response, which then has nothing else, is in HTTP.
fn grpc_status(response: &Response) -> Option<u16> {
    let headers = response.headers();
    let kind = headers.get(CONTENT_TYPE)?;
    if !kind.as_bytes().starts_with(b"application/grpc") {
        return None;
    }
    status_of(headers)
}

/// Whether these headers, of a response's head or after its body, tell of a call that its host has served.
pub(super) fn is_served(headers: &HeaderMap) -> bool {
    status_of(headers).is_some_and(|status| status < 500)
}

/// What a status of gRPC is in HTTP, as gRPC's documentation of its codes has it, and Envoy.
fn status_of(headers: &HeaderMap) -> Option<u16> {
    let status = headers.get(GRPC_STATUS)?.to_str().ok()?;
    Some(match status.parse().unwrap_or(u32::MAX) {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    })
}
