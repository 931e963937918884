//! What a `RouteAction` says of time.

use std::time::Duration;

use crate::config::diagnostic::Findings;
use crate::config::route::{DEFAULT_ROUTE_TIMEOUT, MaxStreamDuration, StreamTimes};
use crate::config::v3::message::Message;
use crate::config::v3::protocol;
use crate::stream_info::Limit;

/// For how long upstream may take. Where a stream has a limit of its own, Envoy leaves that away: whatever is said of it.
pub(super) fn timeout(action: &Message<'_>) -> Option<Duration> {
    let timeout = protocol::timeout(Some(action), "timeout", Some(DEFAULT_ROUTE_TIMEOUT));
    timeout.filter(|_| !action.has("max_stream_duration"))
}

/// The limits of the streams, if there are any.
pub(super) fn lower(action: &Message<'_>, findings: &mut Findings) -> Option<StreamTimes> {
    if action.has("max_stream_duration") && action.duration("timeout").is_some() {
        let message = "has no effect beside max_stream_duration, which replaces it";
        findings.warn(action.place("timeout"), message);
    }
    let most = action.message("max_stream_duration").map(|most| MaxStreamDuration {
        duration: limit(most, "max_stream_duration"),
        grpc_header_max: most.duration("grpc_timeout_header_max"),
        grpc_header_offset: most.duration("grpc_timeout_header_offset"),
    });
    let times = StreamTimes {
        idle: limit(action, "idle_timeout"),
        max_stream_duration: most,
        max_grpc_timeout: action.duration("max_grpc_timeout"),
        grpc_timeout_offset: action.duration("grpc_timeout_offset"),
    };
    (times != StreamTimes::default()).then_some(times)
}

fn limit(message: &Message<'_>, field: &str) -> Limit {
    match message.duration(field) {
        None => Limit::Inherited,
        Some(Duration::ZERO) => Limit::Off,
        Some(limit) => Limit::After(limit),
    }
}
