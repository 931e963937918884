//! One try of a request on one host: host, permit, connection, send, response head.

use std::rc::Rc;
use std::sync::Arc;

use http::header::HOST;
use http::uri::{Authority, Scheme, Uri};
use http::{HeaderMap, Version};

use crate::base::clock;
use crate::config::cluster::RoutingPriority;
use crate::message::body::{BodyError, Watch};
use crate::message::{Request, Response, headers, hop_by_hop};
use crate::stats::{Counter, GaugeGuard};
use crate::stream_info::StreamInfo;
use crate::upstream::connect::millis;
use crate::upstream::limits::Permit;
use crate::upstream::local::LocalHost;
use crate::upstream::outlier::Outcome;
use crate::upstream::pool::{ExchangeError, Lease};
use crate::upstream::stats::Origin;
use crate::upstream::{Host, Local};

use super::failure::Failure;
use super::report;
use super::upload::Whole;

/// How often a request that no host has seen a byte of moves to another connection. Each time a connection that turned
/// out to be closed is dropped, so this only bounds a host that closes every connection at once.
const MOST_MOVES: u32 = 7;

/// One try of a request.
pub(super) struct Attempt<'a> {
    pub(super) local: &'a Rc<Local>,
    /// The host that was chosen.
    pub(super) target: &'a LocalHost,
    /// Whose breakers, and whose connections, it takes.
    pub(super) priority: RoutingPriority,
    /// When the request has come in whole, from when on the upstream's time counts.
    pub(super) whole: &'a Whole,
    pub(super) reset_after_start: &'a Counter,
    /// Whether `x-envoy-upstream-service-time` tells it.
    pub(super) says_time: bool,
}

/// Follows the response to its end, and gives the connection back there.
#[derive(Debug)]
struct Download {
    local: Rc<Local>,
    lease: Option<Lease>,
    running: Running,
    origin: Origin,
    whole: Whole,
    reset_after_start: Counter,
}

/// What a request occupies while it is under way.
#[derive(Debug)]
struct Running {
    host: Arc<Host>,
    status: u16,
    _active: [GaugeGuard; 2],
    _permit: Permit,
}

// === impl Attempt ===

impl Attempt<'_> {
    /// Sends the request and waits for the response's head.
    pub(super) async fn run(
        &self,
        mut request: Box<Request>,
        info: &mut StreamInfo,
    ) -> Result<Response, Failure> {
        let cluster = &self.local.cluster;
        let target = self.target;
        address(&mut request, target);
        let pool = target.pool(self.priority);
        let mut lease = pool.checkout().await.map_err(|error| {
            let failure = Failure::from(error);
            report::failed(&target.host, &failure);
            failure
        })?;
        target.host.observe(Outcome::Connected);
        let running = match self.start(target) {
            Ok(running) => running,
            Err(failure) => {
                // Nothing was sent, so the connection is as good as before.
                lease.release();
                return Err(failure);
            }
        };
        let mut moves = 0;
        loop {
            info.upstream_local = lease.local_address();
            let error = match lease.send(request).await {
                Ok(response) => return Ok(self.respond(response, lease, running, info)),
                Err(error) => error,
            };
            let Some(unsent) = error.unsent.filter(|_| moves < MOST_MOVES) else {
                return Err(self.fail(&running, &error.error));
            };
            moves += 1;
            cluster.stats.upstream_rq_moved.inc();
            tracing::debug!(
                cluster = %cluster.name,
                host = %target.host.address,
                error = %error.error,
                "the connection was closed already; the request moves to another"
            );
            request = unsent;
            drop(lease);
            lease = pool.checkout().await?;
        }
    }

    /// What a broken exchange means, counted.
    fn fail(&self, running: &Running, error: &ExchangeError) -> Failure {
        let failure = Failure::of_exchange(error);
        let stats = &self.local.cluster.stats;
        running.host.stats.rq_error.inc();
        report::failed(&running.host, &failure);
        match failure {
            Failure::RemoteReset => stats.upstream_rq_rx_reset.inc(),
            Failure::Protocol => stats.upstream_cx_protocol_error.inc(),
            _ => {}
        }
        failure
    }

    fn start(&self, target: &LocalHost) -> Result<Running, Failure> {
        let cluster = &self.local.cluster;
        let Some(permit) = cluster.limits.of(self.priority).requests.take() else {
            cluster.stats.upstream_rq_active_overflow.inc();
            return Err(Failure::Overflow);
        };
        cluster.stats.upstream_rq_total.inc();
        target.host.stats.rq_total.inc();
        Ok(Running {
            host: target.host.clone(),
            status: 0,
            _active: [cluster.stats.upstream_rq_active.hold(), target.host.stats.rq_active.hold()],
            _permit: permit,
        })
    }

    fn respond(
        &self,
        response: Response,
        lease: Lease,
        mut running: Running,
        info: &mut StreamInfo,
    ) -> Response {
        let status = response.status().as_u16();
        running.status = status;
        report::answered(&self.local.cluster, &running.host, &response);
        let origin = Origin::new(info.internal);
        if !info.health_check {
            self.local.charge(status, origin);
        }
        info.details = Some("via_upstream".into());
        let now = clock::now();
        info.response_duration = Some(now.saturating_duration_since(info.start));
        // An upstream that answers before it has the whole request took no time.
        let took = self.whole.since().map(|since| millis(now.saturating_duration_since(since)));
        let download = Download {
            local: self.local.clone(),
            lease: Some(lease),
            running,
            origin,
            whole: self.whole.clone(),
            reset_after_start: self.reset_after_start.clone(),
        };
        let mut response = response.map(|body| body.watched(Box::new(download)));
        hop_by_hop::strip_response(response.headers_mut());
        if let Some(took) = took.filter(|_| self.says_time) {
            let took = headers::number(took);
            response.headers_mut().insert(headers::X_ENVOY_UPSTREAM_SERVICE_TIME, took);
        }
        response
    }
}

/// Makes the request's head what the host's codec wants: HTTP/1.1 has its authority in `host`, HTTP/2 in the URI.
fn address(request: &mut Request, target: &LocalHost) {
    if !target.is_http2() {
        *request.version_mut() = Version::HTTP_11;
        return;
    }
    *request.version_mut() = Version::HTTP_2;
    let host = request.headers_mut().remove(HOST);
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    if parts.authority.is_none() {
        // An authority that is empty cannot be said in a URI; `localhost` stands for "here" (RFC 6761).
        parts.authority = Some(Authority::from_static("localhost"));
    }
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
}

// === impl Download ===

impl Watch for Download {
    fn data(&mut self, _bytes: usize) {}

    fn end(mut self: Box<Self>, _trailers: Option<&HeaderMap>) {
        if let Some(since) = self.whole.since() {
            self.local.time(millis(since.elapsed()), self.origin);
        }
        let stats = &self.running.host.stats;
        if self.running.status >= 500 { &stats.rq_error } else { &stats.rq_success }.inc();
        // With the request not sent in whole, the connection is good for nothing else.
        if let Some(lease) = self.lease.take().filter(|_| self.whole.since().is_some()) {
            lease.release();
        }
    }

    fn failed(self: Box<Self>, error: &BodyError) {
        self.reset_after_start.inc();
        let stats = &self.local.cluster.stats;
        self.running.host.stats.rq_error.inc();
        if !matches!(error, BodyError::Deadline) {
            self.running.host.observe(Outcome::Failed);
        }
        match error {
            BodyError::Deadline => stats.upstream_rq_timeout.inc(),
            BodyError::Stream(error) if error.is_reset() && error.is_remote() => {
                stats.upstream_rq_rx_reset.inc();
            }
            // An HTTP/1 body that ends before its end, for one.
            BodyError::Source(_) => stats.upstream_cx_protocol_error.inc(),
            BodyError::Stream(_) => {}
        }
    }
}

impl Drop for Download {
    /// With the lease still there, nobody wants the rest of the response: the stream is reset.
    fn drop(&mut self) {
        if self.lease.is_some() {
            self.local.cluster.stats.upstream_rq_tx_reset.inc();
        }
    }
}
