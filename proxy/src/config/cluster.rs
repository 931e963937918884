//! A named set of hosts: `envoy.config.cluster.v3.Cluster`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::endpoint::Endpoint;
use super::health_check::HealthCheck;
use super::http_protocol::Http2;
use super::lb::LoadBalancing;
use super::listener::DEFAULT_BUFFER_LIMIT;
use super::mirror::MirrorPolicy;
use super::outlier::OutlierDetection;
use super::tls::Upstream;

/// `connect_timeout` where the file says nothing: five seconds, Envoy's.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// `dns_refresh_rate` where the file says nothing: five seconds, Envoy's.
pub const DEFAULT_DNS_REFRESH_RATE: Duration = Duration::from_secs(5);

/// Idle upstream connections are closed after an hour, Envoy's default of `common_http_protocol_options.idle_timeout`.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

/// One cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// `name`.
    pub name: String,
    /// `alt_stat_name`; stats are `cluster.<alt_stat_name or name>.`.
    pub alt_stat_name: Option<String>,
    /// `type`, with what only that type knows.
    pub discovery: Discovery,
    /// How hosts are chosen.
    pub lb: LoadBalancing,
    /// `transport_socket`; none is plain text.
    pub tls: Option<Arc<Upstream>>,
    /// `connect_timeout`.
    pub connect_timeout: Duration,
    /// `per_connection_buffer_limit_bytes`.
    pub buffer_limit: u32,
    /// `HttpProtocolOptions.explicit_http_config`, or the older `http2_protocol_options`.
    pub protocol: Protocol,
    /// `HttpProtocolOptions.common_http_protocol_options.idle_timeout`; none is off.
    pub idle_timeout: Option<Duration>,
    /// `HttpProtocolOptions.common_http_protocol_options.max_connection_duration`; none (the default) is off.
    pub max_connection_duration: Option<Duration>,
    /// `HttpProtocolOptions.common_http_protocol_options.max_requests_per_connection`; none is unlimited.
    pub max_requests_per_connection: Option<u32>,
    /// `load_assignment`'s endpoints, in file order.
    pub endpoints: Vec<Endpoint>,
    /// `circuit_breakers`.
    pub circuit_breakers: Arc<CircuitBreakers>,
    /// `outlier_detection`.
    pub outlier_detection: Option<Box<OutlierDetection>>,
    /// `health_checks`, of which there is one at most.
    pub health_check: Option<Box<HealthCheck>>,
    /// `ignore_health_on_host_removal`: a host that is no longer told of goes even while its health check passes.
    pub ignore_health_on_host_removal: bool,
    /// `HttpProtocolOptions.request_mirror_policies`, in place of those of the routes that lead here.
    pub mirrors: Vec<MirrorPolicy>,
}

/// `type`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Discovery {
    /// `STATIC`: the endpoints are literals.
    Static,
    /// `STRICT_DNS`: every address of every name is a host.
    StrictDns(Dns),
    /// `LOGICAL_DNS`: the first address of the one name is the host.
    LogicalDns(Dns),
    /// `EDS`, from a file.
    Eds(Eds),
}

/// `eds_cluster_config`, with a file as its source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Eds {
    /// `service_name`, or the cluster's name: the `cluster_name` of what is read.
    pub service: String,
    /// `eds_config.path_config_source.path`.
    pub path: PathBuf,
}

/// How names are resolved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dns {
    /// `dns_refresh_rate`.
    pub refresh_rate: Duration,
    /// `respect_dns_ttl`: the records' TTL instead of `refresh_rate`.
    pub respect_ttl: bool,
    /// `dns_min_refresh_rate` (default a second): no TTL is shorter.
    pub least: Duration,
    /// `dns_failure_refresh_rate`; none (the default) is `refresh_rate`, and sooner at first.
    pub failure: Option<DnsBackOff>,
    /// `dns_jitter`: as much at most, by chance, is added to each pause (default none).
    pub jitter: Duration,
    /// `dns_lookup_family` (v3 default AUTO, v1 default v4 only).
    pub family: LookupFamily,
    /// `typed_dns_resolver_config` and the older forms.
    pub resolver: DnsResolver,
}

/// `dns_failure_refresh_rate`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DnsBackOff {
    /// `base_interval`: up to so long after a first failure.
    pub base: Duration,
    /// `max_interval` (default ten times the other).
    pub most: Duration,
}

/// Who is asked for names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DnsResolver {
    /// Name servers: `CaresDnsResolverConfig`.
    Servers(DnsServers),
    /// The system: `GetAddrInfoDnsResolverConfig`.
    System,
}

/// `CaresDnsResolverConfig`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DnsServers {
    /// `resolvers`; none are the system's.
    pub servers: Vec<SocketAddr>,
    /// `use_tcp_for_dns_lookups`.
    pub tcp: bool,
    /// `no_default_search_domain`: names are asked for as they stand.
    pub no_search: bool,
    /// `query_timeout_seconds`, of each try; none is the resolver's own.
    pub timeout: Option<Duration>,
    /// `query_tries`; none is the resolver's own.
    pub tries: Option<u32>,
}

/// `dns_lookup_family`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LookupFamily {
    /// `AUTO`: v6, then v4.
    Auto,
    /// `V4_ONLY`.
    V4Only,
    /// `V6_ONLY`.
    V6Only,
    /// `V4_PREFERRED`: v4, then v6.
    V4Preferred,
    /// `ALL`: both.
    All,
}

/// Which codec speaks to the hosts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2(Http2),
}

/// `RoutingPriority`: whose breakers, and whose connections, a request takes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RoutingPriority {
    /// `DEFAULT`.
    #[default]
    Default,
    /// `HIGH`.
    High,
}

/// `circuit_breakers`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CircuitBreakers {
    /// For requests of priority DEFAULT.
    pub default: Thresholds,
    /// For requests of priority HIGH.
    pub high: Thresholds,
}

/// `circuit_breakers.thresholds` of one priority.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// `max_connections`.
    pub max_connections: u32,
    /// `max_pending_requests`.
    pub max_pending_requests: u32,
    /// `max_requests`.
    pub max_requests: u32,
    /// `max_retries`.
    pub max_retries: u32,
    /// `retry_budget`, in place of `max_retries`.
    pub retry_budget: Option<RetryBudget>,
    /// `max_connection_pools`; none (the default) is no limit.
    pub max_connection_pools: Option<u32>,
    /// `track_remaining`: gauges tell how much is left.
    pub track_remaining: bool,
    /// `max_connections` of `per_host_thresholds`; none (the default) is no limit.
    pub max_host_connections: Option<u32>,
}

/// `circuit_breakers.thresholds.retry_budget`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryBudget {
    /// `budget_percent` of the requests under way may be retries.
    pub budget_percent: f64,
    /// `min_retry_concurrency`: so many may be in any case.
    pub min_retry_concurrency: u32,
}

// === impl Cluster ===

impl Cluster {
    /// A cluster of that name with Envoy's defaults, and without hosts.
    pub fn without_hosts(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            alt_stat_name: None,
            discovery: Discovery::Static,
            lb: LoadBalancing::default(),
            tls: None,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            buffer_limit: DEFAULT_BUFFER_LIMIT,
            protocol: Protocol::Http1,
            idle_timeout: Some(DEFAULT_IDLE_TIMEOUT),
            max_connection_duration: None,
            max_requests_per_connection: None,
            endpoints: Vec::new(),
            circuit_breakers: CircuitBreakers::usual(),
            outlier_detection: None,
            health_check: None,
            ignore_health_on_host_removal: false,
            mirrors: Vec::new(),
        }
    }

    /// The name that TLS asks a host of that name for, if it is the host's own.
    pub fn asked_host<'h>(&self, hostname: &'h str) -> Option<&'h str> {
        let auto = self.tls.as_ref().is_some_and(|tls| tls.auto_host_sni);
        Some(hostname).filter(|name| auto && !name.is_empty())
    }
}

// === impl CircuitBreakers ===

impl CircuitBreakers {
    /// Those of the many clusters that say nothing about them, which share them.
    pub fn usual() -> Arc<Self> {
        static USUAL: LazyLock<Arc<CircuitBreakers>> = LazyLock::new(Arc::default);
        USUAL.clone()
    }

    /// The thresholds for requests of that priority.
    pub fn of(&self, priority: RoutingPriority) -> &Thresholds {
        match priority {
            RoutingPriority::Default => &self.default,
            RoutingPriority::High => &self.high,
        }
    }
}

// === impl Thresholds ===

impl Default for Thresholds {
    /// Envoy's defaults.
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_pending_requests: 1024,
            max_requests: 1024,
            max_retries: 3,
            retry_budget: None,
            max_connection_pools: None,
            track_remaining: false,
            max_host_connections: None,
        }
    }
}

// === impl RetryBudget ===

impl Default for RetryBudget {
    /// Envoy's defaults.
    fn default() -> Self {
        Self { budget_percent: 20.0, min_retry_concurrency: 3 }
    }
}
