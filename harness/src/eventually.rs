//! Waits for a condition, with one patience for all waits.

use std::{sync::LazyLock, time::Duration};

/// How long a wait may take before it is a failure: `MESH_PATIENCE_MS`, or 20 seconds, which a slow machine with every
/// test running at once stays well under.
pub fn patience() -> Duration {
    static PATIENCE: LazyLock<Duration> = LazyLock::new(|| {
        std::env::var("MESH_PATIENCE_MS")
            .ok()
            .and_then(|value| value.parse().ok())
            .map_or(DEFAULT_PATIENCE, Duration::from_millis)
    });
    *PATIENCE
}

/// How often a condition is looked at again. Short, since a look costs one request on loopback.
pub const INTERVAL: Duration = Duration::from_millis(20);

const DEFAULT_PATIENCE: Duration = Duration::from_secs(20);
