//! Every answer that we invent, by named constructor: whoever looks for a 503 finds all of them here.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Response, StatusCode};

use crate::stream_info::{Flag, StreamInfo};

use super::{Body, grpc, headers};

/// An answer that no upstream sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LocalReply {
    /// The status.
    pub status: StatusCode,
    /// The body; may be empty.
    pub body: Bytes,
    /// The reason in the access log, if it is not an ordinary answer.
    pub flag: Option<Flag>,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub details: Cow<'static, str>,
    /// Whether a breaker is the reason, which `x-envoy-overloaded` tells.
    pub overloaded: bool,
    /// Whether the connection closes after it, whatever its status.
    pub closes: bool,
    /// The type of the body; `text/plain` where nothing is said.
    pub content_type: Option<HeaderValue>,
    /// Where the client shall go instead. Boxed, since few replies have one and all are handed up by value.
    pub location: Option<Box<HeaderValue>>,
    /// The status of a gRPC call, where that of HTTP does not say it.
    pub grpc_status: Option<u8>,
}

// === impl LocalReply ===

impl LocalReply {
    fn new(status: StatusCode, details: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            body: Bytes::new(),
            flag: None,
            details: details.into(),
            overloaded: false,
            closes: false,
            content_type: None,
            location: None,
            grpc_status: None,
        }
    }

    /// The same with this body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    fn flagged(mut self, flag: Flag) -> Self {
        self.flag = Some(flag);
        self
    }

    fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    /// The codec does not understand the request; the body is the reason phrase.
    pub fn codec_error(status: StatusCode, details: &'static str) -> Self {
        Self::new(status, details)
            .with_body(status.canonical_reason().unwrap_or(""))
            .flagged(Flag::DownstreamProtocolError)
            .closing()
    }

    /// The process has too much to do.
    pub fn overload() -> Self {
        Self {
            body: "envoy overloaded".into(),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "overload")
        }
    }

    /// HTTP/1.0, which is not accepted.
    pub fn low_version() -> Self {
        Self::codec_error(StatusCode::UPGRADE_REQUIRED, "low_version")
    }

    /// An HTTP/1.1 request without `host`, or an HTTP/2 one without `:authority`.
    pub fn missing_host() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "missing_host_header")
    }

    /// A path that is not one of this server: `*`.
    pub fn not_absolute_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "absolute_path_rejected")
    }

    /// A host that cannot be one.
    pub fn invalid_authority() -> Self {
        Self::codec_error(StatusCode::BAD_REQUEST, "http.invalid_authority")
    }

    /// A path that nobody should look at: with a fragment, which is the client's own business (RFC 9112 §3.2), with a
    /// NUL, or with escaped slashes where these are refused.
    pub fn path_normalization_failed() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "path_normalization_failed")
    }

    /// The client is to ask for the path without escaped slashes, so that all who look at it see the same.
    pub fn normalized_path(path: &str) -> Self {
        let mut reply = Self::new(StatusCode::TEMPORARY_REDIRECT, "path_normalization_failed");
        reply.location = HeaderValue::from_str(path).ok().map(Box::new);
        reply
    }

    /// An upgrade that no route allows.
    pub fn upgrade_failed() -> Self {
        Self::new(StatusCode::FORBIDDEN, "upgrade_failed").closing()
    }

    /// The fault filter answers in place of an upstream; the file may say with which body.
    pub fn fault(status: StatusCode, body: Option<String>) -> Self {
        let body = body.map_or(Bytes::from_static(b"fault filter abort"), Bytes::from);
        Self::new(status, "fault_filter_abort").with_body(body).flagged(Flag::FaultInjected)
    }

    /// No token is left.
    pub fn rate_limited(status: StatusCode, details: &'static str) -> Self {
        Self::new(status, details).with_body(details).flagged(Flag::RateLimited)
    }

    /// A rate limit service has said so, and perhaps what is to be read of it.
    pub fn over_limit(status: StatusCode, body: Bytes) -> Self {
        Self::new(status, "request_rate_limited").with_body(body).flagged(Flag::RateLimited)
    }

    /// A rate limit service has said nothing that could be understood.
    pub fn rate_limiter_error(status: StatusCode) -> Self {
        Self::new(status, "rate_limiter_error").flagged(Flag::RateLimitServiceError)
    }

    /// The answer to a health check.
    pub fn health_check(status: StatusCode, details: &'static str) -> Self {
        Self::new(status, details)
    }

    /// A filter that holds requests until they are whole has room for so much and no more.
    pub fn payload_too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "request_payload_too_large")
            .with_body("Payload Too Large")
            .closing()
    }

    /// A filter that holds responses until they are whole has room for so much and no more.
    pub fn response_too_large() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "response_payload_too_large")
            .with_body("Internal Server Error")
    }

    /// A gRPC-Web request that is to be base64 and is not.
    pub fn bad_grpc_web(details: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, details)
            .with_body("Bad gRPC-web request, invalid base64 data.")
    }

    /// No virtual host, or no route of it, matches.
    pub fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "route_not_found").flagged(Flag::NoRouteFound)
    }

    /// The route's cluster does not exist; the route says with which status (503 by default).
    pub fn no_cluster(status: StatusCode) -> Self {
        Self::new(status, "cluster_not_found").flagged(Flag::NoClusterFound)
    }

    /// The cluster has no host to ask.
    pub fn no_healthy_upstream() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "no_healthy_upstream")
            .with_body("no healthy upstream")
            .flagged(Flag::NoHealthyUpstream)
    }

    /// The upstream was reset before it answered; `reason` in Envoy's words, with what the system has to say of it.
    pub fn upstream_reset(
        status: StatusCode,
        (reason, more): (&str, Option<&str>),
        flag: Flag,
        retried: bool,
    ) -> Self {
        let details = match more {
            Some(more) => format!("upstream_reset_before_response_started{{{reason}|{more}}}"),
            None => format!("upstream_reset_before_response_started{{{reason}}}"),
        };
        let retried = if retried { "retried and the latest " } else { "" };
        Self::new(status, details.replace(' ', "_"))
            .with_body(format!(
                "upstream connect error or disconnect/reset before headers. {retried}reset reason: {reason}"
            ))
            .flagged(flag)
    }

    /// The upstream took too long; `details` say by which limit.
    pub fn upstream_timeout(details: &'static str) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, details)
            .with_body("upstream request timeout")
            .flagged(Flag::UpstreamRequestTimeout)
    }

    /// The same reply for a client that asked not to be told of a timeout by an error.
    #[must_use]
    pub fn without_content(self) -> Self {
        Self { status: StatusCode::NO_CONTENT, body: Bytes::new(), ..self }
    }

    /// `stream_idle_timeout`. Whose turn it was says the status: the client's, if its request is not `complete`.
    pub fn stream_idle_timeout(complete: bool) -> Self {
        let status =
            if complete { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::REQUEST_TIMEOUT };
        let reply = Self::new(status, "stream_idle_timeout")
            .with_body("stream timeout")
            .flagged(Flag::StreamIdleTimeout);
        if complete { reply } else { reply.closing() }
    }

    /// `max_stream_duration`. Whose turn it was says the status.
    pub fn max_stream_duration(complete: bool) -> Self {
        let status =
            if complete { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::REQUEST_TIMEOUT };
        let mut reply =
            Self::new(status, "max_duration_timeout").with_body("downstream duration timeout");
        reply.grpc_status = Some(grpc::DEADLINE_EXCEEDED);
        if complete { reply } else { reply.closing() }
    }

    /// `request_timeout`: the request did not come in whole in time.
    pub fn request_timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "request_overall_timeout")
            .with_body("request timeout")
            .closing()
    }

    /// `request_headers_timeout`: the request's head did not come in whole in time.
    pub fn request_header_timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "request_header_timeout")
            .with_body("request header timeout")
            .closing()
    }

    /// The route answers itself: `direct_response` or `redirect`.
    pub fn direct_response(status: StatusCode) -> Self {
        Self::new(status, "direct_response")
    }

    /// A route's rewrite has made something of the path that no request can say. Envoy sends even that, and upstreams
    /// answer it so.
    pub fn unfit_rewrite() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "path_rewrite_failed")
    }

    /// `strict_check_headers`: a header for the router makes no sense.
    pub fn strict_check_failed(name: &str, value: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("request_headers_failed_strict_check{{{name}}}"))
            .with_body(format!("invalid header '{name}' with value '{value}'"))
            .flagged(Flag::InvalidEnvoyRequestHeaders)
    }

    /// The response, with what the log will say of it noted in `info`.
    pub fn into_response(self, info: &mut StreamInfo) -> super::Response {
        if let Some(flag) = self.flag {
            info.flags.set(flag);
        }
        info.details = Some(self.details);
        info.local_reply = true;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if self.overloaded {
            headers.insert(headers::X_ENVOY_OVERLOADED, HeaderValue::from_static("true"));
        }
        if let Some(status) = self.grpc_status.filter(|_| info.grpc) {
            headers.insert(grpc::GRPC_STATUS, u16::from(status).into());
        }
        if let Some(location) = self.location {
            headers.insert(LOCATION, *location);
        }
        if !self.body.is_empty() {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
            let kind = self.content_type.unwrap_or(HeaderValue::from_static("text/plain"));
            headers.insert(CONTENT_TYPE, kind);
            *response.body_mut() = Body::full(self.body);
        }
        response
    }
}
