//! Host: one address in a cluster, with its load and its health.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Instant;

use arc_swap::{ArcSwap, Guard};

use crate::base::clock;
use crate::config::endpoint::{Endpoint, HealthStatus, Traits};
use crate::config::health_check::EndpointHealthCheck;
use crate::config::lb::SlowStart;
use crate::stats::Tally;

use super::connect::millis;
use super::health::{Flag, Health};
use super::outlier::{Monitor, Outcome, Outlier};

/// From when times in hosts count, so that they fit in an atomic.
static BEGINNING: LazyLock<Instant> = LazyLock::new(clock::now);

/// One address in a cluster.
#[derive(Debug)]
pub struct Host {
    /// Where it is.
    pub address: SocketAddr,
    /// `endpoint.hostname`, or the name that resolved to the address; empty for a literal.
    pub hostname: String,
    /// What it was asked, as `/clusters` shows it.
    pub stats: HostStats,
    /// `endpoint.health_check_config`.
    pub health_check: Option<Arc<EndpointHealthCheck>>,
    /// What may change while it stays the same host.
    traits: ArcSwap<Traits>,
    /// The [`Flag`]s that are up.
    flags: AtomicU32,
    /// What its requests came to, where outlier detection wants to know.
    monitor: OnceLock<Arc<Monitor>>,
    /// Responses that told it to be failing, and that health checks have not taken note of yet.
    passive_failures: AtomicU32,
    /// Since when it is healthy, in milliseconds since [`BEGINNING`]; 0 is not known, or not asked for.
    healthy_since: AtomicU64,
}

/// What a host was asked; not in the store, since there may be many hosts.
#[derive(Debug, Default)]
pub struct HostStats {
    /// Connections open now.
    pub cx_active: Tally,
    /// Connections that could not be made.
    pub cx_connect_fail: Tally,
    /// Connections ever opened.
    pub cx_total: Tally,
    /// Requests under way.
    pub rq_active: Tally,
    /// Requests that ended badly: a 5xx, a reset, a failed connection.
    pub rq_error: Tally,
    /// Requests that ended well.
    pub rq_success: Tally,
    /// Requests that met a timeout.
    pub rq_timeout: Tally,
    /// Requests ever sent.
    pub rq_total: Tally,
}

/// One of what a host's tally counts, given back when dropped.
#[derive(Debug)]
#[must_use = "the tally goes down again as soon as this is dropped"]
pub struct HostHold {
    host: Arc<Host>,
    tally: fn(&HostStats) -> &Tally,
}

// === impl HostHold ===

impl HostHold {
    /// One more in that tally of a host, as long as this is kept.
    pub fn new(host: &Arc<Host>, tally: fn(&HostStats) -> &Tally) -> Self {
        tally(&host.stats).inc();
        Self { host: host.clone(), tally }
    }
}

impl Deref for HostHold {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl Drop for HostHold {
    fn drop(&mut self) {
        (self.tally)(&self.host.stats).dec();
    }
}

// === impl Host ===

impl Host {
    /// A healthy host that was asked nothing yet.
    pub fn new(address: SocketAddr, hostname: impl Into<String>, traits: Arc<Traits>) -> Self {
        Self {
            address,
            hostname: hostname.into(),
            stats: HostStats::default(),
            health_check: None,
            traits: ArcSwap::new(traits),
            flags: AtomicU32::new(0),
            monitor: OnceLock::new(),
            passive_failures: AtomicU32::new(0),
            healthy_since: AtomicU64::new(0),
        }
    }

    /// The host of an endpoint.
    pub fn of(endpoint: &Endpoint, address: SocketAddr) -> Self {
        let host = Self::new(address, endpoint.hostname.as_str(), endpoint.traits.clone());
        host.with_health_check(endpoint.health_check.clone()).with_health(endpoint.health)
    }

    /// The same with what is different in its health checks.
    #[must_use]
    pub fn with_health_check(mut self, config: Option<Arc<EndpointHealthCheck>>) -> Self {
        self.health_check = config;
        self
    }

    /// The same with the health that its configuration says.
    #[must_use]
    pub fn with_health(self, status: HealthStatus) -> Self {
        self.set_configured_health(status);
        self
    }

    /// Its weight, its place and its metadata.
    pub fn traits(&self) -> Guard<Arc<Traits>> {
        self.traits.load()
    }

    /// Takes over what discovery says anew. A new set of hosts must be published for it to show.
    pub fn set_traits(&self, traits: Arc<Traits>) {
        self.traits.store(traits);
    }

    /// `metadata["envoy.lb"]["canary"]`.
    pub fn is_canary(&self) -> bool {
        self.traits().metadata.lb("canary").and_then(serde_json::Value::as_bool) == Some(true)
    }

    /// Tells outlier detection what a request came to. Nothing where there is none.
    #[inline]
    pub fn observe(&self, outcome: Outcome) {
        if let Some(monitor) = self.monitor.get() {
            monitor.observe(outcome);
        }
    }

    /// What outlier detection has counted.
    pub fn monitor(&self) -> Option<&Arc<Monitor>> {
        self.monitor.get()
    }

    /// Lets outlier detection count from now on.
    pub(super) fn watch(&self, outlier: &Arc<Outlier>) {
        self.monitor.get_or_init(|| Arc::new(Monitor::new(outlier.clone())));
    }

    /// Whether it is left out of health checks.
    pub fn is_check_disabled(&self) -> bool {
        self.health_check.as_ref().is_some_and(|config| config.disabled)
    }

    /// Counts a response that told it to be failing.
    pub(super) fn note_passive_failure(&self) {
        self.passive_failures.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes how many there were since the last time.
    pub(super) fn take_passive_failures(&self) -> u32 {
        // Most hosts had none, and a swap would cost the workers their copy.
        match self.passive_failures.load(Ordering::Relaxed) {
            0 => 0,
            _ => self.passive_failures.swap(0, Ordering::AcqRel),
        }
    }

    /// What balancing by hash takes it for: `metadata["envoy.lb"]["hash_key"]`, its name or its address.
    pub(super) fn hash_key(&self, by_hostname: bool) -> String {
        let traits = self.traits();
        match traits.metadata.lb("hash_key").and_then(serde_json::Value::as_str) {
            Some(key) if !key.is_empty() => key.to_owned(),
            _ if by_hostname => self.hostname.clone(),
            _ => self.address.to_string(),
        }
    }

    /// Raises or lowers a flag, and says whether that changed it. The cluster must be
    /// [refreshed](super::Cluster::refresh) for balancing to take note.
    pub fn set(&self, flag: Flag, up: bool) -> bool {
        let bit = flag.bit();
        let before = if up {
            self.flags.fetch_or(bit, Ordering::AcqRel)
        } else {
            self.flags.fetch_and(!bit, Ordering::AcqRel)
        };
        (before & bit != 0) != up
    }

    /// Whether the flag is up.
    pub fn has(&self, flag: Flag) -> bool {
        self.flags.load(Ordering::Acquire) & flag.bit() != 0
    }

    /// The flags that are up, in Envoy's order.
    pub fn flags(&self) -> impl Iterator<Item = Flag> {
        Flag::of_bits(self.flags.load(Ordering::Acquire))
    }

    /// Takes note of since when it is healthy, for a slow start.
    pub(super) fn note_health(&self) {
        let since = if self.has(Flag::FailedActiveHc) {
            0
        } else if self.healthy_since.load(Ordering::Relaxed) != 0 {
            return;
        } else {
            // At least one: zero is not known.
            millis(BEGINNING.elapsed()) + 1
        };
        self.healthy_since.store(since, Ordering::Relaxed);
    }

    /// The part of its weight that it has in a slow start.
    pub(super) fn warmth(&self, slow_start: &SlowStart) -> f64 {
        let since = self.healthy_since.load(Ordering::Relaxed);
        let now = millis(BEGINNING.elapsed()) + 1;
        let window = millis(slow_start.window).max(1);
        let healthy = now.saturating_sub(since);
        if since == 0 || healthy >= window || self.health() != Health::Healthy {
            return 1.0;
        }
        let part = healthy.max(1) as f64 / window as f64;
        let part = if slow_start.aggression == 1.0 {
            part
        } else {
            part.powf(1.0 / slow_start.aggression)
        };
        part.max(slow_start.least)
    }

    /// What the flags come to.
    pub fn health(&self) -> Health {
        Health::of_bits(self.flags.load(Ordering::Acquire))
    }

    /// Whether it does not count among the hosts that could take traffic.
    pub fn is_excluded(&self) -> bool {
        Flag::excludes(self.flags.load(Ordering::Acquire))
    }

    /// Takes over `health_status`, and says whether that changed anything.
    pub fn set_configured_health(&self, status: HealthStatus) -> bool {
        use HealthStatus as Status;
        let failed = matches!(status, Status::Unhealthy | Status::Timeout);
        let failed = self.set(Flag::FailedEdsHealth, failed);
        let degraded = self.set(Flag::DegradedEdsHealth, status == Status::Degraded);
        self.set(Flag::EdsStatusDraining, status == Status::Draining) || failed || degraded
    }

    /// `health_status` as far as it is still known: a timeout is unhealthy, and unknown is healthy.
    pub fn configured_health(&self) -> HealthStatus {
        if self.has(Flag::FailedEdsHealth) {
            HealthStatus::Unhealthy
        } else if self.has(Flag::DegradedEdsHealth) {
            HealthStatus::Degraded
        } else if self.has(Flag::EdsStatusDraining) {
            HealthStatus::Draining
        } else {
            HealthStatus::Healthy
        }
    }
}
