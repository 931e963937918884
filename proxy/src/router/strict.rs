//! `strict_check_headers`: what a client asks of the router must make sense, or its request is refused.

use http::header::HeaderMap;

use crate::config::hcm::StrictHeader;
use crate::message::headers;
use crate::message::local_reply::LocalReply;

/// The conditions of `x-envoy-retry-on`.
const RETRY_ON: &[&str] = &[
    "5xx",
    "gateway-error",
    "connect-failure",
    "envoy-ratelimited",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "reset",
    "reset-before-request",
    "http3-post-connect-failure",
];

/// The conditions of `x-envoy-retry-grpc-on`.
const RETRY_GRPC_ON: &[&str] =
    &["cancelled", "deadline-exceeded", "resource-exhausted", "unavailable", "internal"];

/// The answer to a request one of whose headers makes no sense, if one does not.
pub(super) fn check(wanted: &[Option<StrictHeader>], headers: &HeaderMap) -> Option<LocalReply> {
    wanted.iter().flatten().find_map(|header| {
        let (name, conditions) = match header {
            StrictHeader::UpstreamRqTimeoutMs => (headers::X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS, None),
            StrictHeader::UpstreamRqPerTryTimeoutMs => {
                (headers::X_ENVOY_UPSTREAM_RQ_PER_TRY_TIMEOUT_MS, None)
            }
            StrictHeader::MaxRetries => (headers::X_ENVOY_MAX_RETRIES, None),
            StrictHeader::RetryOn => (headers::X_ENVOY_RETRY_ON, Some(RETRY_ON)),
            StrictHeader::RetryGrpcOn => (headers::X_ENVOY_RETRY_GRPC_ON, Some(RETRY_GRPC_ON)),
        };
        let value = headers.get(&name)?.as_bytes();
        let text = std::str::from_utf8(value).unwrap_or("");
        let makes_sense = match conditions {
            None => text.trim().parse::<u32>().is_ok(),
            Some(known) => text.split(',').all(|one| known.contains(&one.trim())),
        };
        let value = String::from_utf8_lossy(value);
        (!makes_sense).then(|| LocalReply::strict_check_failed(name.as_str(), &value))
    })
}
