//! `envoy.config.cluster.v3.OutlierDetection`.

use crate::config::diagnostic::Findings;
use crate::config::outlier::{Enforcing, FailurePercentage, OutlierDetection, SuccessRate};

use super::message::Message;

/// Lowers a cluster's outlier detection.
pub(super) fn lower(cluster: &Message<'_>, findings: &mut Findings) -> Option<OutlierDetection> {
    let outliers = cluster.message("outlier_detection")?;
    let default = OutlierDetection::default();
    let number = |name, default| outliers.u32(name).unwrap_or(default);
    let time = |name, default| outliers.duration(name).unwrap_or(default);
    let base_ejection_time = time("base_ejection_time", default.base_ejection_time);
    let max_ejection_time =
        time("max_ejection_time", default.max_ejection_time.max(base_ejection_time));
    if max_ejection_time < base_ejection_time {
        let message =
            "outlier detector's max_ejection_time cannot be smaller than base_ejection_time";
        findings.error(outliers.place("max_ejection_time"), message);
    }
    Some(OutlierDetection {
        consecutive_5xx: number("consecutive_5xx", default.consecutive_5xx),
        consecutive_gateway_failure: number(
            "consecutive_gateway_failure",
            default.consecutive_gateway_failure,
        ),
        consecutive_local_origin_failure: number(
            "consecutive_local_origin_failure",
            default.consecutive_local_origin_failure,
        ),
        split_local_origin: outliers
            .bool("split_external_local_origin_errors")
            .unwrap_or(default.split_local_origin),
        interval: time("interval", default.interval),
        base_ejection_time,
        max_ejection_time,
        max_ejection_time_jitter: time(
            "max_ejection_time_jitter",
            default.max_ejection_time_jitter,
        ),
        max_ejection_percent: number("max_ejection_percent", default.max_ejection_percent),
        always_eject_one_host: outliers
            .bool("always_eject_one_host")
            .unwrap_or(default.always_eject_one_host),
        success_rate: success_rate(outliers, &default.success_rate),
        failure_percentage: failure_percentage(outliers, &default.failure_percentage),
        enforcing: enforcing(outliers, &default.enforcing),
        uneject_by_health_check: outliers
            .bool("successful_active_health_check_uneject_host")
            .unwrap_or(default.uneject_by_health_check),
    })
}

fn success_rate(outliers: &Message<'_>, default: &SuccessRate) -> SuccessRate {
    let number = |name, default| outliers.u32(name).unwrap_or(default);
    SuccessRate {
        minimum_hosts: number("success_rate_minimum_hosts", default.minimum_hosts),
        request_volume: number("success_rate_request_volume", default.request_volume),
        stdev_factor: number("success_rate_stdev_factor", default.stdev_factor),
    }
}

fn failure_percentage(outliers: &Message<'_>, default: &FailurePercentage) -> FailurePercentage {
    let number = |name, default| outliers.u32(name).unwrap_or(default);
    FailurePercentage {
        threshold: number("failure_percentage_threshold", default.threshold),
        minimum_hosts: number("failure_percentage_minimum_hosts", default.minimum_hosts),
        request_volume: number("failure_percentage_request_volume", default.request_volume),
    }
}

fn enforcing(outliers: &Message<'_>, default: &Enforcing) -> Enforcing {
    let number = |name, default| outliers.u32(name).unwrap_or(default);
    Enforcing {
        consecutive_5xx: number("enforcing_consecutive_5xx", default.consecutive_5xx),
        consecutive_gateway_failure: number(
            "enforcing_consecutive_gateway_failure",
            default.consecutive_gateway_failure,
        ),
        consecutive_local_origin_failure: number(
            "enforcing_consecutive_local_origin_failure",
            default.consecutive_local_origin_failure,
        ),
        success_rate: number("enforcing_success_rate", default.success_rate),
        local_origin_success_rate: number(
            "enforcing_local_origin_success_rate",
            default.local_origin_success_rate,
        ),
        failure_percentage: number("enforcing_failure_percentage", default.failure_percentage),
        local_origin_failure_percentage: number(
            "enforcing_failure_percentage_local_origin",
            default.local_origin_failure_percentage,
        ),
    }
}
