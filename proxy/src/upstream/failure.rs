//! What went wrong upstream, and everything that follows from it: status, flag, details.

use h2::Reason;
use http::StatusCode;

use crate::message::body::BodyError;
use crate::message::local_reply::LocalReply;
use crate::stream_info::Flag;

use super::connect::ConnectError;
use super::pool::{ExchangeError, PoolError};

/// Why an attempt on an upstream host gave no usable response.
#[derive(Debug)]
pub enum Failure {
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
    /// The same, by `REFUSED_STREAM`: it has not looked at the request.
    RefusedStream,
    /// What the host sent is not HTTP.
    Protocol,
    /// `per_try_timeout`.
    PerTryTimeout,
    /// `per_try_idle_timeout`.
    PerTryIdleTimeout,
    /// The route's timeout.
    RouteTimeout {
        /// Whether a host was being tried, and not the next try waited for.
        trying: bool,
    },
}

/// Flag and details of a response that broke off after its head was sent on.
pub fn after_response_started(error: &BodyError) -> (Flag, &'static str) {
    match error {
        BodyError::Deadline => (Flag::UpstreamRequestTimeout, "response_timeout"),
        BodyError::Idle => (Flag::UpstreamRequestTimeout, "upstream_per_try_idle_timeout"),
        BodyError::Stream(error)
            if error.is_remote() && error.reason() == Some(Reason::CONNECT_ERROR) =>
        {
            (
                Flag::UpstreamRemoteReset,
                "upstream_reset_after_response_started{remote_error_with_CONNECT_request}",
            )
        }
        BodyError::Stream(error) if error.is_reset() && error.is_remote() => {
            (Flag::UpstreamRemoteReset, "upstream_reset_after_response_started{remote_reset}")
        }
        BodyError::Stream(error) if !error.is_library() => (
            Flag::UpstreamConnectionTermination,
            "upstream_reset_after_response_started{connection_termination}",
        ),
        BodyError::Closed => (
            Flag::UpstreamConnectionTermination,
            "upstream_reset_after_response_started{connection_termination}",
        ),
        // An HTTP/1 body that ends before its end is a breach of the protocol, as Envoy sees it.
        BodyError::Source(_)
        | BodyError::Stream(_)
        | BodyError::Malformed
        | BodyError::Superseded
        | BodyError::Withdrawn => {
            (Flag::UpstreamProtocolError, "upstream_reset_after_response_started{protocol_error}")
        }
    }
}

// === impl Failure ===

impl Failure {
    /// What a broken exchange means.
    pub fn of_exchange(error: &ExchangeError) -> Self {
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
            return match error.reason() {
                Some(Reason::REFUSED_STREAM) => Self::RefusedStream,
                _ => Self::RemoteReset,
            };
        }
        if error.is_go_away() && error.is_remote() {
            // It looks at no stream beyond the last one that it names, and this is one.
            return Self::RefusedStream;
        }
        if error.is_library() { Self::Protocol } else { Self::Terminated }
    }

    /// The answer that the client gets; `retried` says whether this was not the first try.
    pub fn reply(&self, retried: bool) -> LocalReply {
        match self {
            Self::NoHealthyHost | Self::NoPool => LocalReply::no_healthy_upstream(),
            Self::RouteTimeout { .. } => LocalReply::upstream_timeout("response_timeout"),
            Self::PerTryTimeout => LocalReply::upstream_timeout("upstream_per_try_timeout"),
            Self::PerTryIdleTimeout => {
                LocalReply::upstream_timeout("upstream_per_try_idle_timeout")
            }
            Self::Overflow
            | Self::Connect(_)
            | Self::Terminated
            | Self::RemoteReset
            | Self::RefusedStream
            | Self::Protocol => self.reset(retried),
        }
    }

    fn reset(&self, retried: bool) -> LocalReply {
        let (reason, flag) = match self {
            Self::Overflow => ("overflow", Flag::UpstreamOverflow),
            Self::Connect(ConnectError::Timeout) => {
                ("connection timeout", Flag::UpstreamConnectionFailure)
            }
            Self::Connect(_) => ("remote connection failure", Flag::UpstreamConnectionFailure),
            Self::RemoteReset => ("remote reset", Flag::UpstreamRemoteReset),
            Self::RefusedStream => ("remote refused stream reset", Flag::UpstreamRemoteReset),
            Self::Protocol => ("protocol error", Flag::UpstreamProtocolError),
            _ => ("connection termination", Flag::UpstreamConnectionTermination),
        };
        let status = match self {
            Self::Protocol => StatusCode::BAD_GATEWAY,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let more = self.transport_failure();
        let mut reply =
            LocalReply::upstream_reset(status, (reason, more.as_deref()), flag, retried);
        reply.overloaded = matches!(self, Self::Overflow);
        reply
    }

    /// Whether it is a timeout, to which a client may have asked for an answer of its own.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::RouteTimeout { .. } | Self::PerTryTimeout | Self::PerTryIdleTimeout)
    }

    /// `%UPSTREAM_TRANSPORT_FAILURE_REASON%`: what the system said of the connection.
    pub fn transport_failure(&self) -> Option<String> {
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
