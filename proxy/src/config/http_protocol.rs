//! Settings of the codecs: `envoy.config.core.v3.Http1ProtocolOptions` and `Http2ProtocolOptions`.

/// `initial_stream_window_size` where the file says nothing: 1 MiB, as much as `per_connection_buffer_limit_bytes` lets
/// a connection hold. Envoy 1.40 announces 16 MiB, and a slow reader on either side can make it hold that much.
pub const DEFAULT_STREAM_WINDOW: u32 = 1024 * 1024;

/// `initial_connection_window_size` where the file says nothing: room for sixteen streams that nobody reads, so that
/// they do not stop the others. Envoy 1.40 announces 24 MiB.
pub const DEFAULT_CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

/// `max_concurrent_streams` where the file says nothing (1024, Envoy 1.40).
pub const DEFAULT_CONCURRENT_STREAMS: u32 = 1024;

/// `hpack_table_size` where the file says nothing (RFC 7541's and Envoy's 4096).
pub const DEFAULT_HPACK_TABLE: u32 = 4096;

/// HTTP/1 settings of one side.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Http1 {
    /// `accept_http_10` (default false: HTTP/1.0 is answered 426).
    pub accept_http_10: bool,
    /// `default_host_for_http_10`.
    pub default_host_for_http_10: Option<String>,
    /// `override_stream_error_on_invalid_http_message`, or `stream_error_on_invalid_http_message` of the connection
    /// manager: a request that is answered 400 before its codec gives up does not end its connection (default false).
    pub goes_on_after_bad_request: bool,
}

/// HTTP/2 settings of one side.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Http2 {
    /// `hpack_table_size`, in bytes.
    pub hpack_table_size: u32,
    /// `max_concurrent_streams`.
    pub max_concurrent_streams: u32,
    /// `initial_stream_window_size`, in bytes.
    pub initial_stream_window: u32,
    /// `initial_connection_window_size`, in bytes.
    pub initial_connection_window: u32,
    /// `allow_connect`: clients may ask for upgrades by extended CONNECT (RFC 8441).
    pub allow_connect: bool,
}

impl Default for Http2 {
    fn default() -> Self {
        Self {
            hpack_table_size: DEFAULT_HPACK_TABLE,
            max_concurrent_streams: DEFAULT_CONCURRENT_STREAMS,
            initial_stream_window: DEFAULT_STREAM_WINDOW,
            initial_connection_window: DEFAULT_CONNECTION_WINDOW,
            allow_connect: false,
        }
    }
}
