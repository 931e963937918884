//! Tokens that come back with time, for all workers at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::config::http_filter as config;

/// A bucket that fills by the moment, as Envoy's does: half an interval brings half of its tokens.
#[derive(Debug)]
pub(super) struct TokenBucket {
    most: f64,
    /// Tokens per second.
    rate: f64,
    since: Instant,
    /// When it was empty, or would have been, in seconds since then: the bits of a float.
    empty_at: AtomicU64,
}

// === impl TokenBucket ===

impl TokenBucket {
    /// A full one.
    pub(super) fn new(config: config::TokenBucket, now: Instant) -> Self {
        let most = f64::from(config.max_tokens);
        let rate = f64::from(config.tokens_per_fill) / config.fill_interval.as_secs_f64();
        let empty_at = AtomicU64::new((-most / rate).to_bits());
        Self { most, rate, since: now, empty_at }
    }

    /// Tokens per second.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// How many it holds.
    pub(super) fn most(&self) -> f64 {
        self.most
    }

    /// Takes one token, if there is one.
    pub(super) fn take(&self, now: Instant) -> bool {
        let now = self.seconds(now);
        let taken = self.empty_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bits| {
            let tokens = self.tokens(f64::from_bits(bits), now);
            (tokens >= 1.0).then(|| (now - (tokens - 1.0) / self.rate).to_bits())
        });
        taken.is_ok()
    }

    /// How many whole tokens there are.
    pub(super) fn remaining(&self, now: Instant) -> f64 {
        let empty_at = f64::from_bits(self.empty_at.load(Ordering::Relaxed));
        self.tokens(empty_at, self.seconds(now)).floor()
    }

    /// How long it takes until there is a token.
    pub(super) fn next(&self, now: Instant) -> Duration {
        let empty_at = f64::from_bits(self.empty_at.load(Ordering::Relaxed));
        let missing = 1.0 - self.tokens(empty_at, self.seconds(now));
        // A bucket that never fills has no next token, and says the longest time there is.
        Duration::try_from_secs_f64((missing / self.rate).max(0.0)).unwrap_or(Duration::MAX)
    }

    fn tokens(&self, empty_at: f64, now: f64) -> f64 {
        ((now - empty_at) * self.rate).clamp(0.0, self.most)
    }

    fn seconds(&self, now: Instant) -> f64 {
        now.saturating_duration_since(self.since).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use crate::base::clock;

    use super::TokenBucket;
    use super::config;

    fn bucket(max_tokens: u32, tokens_per_fill: u32, seconds: u64) -> TokenBucket {
        let fill_interval = Duration::from_secs(seconds);
        let config = config::TokenBucket { max_tokens, tokens_per_fill, fill_interval };
        TokenBucket::new(config, clock::now())
    }

    #[test]
    fn tokens_come_back_by_the_moment_and_never_beyond_the_brim() {
        let bucket = bucket(3, 2, 10);
        let start = bucket.since;
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!([0, 0, 0, 0].map(|when| bucket.take(at(when))), [true, true, true, false]);
        assert_eq!(bucket.next(at(0)).as_secs(), 5);
        assert_eq!([4, 5, 5].map(|when| bucket.take(at(when))), [false, true, false]);
        assert_eq!(bucket.remaining(at(1000)), 3.0);
        assert_eq!([1000; 4].map(|when| bucket.take(at(when))), [true, true, true, false]);
    }

    #[test]
    fn an_empty_bucket_stays_empty() {
        let bucket = bucket(0, 5, 1);
        assert!(!bucket.take(bucket.since + Duration::from_secs(100)));
    }

    #[test]
    fn threads_together_take_exactly_what_there_is() {
        let bucket = Arc::new(bucket(1000, 1, 3600));
        let now = bucket.since;
        let threads = [(); 4].map(|()| {
            let bucket = bucket.clone();
            thread::spawn(move || (0..1000).filter(|_| bucket.take(now)).count())
        });
        let taken: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(taken, 1000);
    }
}
