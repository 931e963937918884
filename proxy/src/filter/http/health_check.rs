//! `envoy.filters.http.health_check`: answers health checks, or tells them from other requests.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue, StatusCode};
use http_body::Body as _;

use crate::base::clock;
use crate::config::http_filter as config;
use crate::config::matcher::HeaderMatcher;
use crate::message::local_reply::LocalReply;
use crate::message::{Body, Request, Response};
use crate::route::Head;
use crate::stats::stats;
use crate::stream_info::Flag;
use crate::upstream::Cluster;

use super::{Context, Flow, Site, host_of};

stats! {
    /// Stats of the health check filter, under `http.<stat_prefix>.health_check.`
    struct CheckStats {
        /// Checks that were answered with an answer that was kept
        cached_response: Counter,
        /// Checks that were answered as degraded
        degraded: Counter,
        /// Checks that were answered with a failure
        failed: Counter,
        /// Checks that failed because a cluster has no hosts
        failed_cluster_empty: Counter,
        /// Checks that failed because a cluster does not exist
        failed_cluster_not_found: Counter,
        /// Checks that failed because too few hosts of a cluster are healthy
        failed_cluster_unhealthy: Counter,
        /// Checks that were answered with success
        ok: Counter,
        /// Checks that were answered here
        request_total: Counter,
    }
}

const CHECKED_CLUSTER: HeaderName =
    HeaderName::from_static("x-envoy-upstream-healthchecked-cluster");
const IMMEDIATE_FAIL: HeaderName = HeaderName::from_static("x-envoy-immediate-health-check-fail");
const DEGRADED: HeaderName = HeaderName::from_static("x-envoy-degraded");

/// The filter.
#[derive(Debug)]
pub(super) struct HealthCheck {
    pass_through: bool,
    cache: Option<Cache>,
    /// How many percent of whose hosts must be healthy; none where there is no such cluster.
    clusters: Vec<(Option<Arc<Cluster>>, u64)>,
    headers: Vec<HeaderMatcher>,
    /// Whether this proxy fails its own check.
    failed: Arc<AtomicBool>,
    node_cluster: HeaderValue,
    stats: CheckStats,
}

/// An answer that is kept. Time goes in periods, and an answer is kept to the end of its own.
#[derive(Debug)]
struct Cache {
    period: Duration,
    since: Instant,
    /// From the lowest bit: status (16), degraded (1), number of the period.
    kept: AtomicU64,
}

/// What a check found.
struct Finding {
    status: StatusCode,
    details: &'static str,
    degraded: bool,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Checked {
    /// It is none.
    #[default]
    Other,
    /// It is a health check, degraded or not if it was answered here.
    Check { degraded: bool },
}

// === impl HealthCheck ===

impl HealthCheck {
    pub(super) fn new(config: &config::HealthCheckFilter, site: Site<'_>) -> Self {
        let cluster = |name: &str| site.clusters.iter().find(|one| *one.name == *name).cloned();
        let clusters = config.clusters.iter().map(|(name, percent)| (cluster(name), *percent));
        Self {
            pass_through: config.pass_through,
            cache: config.cache_time.map(Cache::new),
            clusters: clusters.collect(),
            headers: config.headers.clone(),
            failed: site.health_failed.clone(),
            node_cluster: HeaderValue::from_str(site.node_cluster)
                .unwrap_or(HeaderValue::from_static("")),
            stats: CheckStats::register(&site.scope.scope("health_check")),
        }
    }

    pub(super) async fn decode(
        &self,
        request: &mut Request,
        checked: &mut Checked,
        cx: &mut Context<'_, '_>,
    ) -> Flow {
        let head = Head::new(host_of(request), request);
        if !self.headers.iter().all(|one| one.matches(head.values(&one.field))) {
            return Flow::Continue;
        }
        cx.info.health_check = true;
        *checked = Checked::Check { degraded: false };
        let kept = self.cache.as_ref().and_then(Cache::get);
        if self.pass_through && !self.is_failed() && kept.is_none() {
            return Flow::Continue;
        }
        // It is answered when it has come in whole; what it says does not matter.
        let mut body = std::mem::replace(request.body_mut(), Body::empty());
        while let Some(Ok(_)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {}
        let found = self.find(kept);
        *checked = Checked::Check { degraded: found.degraded };
        self.stats.request_total.inc();
        if found.degraded {
            self.stats.degraded.inc();
        }
        if found.status.is_success() { &self.stats.ok } else { &self.stats.failed }.inc();
        if !found.status.is_success() {
            cx.info.flags.set(Flag::FailedLocalHealthCheck);
        }
        Flow::Reply(LocalReply::health_check(found.status, found.details))
    }

    /// Changes the answer to a check that was answered here.
    pub(super) fn answer(reply: &mut Response, checked: Checked) {
        if checked == (Checked::Check { degraded: true }) {
            reply.headers_mut().insert(DEGRADED, HeaderValue::from_static(""));
        }
    }

    pub(super) fn encode(&self, response: &mut Response, checked: Checked) {
        if checked != Checked::Other {
            if let Some(cache) = &self.cache {
                cache.keep(response.status(), response.headers().contains_key(DEGRADED));
            }
            response.headers_mut().insert(CHECKED_CLUSTER, self.node_cluster.clone());
        }
        // Whoever asks us is told, with whatever answer.
        if self.is_failed() {
            response.headers_mut().insert(IMMEDIATE_FAIL, HeaderValue::from_static("true"));
        }
    }

    fn is_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    fn find(&self, kept: Option<(StatusCode, bool)>) -> Finding {
        let found = |status, details| Finding { status, details, degraded: false };
        if self.is_failed() {
            return found(StatusCode::SERVICE_UNAVAILABLE, "health_check_failed");
        }
        if let Some((status, degraded)) = kept {
            self.stats.cached_response.inc();
            return Finding { status, details: "health_check_cached", degraded };
        }
        match self.unhealthy() {
            Some(details) => found(StatusCode::SERVICE_UNAVAILABLE, details),
            None if self.clusters.is_empty() => found(StatusCode::OK, "health_check_ok"),
            None => found(StatusCode::OK, "health_check_ok_cluster_healthy"),
        }
    }

    /// Why the clusters are not healthy enough, if they are not.
    fn unhealthy(&self) -> Option<&'static str> {
        for (cluster, percent) in &self.clusters {
            let Some(cluster) = cluster else {
                self.stats.failed_cluster_not_found.inc();
                return Some("health_check_failed_no_cluster_found");
            };
            let stats = &cluster.stats;
            let total = stats.membership_total.value();
            let well = stats.membership_healthy.value() + stats.membership_degraded.value();
            if total == 0 && *percent > 0 {
                self.stats.failed_cluster_empty.inc();
                return Some("health_check_failed_cluster_empty");
            }
            if 100 * well < total * percent {
                self.stats.failed_cluster_unhealthy.inc();
                return Some("health_check_failed_cluster_unhealthy");
            }
        }
        None
    }
}

// === impl Cache ===

impl Cache {
    fn new(period: Duration) -> Self {
        Self { period, since: clock::now(), kept: AtomicU64::new(0) }
    }

    fn get(&self) -> Option<(StatusCode, bool)> {
        let kept = self.kept.load(Ordering::Relaxed);
        if kept >> 17 != self.number() {
            return None;
        }
        let status = u16::try_from(kept & 0xffff).ok()?;
        Some((StatusCode::from_u16(status).ok()?, kept >> 16 & 1 == 1))
    }

    fn keep(&self, status: StatusCode, degraded: bool) {
        let kept = self.number() << 17 | u64::from(degraded) << 16 | u64::from(status.as_u16());
        self.kept.store(kept, Ordering::Relaxed);
    }

    /// The number of the period that is now; none has the number 0.
    fn number(&self) -> u64 {
        let passed = clock::now().saturating_duration_since(self.since);
        let number = passed.as_nanos() / self.period.as_nanos().max(1);
        u64::try_from(number).map_or(u64::MAX, |number| number.saturating_add(1)) & u64::MAX >> 17
    }
}
