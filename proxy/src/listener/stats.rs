//! Stats of listeners and of the listener manager.

use crate::stats::stats;

stats! {
    /// Stats of one listener, under `listener.<address>.`
    pub(super) struct ListenerStats {
        /// Connections open now
        downstream_cx_active: Gauge,
        /// Connections ever closed
        downstream_cx_destroy: Counter,
        /// How long connections lasted
        downstream_cx_length_ms: Histogram<Millis>,
        /// Connections closed because the listener had as many as it may have
        downstream_cx_overflow: Counter,
        /// Connections refused because the process was overloaded
        downstream_cx_overload_reject: Counter,
        /// Connections ever accepted
        downstream_cx_total: Counter,
        /// Connections whose handshake was not done in time
        downstream_cx_transport_socket_connect_timeout: Counter,
        /// Connections closed because all listeners together had as many as they may have
        downstream_global_cx_overflow: Counter,
        /// Connections that their peer closed before their listener filters were done
        downstream_listener_filter_remote_close: Counter,
        /// Connections whose listener filters are not done
        downstream_pre_cx_active: Gauge,
        /// Connections whose listener filters were not done in time
        downstream_pre_cx_timeout: Counter,
        /// Connections whose filter chain has no filters
        network_extension_config_missing: Counter,
        /// Connections that no filter chain takes
        no_filter_chain_match: Counter,
    }
}

stats! {
    /// A worker's share of a listener, under `listener.<address>.<worker>.`
    pub(super) struct WorkerStats {
        /// Connections open now
        downstream_cx_active: Gauge,
        /// Connections ever accepted
        downstream_cx_total: Counter,
    }
}

stats! {
    /// Stats of all listeners, under `listener_manager.`
    pub(super) struct ManagerStats {
        /// Listeners ever added
        listener_added: Counter,
        /// Listeners that could not be made
        listener_create_failure: Counter,
        /// Listeners made, on each worker
        listener_create_success: Counter,
        /// Listeners ever stopped
        listener_stopped: Counter,
        /// Listeners that accept
        total_listeners_active: Gauge,
        /// Listeners that drain
        total_listeners_draining: Gauge,
        /// Listeners that wait for something
        total_listeners_warming: Gauge,
        /// Whether all workers have started
        workers_started: Gauge,
    }
}
