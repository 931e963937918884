//! `envoy.extensions.filters.http.buffer.v3.Buffer`.

/// Requests are held until they have come in whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Buffer {
    /// `max_request_bytes`: a longer body is refused.
    pub max_request_bytes: u32,
}
