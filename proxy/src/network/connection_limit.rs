//! `envoy.filters.network.connection_limit`: so many connections at a time, and those beyond are closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::config::listener::ConnectionLimit as Config;
use crate::stats::{GaugeGuard, Scope, stats};

stats! {
    /// Stats of one filter, under `connection_limit.<stat_prefix>.`
    struct LimitStats {
        /// Connections open now
        active_connections: Gauge,
        /// Connections closed because there were too many
        limited_connections: Counter,
    }
}

/// One filter.
#[derive(Debug)]
pub struct ConnectionLimit {
    most: u64,
    delay: Option<Duration>,
    enabled: bool,
    /// On all workers.
    taken: AtomicU64,
    stats: LimitStats,
}

/// A connection's place among those that there may be; dropping it gives it back.
#[derive(Debug)]
pub struct Admitted {
    limit: Arc<ConnectionLimit>,
    _active: GaugeGuard,
}

// === impl ConnectionLimit ===

impl ConnectionLimit {
    pub(super) fn new(config: &Config, root: &Scope) -> Self {
        let scope = root.scope("connection_limit").scope(&config.stat_prefix);
        Self {
            most: config.max_connections,
            delay: config.delay,
            enabled: config.enabled,
            taken: AtomicU64::new(0),
            stats: LimitStats::register(&scope),
        }
    }

    /// One more, if there may be; otherwise how long it is kept waiting for its end.
    pub(super) fn admit(limit: &Arc<Self>) -> Result<Option<Admitted>, Option<Duration>> {
        if !limit.enabled {
            return Ok(None);
        }
        if limit.taken.fetch_add(1, Ordering::AcqRel) >= limit.most {
            limit.taken.fetch_sub(1, Ordering::AcqRel);
            limit.stats.limited_connections.inc();
            tracing::debug!(most = limit.most, "a connection is over the connection limit");
            return Err(limit.delay);
        }
        let active = limit.stats.active_connections.hold();
        Ok(Some(Admitted { limit: limit.clone(), _active: active }))
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.limit.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Config, ConnectionLimit};
    use crate::stats::Store;

    #[test]
    fn there_are_as_many_as_there_may_be_and_one_more_when_one_has_gone() {
        let config = Config {
            stat_prefix: String::from("a"),
            max_connections: 2,
            delay: None,
            enabled: true,
        };
        let limit = Arc::new(ConnectionLimit::new(&config, &Store::new().root()));
        let first = ConnectionLimit::admit(&limit).unwrap();
        let second = ConnectionLimit::admit(&limit).unwrap();
        assert!(ConnectionLimit::admit(&limit).is_err());
        assert_eq!(limit.stats.active_connections.value(), 2);
        drop(first);
        let third = ConnectionLimit::admit(&limit).unwrap();
        assert!(ConnectionLimit::admit(&limit).is_err());
        drop((second, third));
        assert_eq!(limit.stats.active_connections.value(), 0);
        assert_eq!(limit.stats.limited_connections.value(), 2);
    }
}
