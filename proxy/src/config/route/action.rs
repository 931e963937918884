//! What a route does with a request: `RouteAction`, `DirectResponseAction`.

use std::time::Duration;

use bytes::Bytes;

use crate::config::cluster::RoutingPriority;
use crate::config::mirror::MirrorPolicy;
use crate::config::substitution_format::SubstitutionFormat;
use crate::stream_info::Limit;

use crate::config::rate_limit::RateLimits;

use super::cluster::ClusterSpecifier;
use super::hash_policy::HashPolicy;
use super::redirect::Redirect;
use super::retry::RetryPolicy;
use super::rewrite::{HostRewrite, PathRewrite};
use crate::config::metadata_match::MetadataMatch;

/// `RouteAction.timeout` where the file says nothing: 15 seconds, Envoy's.
pub const DEFAULT_ROUTE_TIMEOUT: Duration = Duration::from_secs(15);

/// What a route does.
#[derive(Clone, Debug)]
pub enum Action {
    /// `route`: forward to a cluster.
    Forward(Box<Forward>),
    /// `redirect`.
    Redirect(Box<Redirect>),
    /// `direct_response`.
    DirectResponse(DirectResponse),
    /// `non_forwarding_action`: a filter was to answer. Envoy's router then finds no cluster.
    NonForwarding,
}

/// `RouteAction`.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Where to.
    pub cluster: ClusterSpecifier,
    /// `timeout`; none is off (`0s` in the file), absent in the file is 15 s.
    pub timeout: Option<Duration>,
    /// What it says of the time of its streams; most routes say nothing.
    pub times: Option<Box<StreamTimes>>,
    /// `priority`: whose breakers its requests take.
    pub priority: RoutingPriority,
    /// `cluster_not_found_response_code` (default 503).
    pub cluster_not_found_status: u16,
    /// What upstream gets as path, if not the client's.
    pub path_rewrite: Option<PathRewrite>,
    /// What upstream gets as host, if not the client's.
    pub host_rewrite: Option<HostRewrite>,
    /// `retry_policy`; the virtual host's where the route has none.
    pub retry_policy: Option<Box<RetryPolicy>>,
    /// `append_x_forwarded_host`: where another host is said, the client's is kept in `x-forwarded-host`.
    pub append_x_forwarded_host: bool,
    /// `metadata_match`, for clusters with subsets.
    pub metadata_match: Option<Box<MetadataMatch>>,
    /// `hash_policy`, for clusters whose hosts are chosen by hash.
    pub hash_policy: Vec<HashPolicy>,
    /// `rate_limits`.
    pub rate_limits: RateLimits,
    /// `include_vh_rate_limits`: those of the virtual host count too.
    pub include_vh_rate_limits: bool,
    /// `upgrade_configs`.
    pub upgrades: Vec<Upgrade>,
    /// `request_mirror_policies`; the virtual host's where the route has none.
    pub mirrors: Vec<MirrorPolicy>,
}

/// `RouteAction.UpgradeConfig`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Upgrade {
    /// `upgrade_type`, in lower case.
    pub kind: Box<str>,
    /// `enabled` (default true).
    pub enabled: bool,
    /// `connect_config`: the proxy is the end of a CONNECT, and sends what passes through it to its cluster as it is.
    pub terminates: bool,
}

/// What a route says of the time that its streams may take.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StreamTimes {
    /// `idle_timeout`.
    pub idle: Limit,
    /// `max_stream_duration`.
    pub max_stream_duration: Option<MaxStreamDuration>,
    /// `max_grpc_timeout` (deprecated): gRPC requests say their timeout themselves, up to this; zero is any.
    pub max_grpc_timeout: Option<Duration>,
    /// `grpc_timeout_offset` (deprecated): so much less than what they say.
    pub grpc_timeout_offset: Option<Duration>,
}

/// `RouteAction.MaxStreamDuration`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MaxStreamDuration {
    /// `max_stream_duration`.
    pub duration: Limit,
    /// `grpc_timeout_header_max`: `grpc-timeout` says it, up to this; zero is any.
    pub grpc_header_max: Option<Duration>,
    /// `grpc_timeout_header_offset`: so much less than what it says.
    pub grpc_header_offset: Option<Duration>,
}

/// `DirectResponseAction`.
#[derive(Clone, Debug)]
pub struct DirectResponse {
    /// `status`, 200 to 599.
    pub status: u16,
    /// `body`; may be empty.
    pub body: Bytes,
    /// `body_format`: what makes a body of the one above.
    pub body_format: Option<Box<SubstitutionFormat>>,
}

// === impl Forward ===

impl Forward {
    /// Forwards to that cluster and changes nothing, with Envoy's defaults.
    pub fn to(cluster: ClusterSpecifier) -> Self {
        Self {
            cluster,
            timeout: Some(DEFAULT_ROUTE_TIMEOUT),
            times: None,
            priority: RoutingPriority::Default,
            cluster_not_found_status: 503,
            path_rewrite: None,
            host_rewrite: None,
            retry_policy: None,
            append_x_forwarded_host: false,
            metadata_match: None,
            hash_policy: Vec::new(),
            rate_limits: RateLimits::default(),
            include_vh_rate_limits: false,
            upgrades: Vec::new(),
            mirrors: Vec::new(),
        }
    }
}
