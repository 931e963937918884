//! Looks at what there is left of resources, and says what to do.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use crate::base::memory::Memory;
use crate::base::{clock, task};
use crate::config::Bootstrap;
use crate::config::overload::{ActionKind, Monitor, OverloadManager};
use crate::overload::{Limit, Overload};
use crate::stats::{Counter, Scope, stats};

use super::memory;

/// How often memory that is free goes back, while it is to: Envoy's.
const SHRINK_INTERVAL: Duration = Duration::from_secs(10);

/// The most that is read of a file that says how much of a resource is used.
const MOST_INJECTED: u64 = 64;

stats! {
    /// Stats of the overload manager, under `overload.`
    struct ManagerStats {
        /// Time between two looks
        refresh_interval_delay: Histogram<Millis>,
    }
}

stats! {
    /// Stats of one resource, under `overload.<monitor>.`
    struct MonitorStats {
        /// Looks that told nothing
        failed_updates: Counter,
        /// How much of it is used, in percent
        pressure: Gauge,
    }
}

stats! {
    /// Stats of the limit of all connections, under `overload.envoy.resource_monitors.global_downstream_max_connections.`
    struct ConnectionStats {
        /// Connections that were one too many
        failed_updates: Counter,
        /// Always 0, as in Envoy
        pressure: Gauge,
    }
}

stats! {
    /// Stats of one action, under `overload.<action>.`
    struct ActionStats {
        /// Whether it is taken in full
        active: Gauge,
        /// How strongly it is taken
        scale_percent: Gauge,
    }
}

/// The limit of all connections, if there is one.
pub(super) fn limit(bootstrap: &Bootstrap, root: &Scope) -> Option<Arc<Limit>> {
    let manager = bootstrap.overload.as_ref();
    let refused = manager.and_then(|manager| manager.most_connections).map(|_| {
        let name = "envoy.resource_monitors.global_downstream_max_connections";
        let stats = ConnectionStats::register(&root.scope("overload").scope(name));
        stats.pressure.set(0);
        stats.failed_updates
    });
    bootstrap.most_connections.map(|most| Limit::new(most, refused))
}

/// Looks again and again, for ever.
pub(super) async fn watch(config: OverloadManager, overload: Arc<Overload>, root: Scope) {
    let scope = root.scope("overload");
    let stats = ManagerStats::register(&scope);
    let monitors: Vec<_> = config
        .monitors
        .iter()
        .map(|monitor| MonitorStats::register(&scope.scope(monitor.name())))
        .collect();
    let actions: Vec<_> = config
        .actions
        .iter()
        .map(|action| ActionStats::register(&scope.scope(action.kind.name())))
        .collect();
    let shrinks = config.actions.iter().any(|action| action.kind == ActionKind::ShrinkHeap);
    let mut shrinker = shrinks.then(|| Shrinker::new(&scope));
    for stats in &monitors {
        stats.pressure.set(0);
    }
    let mut used = vec![0.0; monitors.len()];
    let mut ticks = interval(config.refresh_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = clock::now();
    loop {
        ticks.tick().await;
        let now = clock::now();
        let since = now.saturating_duration_since(std::mem::replace(&mut last, now));
        stats.refresh_interval_delay.record(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        for ((monitor, stats), used) in config.monitors.iter().zip(&monitors).zip(&mut used) {
            match look(monitor) {
                Ok(share) => *used = share,
                Err(error) => {
                    tracing::debug!(monitor = monitor.name(), error, "a look told nothing");
                    stats.failed_updates.inc();
                }
            }
            stats.pressure.set((*used * 100.0) as u64);
        }
        for (action, stats) in config.actions.iter().zip(&actions) {
            let of =
                action.triggers.iter().map(|trigger| trigger.kind.strength(used[trigger.monitor]));
            let strength = of.fold(0.0, f64::max);
            let was_active = stats.active.value() == 1;
            let is_active = strength >= 1.0;
            if was_active != is_active {
                tracing::warn!(action = action.kind.name(), active = is_active, "overload");
            }
            stats.active.set(u64::from(is_active));
            stats.scale_percent.set((strength * 100.0) as u64);
            overload.set(action.kind, strength);
            if action.kind == ActionKind::ShrinkHeap
                && is_active
                && let Some(shrinker) = &mut shrinker
            {
                shrinker.shrink(now);
            }
        }
    }
}

/// What share of a resource is used.
fn look(monitor: &Monitor) -> Result<f64, String> {
    match monitor {
        Monitor::FixedHeap(most) => Ok(Memory::now().allocated as f64 / *most as f64),
        Monitor::Injected(path) => injected(path),
    }
}

fn injected(path: &Path) -> Result<f64, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(MOST_INJECTED).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let used: f64 = text.trim().parse().map_err(|_not_one| format!("{text:?} is no number"))?;
    if !(0.0..=1.0).contains(&used) {
        return Err(format!("{used} is not between 0 and 1"));
    }
    Ok(used)
}

/// Gives memory back to the system.
#[derive(Debug)]
struct Shrinker {
    count: Counter,
    last: Option<Instant>,
}

// === impl Shrinker ===

impl Shrinker {
    fn new(scope: &Scope) -> Self {
        let count = scope.scope(ActionKind::ShrinkHeap.name()).counter("shrink_count");
        Self { count, last: None }
    }

    fn shrink(&mut self, now: Instant) {
        if self.last.is_none_or(|last| now.saturating_duration_since(last) >= SHRINK_INTERVAL) {
            self.last = Some(now);
            self.count.inc();
            task::spawn(memory::give_back());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Monitor, look};

    #[test]
    fn what_a_file_says_is_a_share() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("used");
        let monitor = Monitor::Injected(path.clone());
        assert!(look(&monitor).is_err());
        for (text, used) in [("0", Some(0.0)), ("0.75\n", Some(0.75)), ("1", Some(1.0))]
            .into_iter()
            .chain(["", "x", "1.01", "-0.1", "NaN", "inf"].map(|text| (text, None)))
        {
            std::fs::write(&path, text).unwrap();
            assert_eq!(look(&monitor).ok(), used, "{text:?}");
        }
    }

    #[test]
    fn memory_is_a_share_of_what_there_may_be() {
        let used = look(&Monitor::FixedHeap(1 << 40)).unwrap();
        assert!(used > 0.0 && used < 0.1, "{used}");
    }
}
