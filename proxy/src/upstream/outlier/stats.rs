//! Stats of outlier detection.

use crate::stats::stats;

stats! {
    /// Stats of one cluster's outlier detection, under `cluster.<name>.outlier_detection.`
    #[expect(dead_code, reason = "one is there because Envoy has it, and is never counted")]
    pub(super) struct OutlierStats {
        /// Hosts that are ejected now
        ejections_active: Gauge,
        /// Consecutive 5xx detected; an older name
        ejections_consecutive_5xx: Counter,
        /// Hosts with consecutive 5xx
        ejections_detected_consecutive_5xx: Counter,
        /// Hosts with consecutive gateway failures
        ejections_detected_consecutive_gateway_failure: Counter,
        /// Hosts with consecutive failures on our side
        ejections_detected_consecutive_local_origin_failure: Counter,
        /// Hosts that say they are degraded; never counted, since nothing looks for it yet
        ejections_detected_degradation: Counter,
        /// Hosts with too large a share of bad answers
        ejections_detected_failure_percentage: Counter,
        /// Hosts with too large a share of failures on our side
        ejections_detected_local_origin_failure_percentage: Counter,
        /// Hosts whose share of successes on our side is an outlier
        ejections_detected_local_origin_success_rate: Counter,
        /// Hosts whose share of good answers is an outlier
        ejections_detected_success_rate: Counter,
        /// Ejections for consecutive 5xx
        ejections_enforced_consecutive_5xx: Counter,
        /// Ejections for consecutive gateway failures
        ejections_enforced_consecutive_gateway_failure: Counter,
        /// Ejections for consecutive failures on our side
        ejections_enforced_consecutive_local_origin_failure: Counter,
        /// Ejections for too large a share of bad answers
        ejections_enforced_failure_percentage: Counter,
        /// Ejections for too large a share of failures on our side
        ejections_enforced_local_origin_failure_percentage: Counter,
        /// Ejections for an outlying share of successes on our side
        ejections_enforced_local_origin_success_rate: Counter,
        /// Ejections for an outlying share of good answers
        ejections_enforced_success_rate: Counter,
        /// Ejections
        ejections_enforced_total: Counter,
        /// Hosts that were not ejected since too many are
        ejections_overflow: Counter,
        /// Outlying shares of good answers; an older name
        ejections_success_rate: Counter,
        /// Consecutive 5xx and outlying shares of good answers that met no overflow; an older name
        ejections_total: Counter,
    }
}
