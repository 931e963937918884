//! Who is ejected for what its requests came to: `envoy.config.cluster.v3.OutlierDetection`.

use std::time::Duration;

/// `interval` where the file says nothing, Envoy's.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);

/// `base_ejection_time` where the file says nothing, Envoy's.
pub const DEFAULT_BASE_EJECTION_TIME: Duration = Duration::from_secs(30);

/// `max_ejection_time` where the file says nothing and `base_ejection_time` is not longer, Envoy's.
pub const DEFAULT_MAX_EJECTION_TIME: Duration = Duration::from_secs(300);

/// One cluster's outlier detection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OutlierDetection {
    /// `consecutive_5xx` (default 5).
    pub consecutive_5xx: u32,
    /// `consecutive_gateway_failure` (default 5).
    pub consecutive_gateway_failure: u32,
    /// `consecutive_local_origin_failure` (default 5).
    pub consecutive_local_origin_failure: u32,
    /// `split_external_local_origin_errors`: what fails on our side counts apart from what hosts answer.
    pub split_local_origin: bool,
    /// `interval`: how often rates are looked at, and hosts let in again.
    pub interval: Duration,
    /// `base_ejection_time`: for how long the first time, and how much longer each further time.
    pub base_ejection_time: Duration,
    /// `max_ejection_time`: for how long at most.
    pub max_ejection_time: Duration,
    /// `max_ejection_time_jitter` (default 0): how much longer at random.
    pub max_ejection_time_jitter: Duration,
    /// `max_ejection_percent` (default 10): of the cluster's hosts, at a time.
    pub max_ejection_percent: u32,
    /// `always_eject_one_host`, whatever the percentage says.
    pub always_eject_one_host: bool,
    /// `success_rate_*`.
    pub success_rate: SuccessRate,
    /// `failure_percentage_*`.
    pub failure_percentage: FailurePercentage,
    /// `enforcing_*`.
    pub enforcing: Enforcing,
    /// `successful_active_health_check_uneject_host` (default true).
    pub uneject_by_health_check: bool,
}

/// When a host's share of good answers is an outlier among the others'.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SuccessRate {
    /// `success_rate_minimum_hosts` (default 5): so many must have had enough requests.
    pub minimum_hosts: u32,
    /// `success_rate_request_volume` (default 100): so many requests in an interval are enough.
    pub request_volume: u32,
    /// `success_rate_stdev_factor` (default 1900): how many thousandths of a standard deviation below the mean.
    pub stdev_factor: u32,
}

/// When a host's share of bad answers is too large by itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FailurePercentage {
    /// `failure_percentage_threshold` (default 85).
    pub threshold: u32,
    /// `failure_percentage_minimum_hosts` (default 5): so many must have had enough requests.
    pub minimum_hosts: u32,
    /// `failure_percentage_request_volume` (default 50): so many requests in an interval are enough.
    pub request_volume: u32,
}

/// In how many of a hundred cases a host that was detected is ejected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Enforcing {
    /// `enforcing_consecutive_5xx` (default 100).
    pub consecutive_5xx: u32,
    /// `enforcing_consecutive_gateway_failure` (default 0).
    pub consecutive_gateway_failure: u32,
    /// `enforcing_consecutive_local_origin_failure` (default 100).
    pub consecutive_local_origin_failure: u32,
    /// `enforcing_success_rate` (default 100).
    pub success_rate: u32,
    /// `enforcing_local_origin_success_rate` (default 100).
    pub local_origin_success_rate: u32,
    /// `enforcing_failure_percentage` (default 0).
    pub failure_percentage: u32,
    /// `enforcing_failure_percentage_local_origin` (default 0).
    pub local_origin_failure_percentage: u32,
}

impl Default for OutlierDetection {
    /// What an empty message says.
    fn default() -> Self {
        Self {
            consecutive_5xx: 5,
            consecutive_gateway_failure: 5,
            consecutive_local_origin_failure: 5,
            split_local_origin: false,
            interval: DEFAULT_INTERVAL,
            base_ejection_time: DEFAULT_BASE_EJECTION_TIME,
            max_ejection_time: DEFAULT_MAX_EJECTION_TIME,
            max_ejection_time_jitter: Duration::ZERO,
            max_ejection_percent: 10,
            always_eject_one_host: false,
            success_rate: SuccessRate { minimum_hosts: 5, request_volume: 100, stdev_factor: 1900 },
            failure_percentage: FailurePercentage {
                threshold: 85,
                minimum_hosts: 5,
                request_volume: 50,
            },
            enforcing: Enforcing {
                consecutive_5xx: 100,
                consecutive_gateway_failure: 0,
                consecutive_local_origin_failure: 100,
                success_rate: 100,
                local_origin_success_rate: 100,
                failure_percentage: 0,
                local_origin_failure_percentage: 0,
            },
            uneject_by_health_check: true,
        }
    }
}
