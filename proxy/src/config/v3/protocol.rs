//! `envoy.config.core.v3.*ProtocolOptions`: the codecs' settings.

use std::time::Duration;

use crate::config::http_protocol::{self, Http1, Http2};

use super::message::Message;

/// `Http1ProtocolOptions` of a connection manager.
pub(super) fn http1(hcm: &Message<'_>) -> Http1 {
    let goes_on = hcm.bool("stream_error_on_invalid_http_message").unwrap_or_default();
    let Some(options) = hcm.message("http_protocol_options") else {
        return Http1 { goes_on_after_bad_request: goes_on, ..Http1::default() };
    };
    let overriding = options.bool("override_stream_error_on_invalid_http_message");
    Http1 {
        goes_on_after_bad_request: overriding.unwrap_or(goes_on),
        accept_http_10: options.bool("accept_http_10").unwrap_or_default(),
        default_host_for_http_10: options.nonempty("default_host_for_http_10").map(str::to_owned),
    }
}

/// `Http2ProtocolOptions` of either side.
pub(super) fn http2(options: Option<&Message<'_>>) -> Http2 {
    let Some(options) = options else { return Http2::default() };
    let number = |name, default| options.u32(name).unwrap_or(default);
    Http2 {
        hpack_table_size: number("hpack_table_size", http_protocol::DEFAULT_HPACK_TABLE),
        max_concurrent_streams: number(
            "max_concurrent_streams",
            http_protocol::DEFAULT_CONCURRENT_STREAMS,
        ),
        initial_stream_window: number(
            "initial_stream_window_size",
            http_protocol::DEFAULT_STREAM_WINDOW,
        ),
        initial_connection_window: number(
            "initial_connection_window_size",
            http_protocol::DEFAULT_CONNECTION_WINDOW,
        ),
        allow_connect: options.bool("allow_connect").unwrap_or_default(),
    }
}

/// A timeout: absent means the default, zero means none.
pub(super) fn timeout(
    message: Option<&Message<'_>>,
    field: &str,
    default: Option<Duration>,
) -> Option<Duration> {
    match message.and_then(|message| message.duration(field)) {
        None => default,
        Some(Duration::ZERO) => None,
        given => given,
    }
}
