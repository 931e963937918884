//! `envoy.filters.network.local_ratelimit`: so many new connections in a time, and those beyond are closed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::base::clock;
use crate::config::listener::LocalRateLimit as Config;
use crate::stats::{Scope, stats};

stats! {
    /// Stats of one filter, under `local_rate_limit.<stat_prefix>.`
    struct RateStats {
        /// Connections closed because too many came
        rate_limited: Counter,
    }
}

/// One filter.
///
/// Its tokens are kept as a time: that at which the bucket was empty last. What has flown in since is what there is,
/// as far as it goes in, and to take one is to move that time on. So one number is all that the workers share.
#[derive(Debug)]
pub struct LocalRateLimit {
    most: u32,
    /// Nanoseconds for one token.
    each: u64,
    enabled: bool,
    start: Instant,
    /// Nanoseconds after `start`, and one bucketful more.
    empty_at: AtomicU64,
    stats: RateStats,
}

// === impl LocalRateLimit ===

impl LocalRateLimit {
    pub(super) fn new(config: &Config, root: &Scope) -> Self {
        let scope = root.scope("local_rate_limit").scope(&config.stat_prefix);
        let interval = u64::try_from(config.fill_interval.as_nanos()).unwrap_or(u64::MAX);
        Self {
            most: config.max_tokens,
            each: (interval / u64::from(config.tokens_per_fill.max(1))).max(1),
            enabled: config.enabled,
            start: clock::now(),
            empty_at: AtomicU64::new(0),
            stats: RateStats::register(&scope),
        }
    }

    /// Whether one more connection may come now.
    pub(super) fn admits(&self) -> bool {
        if !self.enabled || self.take(clock::now()) {
            return true;
        }
        self.stats.rate_limited.inc();
        tracing::debug!("a connection is over the rate limit");
        false
    }

    fn take(&self, now: Instant) -> bool {
        let full = self.each.saturating_mul(u64::from(self.most));
        let since = now.saturating_duration_since(self.start).as_nanos();
        // Full at the start: the bucket was empty one bucketful of time before.
        let now = u64::try_from(since).unwrap_or(u64::MAX).saturating_add(full);
        let taken = |empty_at: u64| {
            let next = empty_at.max(now - full).saturating_add(self.each);
            (next <= now).then_some(next)
        };
        self.empty_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, taken).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Config, LocalRateLimit};
    use crate::stats::Store;

    #[test]
    fn tokens_run_out_and_flow_in_again_and_never_more_than_go_in() {
        let config = Config {
            stat_prefix: String::from("a"),
            max_tokens: 3,
            tokens_per_fill: 2,
            fill_interval: Duration::from_secs(1),
            enabled: true,
        };
        let limit = LocalRateLimit::new(&config, &Store::new().root());
        let at = |millis| limit.start + Duration::from_millis(millis);
        let count = |millis| (0..10).filter(|_| limit.take(at(millis))).count();
        assert_eq!(count(0), 3);
        assert_eq!(count(499), 0);
        assert_eq!(count(500), 1);
        assert_eq!(count(1500), 2);
        assert_eq!(count(100_000), 3);
    }
}
