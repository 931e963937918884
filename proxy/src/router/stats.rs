//! Stats of a router.

use crate::stats::stats;

stats! {
    /// Stats of one router, under `http.<stat_prefix>.`
    pub(super) struct RouterStats {
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
