//! HTTP connection manager: `envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`.

use std::sync::Arc;
use std::time::Duration;

use super::access_log::AccessLog;
use super::address::CidrRange;
use super::http_filter::HttpFilter;
use super::http_protocol::{Http1, Http2};
use super::local_reply::LocalReplies;
use super::route::RouteConfiguration;

/// `common_http_protocol_options.idle_timeout` where the file says nothing: an hour, Envoy's.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

/// `stream_idle_timeout` where the file says nothing: five minutes, Envoy's.
pub const DEFAULT_STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// `delayed_close_timeout` where the file says nothing: a second, Envoy's.
pub const DEFAULT_DELAYED_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// `drain_timeout` where the file says nothing: five seconds, Envoy's.
pub const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// `max_request_headers_kb` where the file says nothing: 60 KiB, Envoy's.
pub const DEFAULT_MAX_REQUEST_HEADERS_KB: u32 = 60;

/// `common_http_protocol_options.max_headers_count` where the file says nothing: 100, Envoy's.
pub const DEFAULT_MAX_HEADERS_COUNT: u32 = 100;

/// One HTTP connection manager.
#[derive(Clone, Debug)]
pub struct HttpConnectionManager {
    /// `codec_type`.
    pub codec: Codec,
    /// `stat_prefix`: stats are `http.<stat_prefix>.`.
    pub stat_prefix: String,
    /// `route_config`.
    pub routes: Arc<RouteConfiguration>,
    /// `http_filters`, in order, the router last and left out.
    pub filters: Vec<HttpFilter>,
    /// The router at their end.
    pub router: RouterOptions,
    /// `server_name` (default `envoy`).
    pub server_name: String,
    /// `server_header_transformation` (default overwrite).
    pub server_header: ServerHeader,
    /// `via`; empty adds none.
    pub via: Option<String>,
    /// `generate_request_id` (default true).
    pub generate_request_id: bool,
    /// `preserve_external_request_id`.
    pub preserve_external_request_id: bool,
    /// `always_set_request_id_in_response`.
    pub always_set_request_id_in_response: bool,
    /// `use_remote_address` (default false).
    pub use_remote_address: bool,
    /// `xff_num_trusted_hops`.
    pub xff_num_trusted_hops: u32,
    /// `skip_xff_append`.
    pub skip_xff_append: bool,
    /// `append_x_forwarded_port`.
    pub append_x_forwarded_port: bool,
    /// `internal_address_config.cidr_ranges`; without it nobody is internal.
    pub internal_addresses: Vec<CidrRange>,
    /// `add_user_agent`: who we say we are to upstreams.
    pub user_agent: Option<UserAgent>,
    /// `scheme_header_transformation.scheme_to_overwrite`.
    pub scheme: Option<Scheme>,
    /// `forward_client_cert_details`.
    pub client_cert: ForwardClientCert,
    /// `set_current_client_cert_details`.
    pub client_cert_details: CertificateDetails,
    /// What is done to paths before anybody looks at them.
    pub paths: Paths,
    /// `strip_matching_host_port`, `strip_any_host_port`.
    pub strip_port: StripPort,
    /// `strip_trailing_host_dot`.
    pub strip_trailing_host_dot: bool,
    /// `common_http_protocol_options.headers_with_underscores_action`.
    pub underscores: Underscores,
    /// `common_http_protocol_options.idle_timeout`; none is off.
    pub idle_timeout: Option<Duration>,
    /// `common_http_protocol_options.max_requests_per_connection`; none (the default) is no limit.
    pub max_requests_per_connection: Option<u32>,
    /// `common_http_protocol_options.max_connection_duration`; none (the default) is off.
    pub max_connection_duration: Option<Duration>,
    /// `http1_safe_max_connection_duration`: an HTTP/1 connection that has lasted so long closes with its next response.
    pub http1_safe_max_connection_duration: bool,
    /// `common_http_protocol_options.max_stream_duration`; none (the default) is off.
    pub max_stream_duration: Option<Duration>,
    /// `delayed_close_timeout`: how long a client may take to close when we have; none is no time.
    pub delayed_close_timeout: Option<Duration>,
    /// `stream_idle_timeout`; none is off.
    pub stream_idle_timeout: Option<Duration>,
    /// `request_timeout`; none (the default) is off.
    pub request_timeout: Option<Duration>,
    /// `request_headers_timeout`; none (the default) is off.
    pub request_headers_timeout: Option<Duration>,
    /// `drain_timeout`: between the two GOAWAYs of a draining HTTP/2 connection.
    pub drain_timeout: Duration,
    /// `max_request_headers_kb`.
    pub max_request_headers_kb: u32,
    /// `common_http_protocol_options.max_headers_count`.
    pub max_headers_count: u32,
    /// `http_protocol_options`.
    pub http1: Http1,
    /// `http2_protocol_options`.
    pub http2: Http2,
    /// `local_reply_config`.
    pub local_replies: LocalReplies,
    /// `upgrade_configs`: kinds in lower case, and whether they are on where a route does not say so.
    pub upgrades: Vec<(Box<str>, bool)>,
    /// `access_log`.
    pub access_logs: Vec<AccessLog>,
}

/// `codec_type`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Codec {
    /// Look for HTTP/2's preface in the first bytes.
    Auto,
    /// HTTP/1.x only.
    Http1,
    /// HTTP/2 with prior knowledge only.
    Http2,
}

/// What `add_user_agent` says of us.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UserAgent {
    /// `node.cluster`; may be empty.
    pub cluster: String,
    /// `node.id`; empty says nothing.
    pub node: String,
}

/// A scheme.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// `http`.
    Http,
    /// `https`.
    Https,
}

/// What is done to paths before anybody looks at them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Paths {
    /// `path_with_escaped_slashes_action`.
    pub escaped_slashes: EscapedSlashes,
    /// `normalize_path`.
    pub normalize: bool,
    /// `merge_slashes`.
    pub merge_slashes: bool,
}

/// `path_with_escaped_slashes_action`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum EscapedSlashes {
    /// `KEEP_UNCHANGED`, which is the default too.
    #[default]
    Keep,
    /// `REJECT_REQUEST`.
    Reject,
    /// `UNESCAPE_AND_REDIRECT`.
    Redirect,
    /// `UNESCAPE_AND_FORWARD`.
    Forward,
}

/// Which ports the host of a request loses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum StripPort {
    /// None.
    #[default]
    Never,
    /// The one that the client connected to.
    Matching,
    /// Any.
    Any,
}

/// `headers_with_underscores_action`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Underscores {
    /// They are headers like others.
    #[default]
    Allow,
    /// The request is refused.
    Reject,
    /// They are dropped.
    Drop,
}

/// `server_header_transformation`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ServerHeader {
    /// Always ours.
    Overwrite,
    /// Ours where upstream sent none.
    AppendIfAbsent,
    /// Never ours.
    PassThrough,
}

/// `envoy.extensions.filters.http.router.v3.Router`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RouterOptions {
    /// `suppress_envoy_headers`: neither upstreams nor clients are told what Envoy knows.
    pub suppress_envoy_headers: bool,
    /// `respect_expected_rq_timeout`: what an internal client says that it expects is the timeout.
    pub respect_expected_rq_timeout: bool,
    /// `strict_check_headers`, in file order: headers that must make sense where they are there.
    pub strict_check_headers: [Option<StrictHeader>; 5],
}

/// A header that `strict_check_headers` may name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StrictHeader {
    /// `x-envoy-upstream-rq-timeout-ms`.
    UpstreamRqTimeoutMs,
    /// `x-envoy-upstream-rq-per-try-timeout-ms`.
    UpstreamRqPerTryTimeoutMs,
    /// `x-envoy-max-retries`.
    MaxRetries,
    /// `x-envoy-retry-on`.
    RetryOn,
    /// `x-envoy-retry-grpc-on`.
    RetryGrpcOn,
}

/// `forward_client_cert_details`: what becomes of `x-forwarded-client-cert`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ForwardClientCert {
    /// `SANITIZE`: nobody is believed, and nothing is said.
    #[default]
    Sanitize,
    /// `FORWARD_ONLY`: who shows a certificate is believed.
    ForwardOnly,
    /// `APPEND_FORWARD`: what the connection shows is said too.
    AppendForward,
    /// `SANITIZE_SET`: what the connection shows is said alone.
    SanitizeSet,
    /// `ALWAYS_FORWARD_ONLY`: everybody is believed.
    AlwaysForwardOnly,
}

/// `set_current_client_cert_details`: what is said of the client's certificate beside its hash.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CertificateDetails {
    /// `subject`.
    pub subject: bool,
    /// `cert`.
    pub cert: bool,
    /// `chain`.
    pub chain: bool,
    /// `dns`.
    pub dns: bool,
    /// `uri`.
    pub uri: bool,
}

// === impl HttpConnectionManager ===

impl HttpConnectionManager {
    /// The admin server's: Envoy's defaults, and no routes.
    pub fn of_admin(access_logs: Vec<AccessLog>) -> Self {
        Self {
            codec: Codec::Auto,
            stat_prefix: String::from("admin"),
            routes: Arc::new(RouteConfiguration::default()),
            filters: Vec::new(),
            router: RouterOptions::default(),
            server_name: String::from("envoy"),
            server_header: ServerHeader::Overwrite,
            via: None,
            generate_request_id: true,
            preserve_external_request_id: false,
            always_set_request_id_in_response: false,
            use_remote_address: false,
            xff_num_trusted_hops: 0,
            skip_xff_append: false,
            append_x_forwarded_port: false,
            internal_addresses: Vec::new(),
            user_agent: None,
            scheme: None,
            client_cert: ForwardClientCert::default(),
            client_cert_details: CertificateDetails::default(),
            paths: Paths::default(),
            strip_port: StripPort::default(),
            strip_trailing_host_dot: false,
            underscores: Underscores::default(),
            idle_timeout: Some(DEFAULT_IDLE_TIMEOUT),
            max_requests_per_connection: None,
            max_connection_duration: None,
            http1_safe_max_connection_duration: false,
            max_stream_duration: None,
            delayed_close_timeout: Some(DEFAULT_DELAYED_CLOSE_TIMEOUT),
            stream_idle_timeout: None,
            request_timeout: None,
            request_headers_timeout: None,
            drain_timeout: DEFAULT_DRAIN_TIMEOUT,
            max_request_headers_kb: DEFAULT_MAX_REQUEST_HEADERS_KB,
            max_headers_count: DEFAULT_MAX_HEADERS_COUNT,
            http1: Http1::default(),
            http2: Http2::default(),
            local_replies: LocalReplies::default(),
            upgrades: Vec::new(),
            access_logs,
        }
    }
}
