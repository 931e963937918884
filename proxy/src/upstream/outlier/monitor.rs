//! What the requests of one host came to, counted by the workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::config::outlier::OutlierDetection;

use super::averages::Percent;
use super::detector::Consecutive;
use super::{Outlier, ejection::Rate};

/// What one try of a request came to, in Envoy's distinction of who is to blame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// There is a connection for it.
    Connected,
    /// The same, and there is nothing more to come that could be good or bad: TCP.
    ConnectedForGood,
    /// The host has answered with this status.
    Answered(u16),
    /// There is no connection, or it broke.
    Failed,
    /// It took too long; the client gets this status.
    TimedOut(u16),
}

/// Whose errors are counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The host's; and ours, unless they are split.
    External,
    /// Ours: connections that fail or break, and timeouts.
    Local,
}

/// Counts of one host. Workers write; the main thread reads.
#[derive(Debug)]
pub struct Monitor {
    outlier: Arc<Outlier>,
    consecutive: [AtomicU32; 3],
    /// Which of the counts have reached their threshold, and were not looked at yet; a bit each.
    raised: AtomicU8,
    external: Tally,
    local: Tally,
}

/// The requests of one interval.
#[derive(Debug, Default)]
struct Tally {
    /// All of them in the upper half, the good ones in the lower: one number, so that no reader sees one without the
    /// other.
    count: AtomicU64,
    /// What the last interval came to.
    shown: Percent,
}

/// The bit beside those of [`Consecutive`]: an active health check has passed.
const CHECKED: u8 = 1 << 3;

// === impl Monitor ===

impl Monitor {
    pub(in crate::upstream) fn new(outlier: Arc<Outlier>) -> Self {
        Self {
            outlier,
            consecutive: Default::default(),
            raised: AtomicU8::new(0),
            external: Tally::default(),
            local: Tally::default(),
        }
    }

    /// Takes note of what a request came to.
    pub fn observe(&self, outcome: Outcome) {
        let split = self.outlier.settings.split_local_origin;
        match outcome {
            Outcome::Answered(status) => self.status(status),
            Outcome::Connected | Outcome::ConnectedForGood if split => self.local_success(),
            Outcome::Failed | Outcome::TimedOut(_) if split => self.local_failure(),
            Outcome::Connected => {}
            Outcome::ConnectedForGood => self.status(200),
            Outcome::Failed => self.status(503),
            Outcome::TimedOut(status) => self.status(status),
        }
    }

    /// The share of good answers in the last interval, in percent; negative if it is not known.
    pub fn success_rate(&self, origin: Origin) -> f64 {
        self.tally(origin).shown.get()
    }

    pub(super) fn show(&self, origin: Origin, rate: f64) {
        self.tally(origin).shown.set(rate);
    }

    /// Takes the requests since the last time.
    pub(super) fn take(&self, origin: Origin) -> Option<Rate> {
        self.tally(origin).take()
    }

    /// An active health check has passed: an ejection may end.
    pub(in crate::upstream) fn passed_check(&self) {
        self.raise(CHECKED);
    }

    /// Takes which counts have reached their threshold, and whether a health check has passed since the last time.
    pub(super) fn take_raised(&self) -> (impl Iterator<Item = Consecutive> + use<>, bool) {
        // Most hosts are not raised, and a swap would cost the workers their copy.
        let raised = match self.raised.load(Ordering::Relaxed) {
            0 => 0,
            _ => self.raised.swap(0, Ordering::AcqRel),
        };
        let kinds = Consecutive::ALL.into_iter();
        (kinds.filter(move |kind| raised & kind.bit() != 0), raised & CHECKED != 0)
    }

    pub(super) fn reset(&self, kind: Consecutive) {
        self.consecutive[kind as usize].store(0, Ordering::Relaxed);
    }

    fn tally(&self, origin: Origin) -> &Tally {
        match origin {
            Origin::External => &self.external,
            Origin::Local => &self.local,
        }
    }

    fn status(&self, status: u16) {
        let good = !(500..600).contains(&status);
        self.external.add(good);
        if good {
            self.clear(Consecutive::FiveHundreds);
            self.clear(Consecutive::GatewayFailures);
            return;
        }
        if matches!(status, 502..=504) {
            self.count(Consecutive::GatewayFailures);
        } else {
            self.clear(Consecutive::GatewayFailures);
        }
        self.count(Consecutive::FiveHundreds);
    }

    fn local_success(&self) {
        self.local.add(true);
        self.clear(Consecutive::LocalOriginFailures);
    }

    fn local_failure(&self) {
        self.local.add(false);
        self.count(Consecutive::LocalOriginFailures);
    }

    fn count(&self, kind: Consecutive) {
        let count = self.consecutive[kind as usize].fetch_add(1, Ordering::Relaxed);
        if count.wrapping_add(1) == kind.threshold(&self.outlier.settings) {
            self.raise(kind.bit());
        }
    }

    fn clear(&self, kind: Consecutive) {
        let count = &self.consecutive[kind as usize];
        // It nearly always is zero, and writing would cost the other workers their copy.
        if count.load(Ordering::Relaxed) != 0 {
            count.store(0, Ordering::Relaxed);
        }
    }

    fn raise(&self, bit: u8) {
        self.raised.fetch_or(bit, Ordering::AcqRel);
        self.outlier.alert.notify_one();
    }
}

// === impl Consecutive ===

impl Consecutive {
    fn bit(self) -> u8 {
        1 << self as u8
    }

    fn threshold(self, settings: &OutlierDetection) -> u32 {
        match self {
            Self::GatewayFailures => settings.consecutive_gateway_failure,
            Self::FiveHundreds => settings.consecutive_5xx,
            Self::LocalOriginFailures => settings.consecutive_local_origin_failure,
        }
    }
}

// === impl Tally ===

impl Tally {
    fn add(&self, good: bool) {
        self.count.fetch_add((1 << 32) + u64::from(good), Ordering::Relaxed);
    }

    fn take(&self) -> Option<Rate> {
        // As with the flags: where there was no request there is nothing to write.
        let count = match self.count.load(Ordering::Relaxed) {
            0 => return None,
            _ => self.count.swap(0, Ordering::Relaxed),
        };
        let (total, good) = (count >> 32, count & u64::from(u32::MAX));
        #[expect(clippy::cast_precision_loss, reason = "both are below 2^32")]
        let percent = good as f64 * 100.0 / total as f64;
        Some(Rate { percent, volume: total })
    }
}
