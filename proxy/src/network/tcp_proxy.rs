//! `envoy.filters.network.tcp_proxy`: a connection for a connection.

use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::access_log::AccessLogs;
use crate::base::drain::{Drain, Phase};
use crate::base::{clock, random};
use crate::config::tcp_proxy::TcpProxy as Config;
use crate::formatter::Notes;
use crate::stats::{FlowStats, Scope, stats};
use crate::stream_info::{Downstream, Flag, Opening, Protocol, StreamInfo};
use crate::transport::relay::{Ended, Relay};
use crate::transport::{Meter, Socket, Stream};
use crate::upstream::tcp::{self, TcpConnection, TcpError};
use crate::upstream::{Local, lb};

stats! {
    /// Stats of one TCP proxy, under `tcp.<stat_prefix>.`
    struct TcpStats {
        /// Connections whose cluster does not exist
        downstream_cx_no_route: Counter,
        /// Bytes received
        downstream_cx_rx_bytes_total: Counter,
        /// Connections ever accepted
        downstream_cx_total: Counter,
        /// Bytes that wait to be sent because their client takes no more now
        downstream_cx_tx_bytes_buffered: Gauge,
        /// Bytes sent
        downstream_cx_tx_bytes_total: Counter,
        /// Times reading of a client stopped because its host took no more
        downstream_flow_control_paused_reading_total: Counter,
        /// Times it went on
        downstream_flow_control_resumed_reading_total: Counter,
        /// Connections that ended because nothing passed
        idle_timeout: Counter,
        /// Connections that ended because they had lasted for long
        max_downstream_connection_duration: Counter,
    }
}

/// One worker's TCP proxy for one filter chain.
#[derive(Debug)]
pub struct TcpProxy {
    config: Arc<Config>,
    stats: TcpStats,
    /// Clusters by weight; none where there is no such cluster.
    targets: Vec<(Option<Rc<Local>>, u32)>,
    upload_flow: Rc<FlowStats>,
    logs: Arc<AccessLogs>,
    drain: Drain,
    /// `per_connection_buffer_limit_bytes` of the listener.
    buffer_limit: usize,
}

/// How the connection with the client ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Close {
    /// In order.
    Calmly,
    /// By a reset.
    Abruptly,
}

// === impl TcpProxy ===

impl TcpProxy {
    /// A proxy whose stats are `tcp.<stat_prefix>.` below `root`; `cluster` finds clusters.
    pub fn new(
        config: Arc<Config>,
        cluster: impl Fn(&str) -> Option<Rc<Local>>,
        logs: Arc<AccessLogs>,
        (drain, buffer_limit): (Drain, u32),
        root: &Scope,
    ) -> Self {
        let stats = TcpStats::register(&root.scope("tcp").scope(&config.stat_prefix));
        let upload_flow = FlowStats {
            stopped: stats.downstream_flow_control_paused_reading_total.clone(),
            resumed: stats.downstream_flow_control_resumed_reading_total.clone(),
        };
        let targets = config.clusters.iter().map(|(name, weight)| (cluster(name), *weight));
        Self {
            stats,
            upload_flow: Rc::new(upload_flow),
            targets: targets.collect(),
            logs,
            drain,
            buffer_limit: buffer_limit as usize,
            config,
        }
    }

    /// Serves one connection until it ends.
    pub async fn serve(&self, socket: Socket, opening: Opening, downstream: Downstream) {
        let meter = Meter {
            received: self.stats.downstream_cx_rx_bytes_total.clone(),
            sent: self.stats.downstream_cx_tx_bytes_total.clone(),
            unsent: self.stats.downstream_cx_tx_bytes_buffered.clone(),
        };
        let mut stream = Stream::new(socket, meter);
        let mut info = self.begin(downstream);
        info.tls = opening.tls;
        info.server_name = opening.server_name;
        let close = tokio::select! {
            biased;
            close = self.carry(&mut stream, &mut info) => close,
            () = lasts(self.config.max_duration) => {
                self.stats.max_downstream_connection_duration.inc();
                info.flags.set(Flag::DurationTimeout);
                Close::Calmly
            }
            () = self.drain.until(Phase::Closing) => Close::Calmly,
        };
        if close == Close::Abruptly {
            stream.reset_on_close();
        }
        drop(stream);
        self.end(info);
    }

    /// Counts and logs a connection that a filter before this one has closed.
    pub fn refuse(&self, downstream: Downstream, at_once: bool) {
        let mut info = self.begin(downstream);
        if at_once {
            // As Envoy logs it: it takes what was closed before its first attempt for one out of attempts.
            info.flags.set(Flag::UpstreamRetryLimitExceeded);
        }
        self.end(info);
    }

    fn begin(&self, downstream: Downstream) -> StreamInfo {
        self.stats.downstream_cx_total.inc();
        let mut info = StreamInfo::new(clock::now(), Protocol::Tcp, downstream);
        if !self.logs.is_empty() {
            info.start_wall = Some(clock::wall());
        }
        info
    }

    fn end(&self, mut info: StreamInfo) {
        info.duration = Some(info.start.elapsed());
        self.logs.write(&info, &Notes::default());
    }

    async fn carry(&self, stream: &mut Stream, info: &mut StreamInfo) -> Close {
        let Some((mut upstream, _active, download_flow)) = self.connect(info).await else {
            return Close::Calmly;
        };
        info.upstream_local = upstream.books.local_address();
        info.upstream_tls = upstream.books.tls();
        let mut relay = Relay::new(self.buffer_limit, self.config.idle_timeout)
            .counting(self.upload_flow.clone(), download_flow);
        let ended = poll_fn(|cx| {
            let polled = relay.poll(cx, stream, &mut upstream.stream);
            // They are the log's, however this ends.
            (info.bytes_received, info.bytes_sent) = (relay.up.bytes, relay.down.bytes);
            polled
        })
        .await;
        self.close(&ended, &upstream, info)
    }

    fn close(&self, ended: &Ended, upstream: &TcpConnection, info: &mut StreamInfo) -> Close {
        match ended {
            Ended::ByUpstream => {
                upstream.books.ended_by_host();
                Close::Calmly
            }
            Ended::ByDownstream => Close::Calmly,
            Ended::UpstreamBroke(error) => {
                tracing::debug!(%error, "upstream connection broke");
                upstream.books.ended_by_host();
                info.flags.set(Flag::UpstreamRemoteReset);
                Close::Abruptly
            }
            Ended::DownstreamBroke(error) => {
                tracing::debug!(%error, "downstream connection broke");
                upstream.stream.reset_on_close();
                Close::Abruptly
            }
            Ended::Idle => {
                self.stats.idle_timeout.inc();
                Close::Calmly
            }
        }
    }

    /// A connection with a host of a cluster. Without one, `info` says why.
    async fn connect(
        &self,
        info: &mut StreamInfo,
    ) -> Option<(TcpConnection, tcp::Held, Rc<FlowStats>)> {
        let Some(local) = self.choose() else {
            self.stats.downstream_cx_no_route.inc();
            info.flags.set(Flag::NoClusterFound);
            return None;
        };
        let cluster = &local.cluster;
        info.upstream_cluster = Some(cluster.name.clone());
        for _ in 0..self.config.max_connect_attempts {
            let Some(target) = local.choose(&lb::Context::default()) else {
                cluster.stats.upstream_cx_none_healthy.inc();
                info.flags.set(Flag::NoHealthyUpstream);
                return None;
            };
            info.upstream_host = Some(target.host.address);
            info.attempts += 1;
            match tcp::connect(cluster, &target.host).await {
                Ok(connection) => {
                    // What an attempt before has met is of no interest any more.
                    info.flags = Default::default();
                    info.transport_failure = None;
                    let active = tcp::request(cluster, &target.host);
                    return Some((connection, active, local.flow.down.clone()));
                }
                Err(TcpError::Overflow) => {
                    info.flags.set(Flag::UpstreamOverflow);
                    return None;
                }
                Err(TcpError::Connect(error)) => {
                    info.flags.set(Flag::UpstreamConnectionFailure);
                    info.transport_failure = error.reason();
                }
            }
        }
        cluster.stats.upstream_cx_connect_attempts_exceeded.inc();
        info.flags.set(Flag::UpstreamRetryLimitExceeded);
        tracing::debug!(cluster = %cluster.name, "no host could be reached");
        None
    }

    /// The cluster that the connection goes to, if it exists.
    fn choose(&self) -> Option<&Rc<Local>> {
        if let [(only, _)] = self.targets.as_slice() {
            return only.as_ref();
        }
        let all: u32 = self.targets.iter().map(|(_, weight)| weight).sum();
        let mut number = random::below(all.max(1) as usize);
        let chosen = self.targets.iter().find(|(_, weight)| {
            let weight = *weight as usize;
            let is_it = number < weight;
            number = number.saturating_sub(weight);
            is_it
        });
        chosen.and_then(|(local, _)| local.as_ref())
    }
}

/// Waits for the end of the time, if it has one.
async fn lasts(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => pending().await,
    }
}
