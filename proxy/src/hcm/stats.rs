//! Stats of an HTTP connection manager.

use crate::stats::stats;

use super::pulse::Late;

stats! {
    /// Stats of one HTTP connection manager, under `http.<stat_prefix>.`
    pub(super) struct HcmStats {
        /// Connections open now
        downstream_cx_active: Gauge,
        /// Connections that we closed because the client did not, after we said we would
        downstream_cx_delayed_close_timeout: Counter,
        /// Connections ever closed
        downstream_cx_destroy: Counter,
        /// Connections closed with requests under way
        downstream_cx_destroy_active_rq: Counter,
        /// Connections that we closed
        downstream_cx_destroy_local: Counter,
        /// Connections that we closed with requests under way
        downstream_cx_destroy_local_active_rq: Counter,
        /// Connections that the client closed
        downstream_cx_destroy_remote: Counter,
        /// Connections that the client closed with requests under way
        downstream_cx_destroy_remote_active_rq: Counter,
        /// Connections closed because we drain
        downstream_cx_drain_close: Counter,
        /// HTTP/1 connections open now
        downstream_cx_http1_active: Gauge,
        /// HTTP/1 connections ever opened
        downstream_cx_http1_total: Counter,
        /// HTTP/2 connections open now
        downstream_cx_http2_active: Gauge,
        /// HTTP/2 connections ever opened
        downstream_cx_http2_total: Counter,
        /// Connections closed because they were idle for too long
        downstream_cx_idle_timeout: Counter,
        /// How long connections lasted
        downstream_cx_length_ms: Histogram<Millis>,
        /// Connections that lasted as long as one may
        downstream_cx_max_duration_reached: Counter,
        /// Connections that carried as many requests as one may
        downstream_cx_max_requests_reached: Counter,
        /// Connections closed because the process has too much to do
        downstream_cx_overload_disable_keepalive: Counter,
        /// Connections that broke their protocol
        downstream_cx_protocol_error: Counter,
        /// Bytes received
        downstream_cx_rx_bytes_total: Counter,
        /// Connections with TLS open now
        downstream_cx_ssl_active: Gauge,
        /// Connections with TLS ever opened
        downstream_cx_ssl_total: Counter,
        /// Connections ever opened
        downstream_cx_total: Counter,
        /// Bytes that wait to be sent because their client takes no more now
        downstream_cx_tx_bytes_buffered: Gauge,
        /// Bytes sent
        downstream_cx_tx_bytes_total: Counter,
        /// Upgraded connections open now
        downstream_cx_upgrades_active: Gauge,
        /// Upgrades ever allowed
        downstream_cx_upgrades_total: Counter,
        /// Informational responses
        downstream_rq_1xx: Counter,
        /// Successes
        downstream_rq_2xx: Counter,
        /// Redirections
        downstream_rq_3xx: Counter,
        /// Client errors
        downstream_rq_4xx: Counter,
        /// Server errors
        downstream_rq_5xx: Counter,
        /// Requests under way
        downstream_rq_active: Gauge,
        /// Responses ever sent
        downstream_rq_completed: Counter,
        /// Requests whose head did not come in whole in time
        downstream_rq_header_timeout: Counter,
        /// Requests whose path is refused
        downstream_rq_failed_path_normalization: Counter,
        /// HTTP/1 requests
        downstream_rq_http1_total: Counter,
        /// HTTP/2 requests
        downstream_rq_http2_total: Counter,
        /// Streams on which nothing moved for too long
        downstream_rq_idle_timeout: Counter,
        /// Streams that lasted for too long
        downstream_rq_max_duration_reached: Counter,
        /// Requests refused because the process has too much to do
        downstream_rq_overload_close: Counter,
        /// Requests whose path was not a path
        downstream_rq_non_relative_path: Counter,
        /// Requests sent back for the path without escaped slashes
        downstream_rq_redirected_with_normalized_path: Counter,
        /// Responses that were sent before their request had come in whole
        downstream_rq_response_before_rq_complete: Counter,
        /// Requests that the client reset
        downstream_rq_rx_reset: Counter,
        /// Time to the end of the response
        downstream_rq_time: Histogram<Millis>,
        /// Requests that did not come in whole in time
        downstream_rq_timeout: Counter,
        /// Requests that were too large for a filter that holds them
        downstream_rq_too_large: Counter,
        /// Requests ever received
        downstream_rq_total: Counter,
        /// Requests that we reset
        downstream_rq_tx_reset: Counter,
        /// Upgrades on routes that do not allow them
        downstream_rq_ws_on_non_ws_route: Counter,
        /// Responses that were too large for a filter that holds them
        rs_too_large: Counter,
    }
}

stats! {
    /// What a listener knows of its HTTP connection manager, under `listener.<address>.http.<stat_prefix>.`
    pub(super) struct ListenerHttpStats {
        /// Informational responses
        downstream_rq_1xx: Counter,
        /// Successes
        downstream_rq_2xx: Counter,
        /// Redirections
        downstream_rq_3xx: Counter,
        /// Client errors
        downstream_rq_4xx: Counter,
        /// Server errors
        downstream_rq_5xx: Counter,
        /// Responses ever sent
        downstream_rq_completed: Counter,
    }
}

// === impl HcmStats ===

impl HcmStats {
    /// Counts a stream that is late.
    pub(super) fn count_late(&self, late: Late) {
        match late {
            Late::Idle => self.downstream_rq_idle_timeout.inc(),
            Late::Request => self.downstream_rq_timeout.inc(),
            Late::Head => self.downstream_rq_header_timeout.inc(),
            Late::Duration => self.downstream_rq_max_duration_reached.inc(),
        }
    }

    /// Counts a response by its class.
    pub(super) fn charge(&self, listener: &ListenerHttpStats, status: u16) {
        let (own, listeners) = match status / 100 {
            1 => (&self.downstream_rq_1xx, &listener.downstream_rq_1xx),
            2 => (&self.downstream_rq_2xx, &listener.downstream_rq_2xx),
            3 => (&self.downstream_rq_3xx, &listener.downstream_rq_3xx),
            4 => (&self.downstream_rq_4xx, &listener.downstream_rq_4xx),
            _ => (&self.downstream_rq_5xx, &listener.downstream_rq_5xx),
        };
        own.inc();
        listeners.inc();
        self.downstream_rq_completed.inc();
        listener.downstream_rq_completed.inc();
    }
}
