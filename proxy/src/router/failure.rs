//! What went wrong upstream, and everything that follows from it: status, flag, details.

use http::StatusCode;

use crate::message::body::BodyError;
use crate::message::local_reply::LocalReply;
use crate::stream_info::Flag;
use crate::upstream::connect::ConnectError;
use crate::upstream::pool::{ExchangeError, PoolError};

/// Why an attempt on an upstream host gave no usable response.
#[derive(Debug)]
pub(super) enum Failure {
    /// The cluster has no host to ask.
    NoHealthyHost,
    /// A circuit breaker is open.
    Overflow,
    /// The host may have no pool: the breaker of pools is open.
    NoPool,
    /// No connection could be made.
    Connect(ConnectError),
    /// The host closed the connection before it answered.
    Terminated,
    /// The host reset the stream before it answered.
    RemoteReset,
    /// What the host sent is not HTTP.
    Protocol,
    /// The route's timeout.
    RouteTimeout,
}

/// Flag and details of a response that broke off after its head was sent on.
pub fn after_response_started(error: &BodyError) -> (Flag, &'static str) {
    match error {
        BodyError::Deadline => (Flag::UpstreamRequestTimeout, "response_timeout"),
        BodyError::Stream(error) if error.is_reset() && error.is_remote() => {
            (Flag::UpstreamRemoteReset, "upstream_reset_after_response_started{remote_reset}")
        }
        BodyError::Stream(error) if !error.is_library() => (
            Flag::UpstreamConnectionTermination,
            "upstream_reset_after_response_started{connection_termination}",
        ),
        // An HTTP/1 body that ends before its end is a breach of the protocol, as Envoy sees it.
        BodyError::Source(_) | BodyError::Stream(_) => {
            (Flag::UpstreamProtocolError, "upstream_reset_after_response_started{protocol_error}")
        }
    }
}

// === impl Failure ===

impl Failure {
    /// What a broken exchange means.
    pub(super) fn of_exchange(error: &ExchangeError) -> Self {
        match error {
            ExchangeError::Http1(error) => Self::of_http1(error),
            ExchangeError::Http2(error) => Self::of_http2(error),
        }
    }

    fn of_http1(error: &hyper::Error) -> Self {
        if error.is_parse() { Self::Protocol } else { Self::Terminated }
    }

    fn of_http2(error: &h2::Error) -> Self {
        if error.is_reset() && error.is_remote() {
            return Self::RemoteReset;
        }
        if error.is_library() { Self::Protocol } else { Self::Terminated }
    }

    /// The answer that the client gets.
    pub(super) fn reply(&self) -> LocalReply {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        match self {
            Self::NoHealthyHost | Self::NoPool => LocalReply::no_healthy_upstream(),
            Self::Overflow => LocalReply::overflow(),
            Self::Connect(ConnectError::Timeout) => LocalReply::upstream_reset(
                unavailable,
                "connection timeout",
                Flag::UpstreamConnectionFailure,
                None,
            ),
            Self::Connect(_) => LocalReply::upstream_reset(
                unavailable,
                "remote connection failure",
                Flag::UpstreamConnectionFailure,
                self.transport_failure().as_deref(),
            ),
            Self::Terminated => LocalReply::upstream_reset(
                unavailable,
                "connection termination",
                Flag::UpstreamConnectionTermination,
                None,
            ),
            Self::RemoteReset => LocalReply::upstream_reset(
                unavailable,
                "remote reset",
                Flag::UpstreamRemoteReset,
                None,
            ),
            Self::Protocol => LocalReply::upstream_reset(
                StatusCode::BAD_GATEWAY,
                "protocol error",
                Flag::UpstreamProtocolError,
                None,
            ),
            Self::RouteTimeout => LocalReply::upstream_timeout(),
        }
    }

    /// `%UPSTREAM_TRANSPORT_FAILURE_REASON%`: what the system said of the connection.
    pub(super) fn transport_failure(&self) -> Option<String> {
        let Self::Connect(error) = self else { return None };
        error.reason()
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Overflow => Self::Overflow,
            PoolError::NoPool => Self::NoPool,
            PoolError::Connect(error) => Self::Connect(error),
        }
    }
}
