//! Who is to be ejected, by the numbers alone.

use std::time::{Duration, Instant};

use crate::config::outlier::OutlierDetection;

use super::ejection::{Ejection, Rate};

/// Failures in a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum Consecutive {
    /// 502, 503 and 504.
    GatewayFailures,
    /// 5xx.
    FiveHundreds,
    /// Failures on our side.
    LocalOriginFailures,
}

/// Why a host is ejected: `envoy.data.cluster.v3.OutlierEjectionType`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Consecutive5xx,
    ConsecutiveGatewayFailure,
    SuccessRate,
    ConsecutiveLocalOriginFailure,
    SuccessRateLocalOrigin,
    FailurePercentage,
    FailurePercentageLocalOrigin,
}

/// What becomes of a host that was detected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Ejected,
    /// It is not ejected, by the luck of `enforcing_*`.
    NotEnforced,
    /// Too many are ejected already.
    Overflow,
    /// It is ejected already.
    Already,
}

/// A random number below the argument.
pub(super) type Dice<'a> = &'a mut dyn FnMut(u64) -> u64;

/// What the rates of one interval say.
#[derive(Debug, PartialEq)]
pub(super) struct Outliers {
    /// The mean, and the threshold below which hosts are outliers; none if too few hosts had enough requests.
    pub(super) average: Option<(f64, f64)>,
    /// Whose share of good answers is an outlier.
    pub(super) by_success_rate: Vec<usize>,
    /// Whose share of bad answers is too large.
    pub(super) by_failure_percentage: Vec<usize>,
}

/// Decides about a host that was detected, of so many, of which so many are ejected.
pub(super) fn judge(
    host: &mut Ejection,
    kind: Kind,
    (hosts, ejected): (usize, usize),
    settings: &OutlierDetection,
    (now, dice): (Instant, Dice<'_>),
) -> Verdict {
    if host.is_active() {
        return Verdict::Already;
    }
    let fits = (ejected + 1) * 100 <= settings.max_ejection_percent as usize * hosts;
    let is_the_one = settings.always_eject_one_host && ejected == 0;
    if !(fits || is_the_one) {
        return Verdict::Overflow;
    }
    if dice(100) >= u64::from(kind.enforcing(settings)) {
        return Verdict::NotEnforced;
    }
    let most = u64::try_from(settings.max_ejection_time_jitter.as_millis()).unwrap_or(u64::MAX);
    let jitter = Duration::from_millis(dice(most.saturating_add(1)));
    host.begin(now, jitter, settings);
    Verdict::Ejected
}

/// Finds the outliers among the rates of hosts that are not ejected; without a rate a host had no requests.
pub(super) fn outliers(rates: &[Option<Rate>], settings: &OutlierDetection) -> Outliers {
    let mut found =
        Outliers { average: None, by_success_rate: Vec::new(), by_failure_percentage: Vec::new() };
    let among = |volume: u32, least: u32| -> Vec<(usize, f64)> {
        let rates = rates.iter().enumerate();
        let rates = rates.filter_map(|(index, rate)| Some((index, (*rate)?)));
        let rates = rates.filter(|(_, rate)| rate.volume >= u64::from(volume));
        let rates: Vec<_> = rates.map(|(index, rate)| (index, rate.percent)).collect();
        if rates.len() < least as usize { Vec::new() } else { rates }
    };
    let by_rate = &settings.success_rate;
    let rates = among(by_rate.request_volume, by_rate.minimum_hosts);
    if !rates.is_empty() {
        let (mean, threshold) = threshold(&rates, f64::from(by_rate.stdev_factor) / 1000.0);
        found.average = Some((mean, threshold));
        let outlying = rates.iter().filter(|(_, rate)| *rate < threshold);
        found.by_success_rate = outlying.map(|(index, _)| *index).collect();
    }
    let by_failures = &settings.failure_percentage;
    let rates = among(by_failures.request_volume, by_failures.minimum_hosts);
    let failing = rates.iter().filter(|(_, rate)| 100.0 - rate >= f64::from(by_failures.threshold));
    found.by_failure_percentage = failing.map(|(index, _)| *index).collect();
    found
}

/// The mean, and how far below it a host is an outlier.
fn threshold(rates: &[(usize, f64)], factor: f64) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "there are no 2^52 hosts")]
    let count = rates.len() as f64;
    let mean = rates.iter().map(|(_, rate)| rate).sum::<f64>() / count;
    let variance = rates.iter().map(|(_, rate)| (rate - mean).powi(2)).sum::<f64>() / count;
    (mean, mean - factor * variance.sqrt())
}

// === impl Consecutive ===

impl Consecutive {
    /// In the order in which Envoy tells of them.
    pub(super) const ALL: [Self; 3] =
        [Self::GatewayFailures, Self::FiveHundreds, Self::LocalOriginFailures];

    pub(super) fn kind(self) -> Kind {
        match self {
            Self::GatewayFailures => Kind::ConsecutiveGatewayFailure,
            Self::FiveHundreds => Kind::Consecutive5xx,
            Self::LocalOriginFailures => Kind::ConsecutiveLocalOriginFailure,
        }
    }
}

// === impl Kind ===

impl Kind {
    fn enforcing(self, settings: &OutlierDetection) -> u32 {
        let enforcing = &settings.enforcing;
        match self {
            Self::Consecutive5xx => enforcing.consecutive_5xx,
            Self::ConsecutiveGatewayFailure => enforcing.consecutive_gateway_failure,
            Self::SuccessRate => enforcing.success_rate,
            Self::ConsecutiveLocalOriginFailure => enforcing.consecutive_local_origin_failure,
            Self::SuccessRateLocalOrigin => enforcing.local_origin_success_rate,
            Self::FailurePercentage => enforcing.failure_percentage,
            Self::FailurePercentageLocalOrigin => enforcing.local_origin_failure_percentage,
        }
    }
}

#[cfg(test)]
mod tests;
