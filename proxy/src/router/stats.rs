//! Stats of a router.

use crate::stats::{FlowStats, stats};

stats! {
    /// Stats of one router, under `http.<stat_prefix>.`
    pub(super) struct RouterStats {
        /// Times reading of a client stopped because the host took no more
        downstream_flow_control_paused_reading_total: Counter,
        /// Times it went on
        downstream_flow_control_resumed_reading_total: Counter,
        /// Requests whose cluster does not exist
        no_cluster: Counter,
        /// Requests without a route
        no_route: Counter,
        /// Requests answered by their route
        rq_direct_response: Counter,
        /// Requests whose upstream broke off after its head was sent on
        rq_reset_after_downstream_response_started: Counter,
        /// Requests that came to the router
        rq_total: Counter,
    }
}

// === impl RouterStats ===

impl RouterStats {
    /// Where it counts that requests are not read.
    pub(super) fn upload_flow(&self) -> FlowStats {
        FlowStats {
            stopped: self.downstream_flow_control_paused_reading_total.clone(),
            resumed: self.downstream_flow_control_resumed_reading_total.clone(),
        }
    }
}
