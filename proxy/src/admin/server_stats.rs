//! `server.*`: how the process is doing, in numbers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::life::State;
use super::{Parts, certs};
use crate::base::memory::Memory;
use crate::stats::stats;

/// How often histograms end an interval and the process is looked at: Envoy's `stats_flush_interval`.
const INTERVAL: Duration = Duration::from_secs(5);

/// What `server.days_until_first_cert_expiring` says where there is no certificate.
const NO_CERTIFICATE: u64 = u32::MAX as u64;

stats! {
    /// Stats of the process, under `server.`
    pub(super) struct ServerStats {
        /// Worker threads
        concurrency: Gauge,
        /// Days until a certificate expires
        days_until_first_cert_expiring: Gauge,
        /// Which of the processes that took over from one another this is
        hot_restart_epoch: Gauge,
        /// Which generation of the protocol for taking over this is
        hot_restart_generation: Gauge,
        /// How long it took until it could serve
        initialization_time_ms: Histogram<Millis>,
        /// Whether it serves and passes health checks
        live: Gauge,
        /// Memory in use, in bytes
        memory_allocated: Gauge,
        /// Memory held for use, in bytes
        memory_heap_size: Gauge,
        /// Memory that the system really gave, in bytes
        memory_physical_size: Gauge,
        /// Connections of the process before this one
        parent_connections: Gauge,
        /// 0 live, 1 draining, 2 waiting for the first hosts, 3 starting workers
        state: Gauge,
        /// Connections to listeners
        total_connections: Gauge,
        /// Seconds since the start
        uptime: Gauge,
        /// The version: major, minor and patch, in a byte each
        version: Gauge,
    }
}

/// Looks at the process and ends the histograms' interval every five seconds, for ever.
pub async fn tend(parts: Parts) {
    let stats = ServerStats::register(&parts.store.root().scope("server"));
    stats.start(&parts);
    let mut initialized = false;
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if !initialized && let Some(time) = parts.life.initialization() {
            initialized = true;
            stats
                .initialization_time_ms
                .record(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        }
        stats.refresh(&parts);
        parts.store.flush();
    }
}

/// The state to be told: a server that fails its health checks is as good as draining.
pub(super) fn state(parts: &Parts) -> State {
    let failed = parts.ending.health_failed.load(Ordering::Relaxed);
    match parts.life.state() {
        State::Live if failed => State::Draining,
        state => state,
    }
}

// === impl ServerStats ===

impl ServerStats {
    /// Notes whether the process serves and passes health checks.
    pub(super) fn live(&self, parts: &Parts) {
        self.live.set(u64::from(state(parts) == State::Live));
    }

    /// Sets what never changes.
    fn start(&self, parts: &Parts) {
        let concurrency = parts.command_line["concurrency"].as_u64();
        self.concurrency.set(concurrency.unwrap_or_default());
        self.hot_restart_epoch.set(0);
        self.hot_restart_generation.set(1);
        self.parent_connections.set(0);
        let parts = env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse().unwrap_or(0));
        self.version.set(parts.fold(0, |version, part: u64| version << 8 | part));
    }

    fn refresh(&self, parts: &Parts) {
        self.live(parts);
        self.state.set(state(parts) as u64);
        let days = certs::days_left(parts).unwrap_or(NO_CERTIFICATE);
        self.days_until_first_cert_expiring.set(days);
        self.uptime.set(parts.life.uptime().as_secs());
        let connections = |listener: &std::sync::Arc<crate::listener::Listener>| {
            listener.scope.gauge("downstream_cx_active").value()
        };
        self.total_connections.set(parts.listeners.listeners().iter().map(connections).sum());
        let memory = Memory::now();
        self.memory_allocated.set(memory.allocated);
        self.memory_heap_size.set(memory.heap);
        self.memory_physical_size.set(memory.physical);
    }
}
