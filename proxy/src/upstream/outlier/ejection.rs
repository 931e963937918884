//! One host's ejections: how long they last, and how that grows.

use std::time::{Duration, Instant};

use crate::config::outlier::OutlierDetection;

/// What is remembered of one host's ejections.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Ejection {
    /// Whether it is ejected.
    active: bool,
    /// How often it was.
    count: u32,
    /// How many times `base_ejection_time` the next, or the present, one lasts.
    backoff: u32,
    /// What is added to the present one.
    jitter: Duration,
    began: Option<Instant>,
    ended: Option<Instant>,
}

/// A host's requests in one interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    /// How many were good.
    pub(super) percent: f64,
    /// How many there were.
    pub(super) volume: u64,
}

// === impl Ejection ===

impl Ejection {
    pub(super) fn is_active(&self) -> bool {
        self.active
    }

    /// How often it was ejected.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// When it was ejected last.
    pub(super) fn began(&self) -> Option<Instant> {
        self.began
    }

    /// When it was let in last.
    pub(super) fn ended(&self) -> Option<Instant> {
        self.ended
    }

    /// Begins an ejection.
    pub(super) fn begin(&mut self, now: Instant, jitter: Duration, settings: &OutlierDetection) {
        self.active = true;
        self.count = self.count.saturating_add(1);
        self.began = Some(now);
        self.jitter = jitter;
        let base = settings.base_ejection_time;
        if base.saturating_mul(self.backoff) < settings.max_ejection_time.saturating_add(base) {
            self.backoff += 1;
        }
    }

    /// Whether the present one has lasted long enough.
    pub(super) fn is_over(&self, now: Instant, settings: &OutlierDetection) -> bool {
        let lasts = settings.base_ejection_time.saturating_mul(self.backoff);
        let lasts = lasts.min(settings.max_ejection_time).saturating_add(self.jitter);
        self.active && self.began.is_some_and(|began| now.saturating_duration_since(began) >= lasts)
    }

    /// Ends it.
    pub(super) fn end(&mut self, now: Instant) {
        self.active = false;
        self.ended = Some(now);
    }

    /// Forgives a little: a host that stayed in for an interval is ejected for a shorter time next.
    pub(super) fn relax(&mut self, now: Instant, settings: &OutlierDetection) {
        let since = self.ended.map(|ended| now.saturating_duration_since(ended));
        if !self.active && since.is_some_and(|since| since >= settings.interval) {
            self.backoff = self.backoff.saturating_sub(1);
        }
    }
}
