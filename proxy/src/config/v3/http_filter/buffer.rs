//! `envoy.extensions.filters.http.buffer.v3`.

use crate::config::http_filter::Buffer;
use crate::config::v3::message::Message;

pub(super) const NAME: &str = "envoy.extensions.filters.http.buffer.v3.Buffer";

pub(super) const PER_ROUTE: &str = "envoy.extensions.filters.http.buffer.v3.BufferPerRoute";

pub(super) fn lower(buffer: &Message<'_>) -> Option<Buffer> {
    Some(Buffer { max_request_bytes: buffer.u32("max_request_bytes")? })
}

/// None is disabled.
pub(super) fn per_route(config: &Message<'_>) -> Option<Buffer> {
    // The rules let nothing through but `true`.
    config.dismiss(&["disabled"]);
    config.message("buffer").and_then(lower)
}
