//! Stats of clusters and of the cluster manager.

use crate::config::cluster::RoutingPriority;
use crate::config::lb::Policy;
use crate::stats::{Counter, Gauge, Histogram, Scope, stats};

use super::lb::Spread;

stats! {
    /// Stats of one upstream cluster, under `cluster.<name>.`
    pub struct ClusterStats {
        /// Times a socket could not be bound to its source address
        bind_errors: Counter,
        /// Whether the connection breaker is open
        default_cx_open as "circuit_breakers.default.cx_open": Gauge,
        /// Whether the pool breaker is open
        default_cx_pool_open as "circuit_breakers.default.cx_pool_open": Gauge,
        /// Whether the request breaker is open
        default_rq_open as "circuit_breakers.default.rq_open": Gauge,
        /// Whether the breaker of waiting requests is open
        default_rq_pending_open as "circuit_breakers.default.rq_pending_open": Gauge,
        /// Whether the retry breaker is open
        default_rq_retry_open as "circuit_breakers.default.rq_retry_open": Gauge,
        /// Whether the connection breaker for requests of high priority is open
        high_cx_open as "circuit_breakers.high.cx_open": Gauge,
        /// Whether the pool breaker for requests of high priority is open
        high_cx_pool_open as "circuit_breakers.high.cx_pool_open": Gauge,
        /// Whether the request breaker for requests of high priority is open
        high_rq_open as "circuit_breakers.high.rq_open": Gauge,
        /// Whether the breaker of waiting requests for requests of high priority is open
        high_rq_pending_open as "circuit_breakers.high.rq_pending_open": Gauge,
        /// Whether the retry breaker for requests of high priority is open
        high_rq_retry_open as "circuit_breakers.high.rq_retry_open": Gauge,
        /// Times balancing took hosts whatever their health
        lb_healthy_panic: Counter,
        /// Balancing by zones is not there, so nothing counts here
        lb_local_cluster_not_ok: Counter,
        /// Balancing by zones is not there, so nothing counts here
        lb_recalculate_zone_structures: Counter,
        /// Subsets there are
        lb_subsets_active: Gauge,
        /// Subsets ever made
        lb_subsets_created: Counter,
        /// Choices among the hosts that serve where there is no subset
        lb_subsets_fallback: Counter,
        /// Choices among all hosts where even those gave none
        lb_subsets_fallback_panic: Counter,
        /// Subsets ever removed
        lb_subsets_removed: Counter,
        /// Choices among the hosts of a subset
        lb_subsets_selected: Counter,
        /// Balancing by zones is not there, so nothing counts here
        lb_zone_cluster_too_small: Counter,
        /// Balancing by zones is not there, so nothing counts here
        lb_zone_no_capacity_left: Counter,
        /// Balancing by zones is not there, so nothing counts here
        lb_zone_routing_all_directly: Counter,
        /// Balancing by zones is not there, so nothing counts here
        lb_zone_routing_cross_zone: Counter,
        /// Balancing by zones is not there, so nothing counts here
        lb_zone_routing_sampled: Counter,
        /// The largest weight of a host
        max_host_weight: Gauge,
        /// Changes of the set of hosts
        membership_change: Counter,
        /// Hosts that are degraded
        membership_degraded: Gauge,
        /// Hosts that are excluded from balancing
        membership_excluded: Gauge,
        /// Hosts that take traffic
        membership_healthy: Gauge,
        /// Hosts there are
        membership_total: Gauge,
        /// Bodies of which more came than may be kept for another try or a copy
        retry_or_shadow_abandoned: Counter,
        /// Attempts to learn the hosts
        update_attempt: Counter,
        /// Attempts that gave no host
        update_empty: Counter,
        /// Attempts that failed
        update_failure: Counter,
        /// Attempts that gave the hosts we had
        update_no_rebuild: Counter,
        /// Attempts that gave hosts
        update_success: Counter,
        /// Connections open now
        upstream_cx_active: Gauge,
        /// Connections that closed because the peer announced that it goes away
        upstream_cx_close_notify: Counter,
        /// Connections of a TCP proxy that were given up after so many attempts to reach a host
        upstream_cx_connect_attempts_exceeded: Counter,
        /// Connections that could not be made
        upstream_cx_connect_fail: Counter,
        /// Time to connect
        upstream_cx_connect_ms: Histogram<Millis>,
        /// Connections that took longer than the connect timeout
        upstream_cx_connect_timeout: Counter,
        /// Connections ever closed
        upstream_cx_destroy: Counter,
        /// Connections that we closed
        upstream_cx_destroy_local: Counter,
        /// Connections that we closed with requests under way
        upstream_cx_destroy_local_with_active_rq: Counter,
        /// Connections that the peer closed
        upstream_cx_destroy_remote: Counter,
        /// Connections that the peer closed with requests under way
        upstream_cx_destroy_remote_with_active_rq: Counter,
        /// Connections that closed with requests under way
        upstream_cx_destroy_with_active_rq: Counter,
        /// HTTP/1.1 connections ever opened
        upstream_cx_http1_total: Counter,
        /// HTTP/2 connections ever opened
        upstream_cx_http2_total: Counter,
        /// Connections closed because they were idle for too long
        upstream_cx_idle_timeout: Counter,
        /// How long connections lasted
        upstream_cx_length_ms: Histogram<Millis>,
        /// Connections that lasted as long as one may
        upstream_cx_max_duration_reached: Counter,
        /// Connections closed because they had carried their number of requests
        upstream_cx_max_requests: Counter,
        /// Requests that found no healthy host
        upstream_cx_none_healthy: Counter,
        /// Times the connection breaker was open
        upstream_cx_overflow: Counter,
        /// Times there were as many pools as there may be
        upstream_cx_pool_overflow: Counter,
        /// Connections that broke their protocol
        upstream_cx_protocol_error: Counter,
        /// Bytes received
        upstream_cx_rx_bytes_total: Counter,
        /// Connections ever opened
        upstream_cx_total: Counter,
        /// Bytes that wait to be sent because their host takes no more now
        upstream_cx_tx_bytes_buffered: Gauge,
        /// Bytes sent
        upstream_cx_tx_bytes_total: Counter,
        /// Times nothing more was taken of a request because its host took no more
        upstream_flow_control_backed_up_total: Counter,
        /// Times it went on
        upstream_flow_control_drained_total: Counter,
        /// Times reading of a host stopped because the client took no more
        upstream_flow_control_paused_reading_total: Counter,
        /// Times it went on
        upstream_flow_control_resumed_reading_total: Counter,
        /// Requests under way
        upstream_rq_active: Gauge,
        /// Times the request breaker was open
        upstream_rq_active_overflow: Counter,
        /// Requests cancelled before they had a connection
        upstream_rq_cancelled: Counter,
        /// Responses ever received
        upstream_rq_completed: Counter,
        /// Requests that moved to another connection of the same host, since theirs turned out to be closed before a byte
        /// was sent. Not Envoy's: it answers such a request with 503, unless a retry policy says otherwise
        upstream_rq_moved: Counter,
        /// Requests that wait for a connection
        upstream_rq_pending_active: Gauge,
        /// Waiting requests whose connection failed
        upstream_rq_pending_failure_eject: Counter,
        /// Requests refused because too many waited or ran
        upstream_rq_pending_overflow: Counter,
        /// Requests that ever waited for a connection
        upstream_rq_pending_total: Counter,
        /// Requests per connection
        upstream_rq_per_cx: Histogram,
        /// Tries during which nothing came for too long
        upstream_rq_per_try_idle_timeout: Counter,
        /// Tries that took too long
        upstream_rq_per_try_timeout: Counter,
        /// Requests tried again
        upstream_rq_retry: Counter,
        /// Retries after the policy's own wait
        upstream_rq_retry_backoff_exponential: Counter,
        /// Retries after the wait that the upstream asked for
        upstream_rq_retry_backoff_ratelimited: Counter,
        /// Requests not tried again, since they were as often as the policy allows
        upstream_rq_retry_limit_exceeded: Counter,
        /// Requests not tried again, since the breaker of retries was open
        upstream_rq_retry_overflow: Counter,
        /// Requests that were tried again with success
        upstream_rq_retry_success: Counter,
        /// Requests that the upstream reset
        upstream_rq_rx_reset: Counter,
        /// Time to the end of the response
        upstream_rq_time: Histogram<Millis>,
        /// Requests that met the route timeout
        upstream_rq_timeout: Counter,
        /// Requests ever sent
        upstream_rq_total: Counter,
        /// Requests that we reset
        upstream_rq_tx_reset: Counter,
    }
}

stats! {
    /// Stats of a cluster whose hosts stand in a file, under `cluster.<name>.`
    pub struct EdsStats {
        /// Times the hosts were too old and went
        assignment_stale: Counter,
        /// Files whose hosts hold for some time only
        assignment_timeout_received: Counter,
        /// Times the first answer took too long. A file is there at once, so nothing counts here
        init_fetch_timeout: Counter,
        /// Files that were read and not taken over
        update_rejected: Counter,
        /// When a file was taken over, in milliseconds since 1970
        update_time: Gauge,
        /// The hash of its `version_info`, as far as a gauge holds it
        version: Gauge,
        /// Its `version_info`
        version_text: TextReadout,
    }
}

stats! {
    /// What is left of one priority's breakers, with `track_remaining`; beside them
    pub struct RemainingStats {
        /// Connections that may be opened yet
        remaining_cx: Gauge,
        /// Pools that may be made yet
        remaining_cx_pools: Gauge,
        /// Requests that may wait yet
        remaining_pending: Gauge,
        /// Retries that may begin yet
        remaining_retries: Gauge,
        /// Requests that may begin yet
        remaining_rq: Gauge,
    }
}

stats! {
    /// Stats of a ring, under `cluster.<name>.ring_hash_lb.`
    pub struct RingStats {
        /// The most points that a host has
        max_hashes_per_host: Gauge,
        /// The fewest points that a host has
        min_hashes_per_host: Gauge,
        /// Points there are
        size: Gauge,
    }
}

stats! {
    /// Stats of a table, under `cluster.<name>.maglev_lb.`
    pub struct MaglevStats {
        /// The most places that a host has
        max_entries_per_host: Gauge,
        /// The fewest places that a host has
        min_entries_per_host: Gauge,
    }
}

/// Stats of what gives hashes their hosts.
#[derive(Debug)]
pub enum TableStats {
    /// Of a ring.
    Ring(RingStats),
    /// Of Maglev's table.
    Maglev(MaglevStats),
}

stats! {
    /// What a rate limit service made of requests for a cluster, under `cluster.<name>.ratelimit.`
    pub struct RateLimitStats {
        /// Questions without an answer
        error: Counter,
        /// Requests that went on without an answer
        failure_mode_allowed: Counter,
        /// Requests within their limit
        ok: Counter,
        /// Requests over their limit
        over_limit: Counter,
    }
}

stats! {
    /// Stats of requests of the proxy's own to any cluster, under `http.async-client.`
    pub struct ClientStats {
        /// Such requests whose upstream broke off after the head of its response
        rq_reset_after_downstream_response_started: Counter,
        /// Such requests
        rq_total: Counter,
    }
}

stats! {
    /// Stats of the whole set of clusters, under `cluster_manager.`
    pub struct ManagerStats {
        /// Clusters there are
        active_clusters: Gauge,
        /// Clusters ever added
        cluster_added: Counter,
        /// Clusters ever changed
        cluster_modified: Counter,
        /// Clusters ever removed
        cluster_removed: Counter,
        /// Clusters that wait for their first hosts
        warming_clusters: Gauge,
    }
}

// === impl ClusterStats ===

impl ClusterStats {
    /// Whether the breakers for requests of that priority are open: for connections, pools, requests, waiting requests,
    /// retries.
    pub fn breakers(&self, priority: RoutingPriority) -> [&Gauge; 5] {
        match priority {
            RoutingPriority::Default => [
                &self.default_cx_open,
                &self.default_cx_pool_open,
                &self.default_rq_open,
                &self.default_rq_pending_open,
                &self.default_rq_retry_open,
            ],
            RoutingPriority::High => [
                &self.high_cx_open,
                &self.high_cx_pool_open,
                &self.high_rq_open,
                &self.high_rq_pending_open,
                &self.high_rq_retry_open,
            ],
        }
    }
}

// === impl TableStats ===

impl TableStats {
    /// Below a cluster's scope, if its policy has a table.
    pub fn register(policy: &Policy, scope: &Scope) -> Option<Self> {
        match policy {
            Policy::RingHash(_) => {
                Some(Self::Ring(RingStats::register(&scope.scope("ring_hash_lb"))))
            }
            Policy::Maglev(_) => {
                Some(Self::Maglev(MaglevStats::register(&scope.scope("maglev_lb"))))
            }
            Policy::RoundRobin | Policy::LeastRequest(_) | Policy::Random => None,
        }
    }

    /// Shows how the places of a new table are spread.
    pub fn show(&self, spread: Spread) {
        match self {
            Self::Ring(stats) => {
                stats.size.set(spread.size);
                stats.min_hashes_per_host.set(spread.fewest);
                stats.max_hashes_per_host.set(spread.most);
            }
            Self::Maglev(stats) => {
                stats.min_entries_per_host.set(spread.fewest);
                stats.max_entries_per_host.set(spread.most);
            }
        }
    }
}

/// Counts responses by their code, under `upstream_rq_<code>` and `upstream_rq_<class>`, for everyone and apart for
/// requests from inside and from outside.
///
/// A code's counter exists once the code was seen. Each worker has its own table of handles.
#[derive(Debug, Default)]
pub struct CodeStats {
    /// By [`Origin`].
    origins: [OriginStats; 2],
}

/// Where a request came from, as Envoy's stats tell it apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// One of our own, by `x-envoy-internal`: under `internal.`
    Internal,
    /// Anybody else: under `external.`
    External,
}

/// What is counted of requests from one side.
#[derive(Debug, Default)]
struct OriginStats {
    completed: Option<Counter>,
    time: Option<Histogram>,
    seen: Vec<(u16, [Counter; 4])>,
}

// === impl CodeStats ===

impl CodeStats {
    /// Counts one response below a cluster's scope.
    pub fn charge(&mut self, scope: &Scope, code: u16, origin: Origin) {
        let stats = &mut self.origins[origin as usize];
        let completed = || origin.scope(scope).counter("upstream_rq_completed");
        stats.completed.get_or_insert_with(completed).inc();
        let index = stats.seen.iter().position(|(seen, _)| *seen == code).unwrap_or_else(|| {
            stats.seen.push((code, counters(scope, code, origin)));
            stats.seen.len() - 1
        });
        for counter in &stats.seen[index].1 {
            counter.inc();
        }
    }

    /// Records how long one response took.
    pub fn time(&mut self, scope: &Scope, millis: u64, origin: Origin) {
        let time = || origin.scope(scope).histogram("upstream_rq_time");
        self.origins[origin as usize].time.get_or_insert_with(time).record(millis);
    }
}

// === impl Origin ===

impl Origin {
    /// That of a request, of which it is known whether it is internal.
    pub fn new(internal: bool) -> Self {
        if internal { Self::Internal } else { Self::External }
    }

    fn scope(self, scope: &Scope) -> Scope {
        scope.scope(match self {
            Self::Internal => "internal",
            Self::External => "external",
        })
    }
}

/// All counters of one code.
fn counters(scope: &Scope, code: u16, origin: Origin) -> [Counter; 4] {
    let by_code = format!("upstream_rq_{code}");
    let by_class = format!("upstream_rq_{}xx", code / 100);
    let apart = origin.scope(scope);
    [
        scope.counter(&by_code),
        scope.counter(&by_class),
        apart.counter(&by_code),
        apart.counter(&by_class),
    ]
}
