//! Stats of active health checks.

use crate::stats::stats;

stats! {
    /// Stats of one cluster's health checks, under `cluster.<name>.health_check.`
    pub(super) struct HealthCheckStats {
        /// Checks begun
        attempt: Counter,
        /// Hosts found to be degraded; as in Envoy it does not go down when one no longer is
        degraded: Gauge,
        /// Checks that failed, for whatever reason
        failure: Counter,
        /// Hosts that pass
        healthy: Gauge,
        /// Checks that failed on the way: no connection, a broken one, a timeout
        network_failure: Counter,
        /// Responses to requests that told the host to be failing
        passive_failure: Counter,
        /// Checks that passed
        success: Counter,
        /// Checks that looked at the name of the service
        verify_cluster: Counter,
    }
}
