//! One try of a request on one host: host, permit, connection, send, response head.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, Method, StatusCode, Version};

use crate::base::clock;
use crate::config::cluster::RoutingPriority;
use crate::message::body::{BodyError, Flow, Watch};
use crate::message::{Body, Request, Response, headers, hop_by_hop, upgrade};
use crate::stats::{Counter, FlowStats, GaugeGuard};
use crate::stream_info::StreamInfo;

use super::Local;
use super::connect::millis;
use super::failure::Failure;
use super::host::HostHold;
use super::limits::Permit;
use super::local::LocalHost;
use super::outlier::Outcome;
use super::per_try::PerTry;
use super::pool::{ExchangeError, Lease, Pool, SendError};
use super::report;
use super::stats::Origin;
use super::upload::Whole;

/// How often a request that no host has seen a byte of moves to another connection. Each time a connection that turned
/// out to be closed is dropped, so this only bounds a host that closes every connection at once.
const MOST_MOVES: u32 = 7;

/// A connection that has done nothing for so long may be one that its host is just closing. What is kept for that case
/// costs a fraction of a microsecond, so with this it never costs a hundredth of a worker's time.
const RISKY_IDLENESS: Duration = Duration::from_micros(50);

/// One try of a request.
pub struct Attempt<'a> {
    /// The cluster.
    pub local: &'a Rc<Local>,
    /// The host that was chosen.
    pub target: &'a LocalHost,
    /// Whose breakers, and whose connections, it takes.
    pub priority: RoutingPriority,
    /// When the request has come in whole, from when on the upstream's time counts.
    pub whole: &'a Whole,
    /// Counts responses that break off after their head.
    pub reset_after_start: &'a Counter,
    /// Where it counts that the client is not read, if a client is.
    pub upload_flow: Option<&'a Rc<FlowStats>>,
    /// Whether `x-envoy-upstream-service-time` tells it.
    pub says_time: bool,
    /// How long this try may take by itself, if that is limited.
    pub per_try: Option<&'a PerTry>,
    /// Whether a reset of a connection that lay idle is made up for here, and not by the route's policy.
    pub makes_up: bool,
    /// Whether the host was sent anything.
    pub sent: Cell<bool>,
}

/// What a try has brought: the head of a response, whose body is still on its way.
#[derive(Debug)]
pub struct Answer {
    /// The response as it came.
    pub response: Response,
    lease: Lease,
    running: Running,
}

/// Follows the response to its end, and gives the connection back there.
#[derive(Debug)]
struct Download {
    local: Rc<Local>,
    lease: Option<Lease>,
    running: Running,
    origin: Origin,
    whole: Whole,
    /// Whether it is a gRPC call, whose status may come after it.
    grpc: bool,
    /// Whether its host has served it, if nothing after it says so.
    served: bool,
    reset_after_start: Counter,
}

/// What a request occupies while it is under way.
#[derive(Debug)]
struct Running {
    host: HostHold,
    status: u16,
    _active: GaugeGuard,
    _permit: Permit,
}

// === impl Attempt ===

impl Attempt<'_> {
    /// Sends the request and waits for the response's head.
    ///
    /// # Errors
    /// There is none.
    pub async fn run(
        &self,
        request: Box<Request>,
        info: &mut StreamInfo,
    ) -> Result<Answer, Failure> {
        let result = self.exchange(request, info).await;
        self.observe(&result);
        result
    }

    async fn exchange(
        &self,
        mut request: Box<Request>,
        info: &mut StreamInfo,
    ) -> Result<Answer, Failure> {
        address(&mut request, self.target);
        self.count_flow(&mut request);
        let pool = self.target.pool(self.priority);
        let mut lease = match upgrade::terminates(&request) {
            false => pool.checkout().await?,
            // Boxed: it is rare, and would be room in every request.
            true => Box::pin(Pool::checkout_tcp(&self.local.cluster, &self.target.host)).await?,
        };
        self.target.host.observe(Outcome::Connected);
        let running = match self.start() {
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
            info.upstream_tls = lease.tls();
            let spare = if self.makes_up { spare(&request, &lease) } else { None };
            self.sent.set(true);
            // In a block, so that it is not kept while there is a wait for another connection.
            let (again, fresh) = {
                let sent = match self.per_try {
                    None => lease.send(request).await,
                    // Boxed: it is rare, and would be room in every request.
                    Some(limits) => Box::pin(limits.watch(self.whole, lease.send(request))).await?,
                };
                match sent {
                    Ok(response) => return Ok(Answer { response, lease, running }),
                    Err(error) => self.after(error, spare, moves)?,
                }
            };
            moves += 1;
            request = again;
            drop(lease);
            lease = if fresh { pool.open().await? } else { pool.checkout().await? };
        }
    }

    /// Has it counted when the host takes no more of the request.
    fn count_flow(&self, request: &mut Request) {
        if !request.body().is_empty() {
            let body = std::mem::replace(request.body_mut(), Body::empty());
            let flow = match self.upload_flow {
                Some(client) => Flow::both(client, &self.local.flow.up),
                None => Flow::of(&self.local.flow.up),
            };
            *request.body_mut() = body.flowing(flow);
        }
    }

    /// What is sent on another connection after this one broke, and whether that one must be new.
    fn after(
        &self,
        error: SendError,
        spare: Option<Box<Request>>,
        moves: u32,
    ) -> Result<(Box<Request>, bool), Failure> {
        self.sent.set(error.unsent.is_none());
        let failure = Failure::of_exchange(&error.error);
        let unsent = error.unsent.filter(|_| moves < MOST_MOVES);
        let spare = spare.filter(|_| matches!(failure, Failure::Terminated));
        let fresh = unsent.is_none();
        let again = unsent.or(spare).ok_or(failure)?;
        self.note_move(&error.error);
        Ok((again, fresh))
    }

    fn note_move(&self, error: &ExchangeError) {
        self.local.cluster.stats.upstream_rq_moved.inc();
        tracing::debug!(
            cluster = %self.local.cluster.name,
            host = %self.target.host.address,
            %error,
            "the connection was closed already; the request moves to another"
        );
    }

    fn start(&self) -> Result<Running, Failure> {
        let (cluster, target) = (&self.local.cluster, self.target);
        let Some(permit) = cluster.limits.of(self.priority).requests.take() else {
            cluster.stats.upstream_rq_active_overflow.inc();
            return Err(Failure::Overflow);
        };
        cluster.stats.upstream_rq_total.inc();
        target.host.stats.rq_total.inc();
        Ok(Running {
            host: HostHold::new(&target.host, |stats| &stats.rq_active),
            status: 0,
            _active: cluster.stats.upstream_rq_active.hold(),
            _permit: permit,
        })
    }

    /// Counts what came of the try, and tells those who watch the host.
    fn observe(&self, result: &Result<Answer, Failure>) {
        let failure = match result {
            Ok(answer) => {
                return report::answered(&self.local.cluster, &self.target.host, &answer.response);
            }
            Err(failure) => failure,
        };
        // The host had no part in it.
        if self.whole.is_malformed() {
            return;
        }
        report::failed(&self.target.host, failure);
        let stats = &self.local.cluster.stats;
        let host = &self.target.host.stats;
        host.rq_error.inc();
        match failure {
            // A refused stream is none of these in Envoy.
            Failure::RemoteReset => stats.upstream_rq_rx_reset.inc(),
            Failure::Protocol => stats.upstream_cx_protocol_error.inc(),
            Failure::PerTryTimeout => {
                stats.upstream_rq_per_try_timeout.inc();
                host.rq_timeout.inc();
            }
            Failure::PerTryIdleTimeout => {
                stats.upstream_rq_per_try_idle_timeout.inc();
                host.rq_timeout.inc();
            }
            _ => {}
        }
    }

    /// Passes on what the try has brought.
    pub fn accept(&self, answer: Answer, info: &mut StreamInfo) -> Response {
        let Answer { response, lease, mut running } = answer;
        let status = response.status().as_u16();
        running.status = status;
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
            lease: Some(lease).filter(|lease| !lease.is_spent()),
            running,
            origin,
            whole: self.whole.clone(),
            served: match info.grpc_upstream {
                // Its status comes after it, if it is more than a head.
                true => response.body().is_empty() && report::is_served(response.headers()),
                false => true,
            },
            grpc: info.grpc_upstream,
            reset_after_start: self.reset_after_start.clone(),
        };
        let flow = Flow::of(&self.local.flow.down);
        let mut response = response.map(|body| body.watched(Box::new(download)).flowing(flow));
        if let Some(idle) = self.per_try.and_then(|limits| limits.idle) {
            response = response.map(|body| body.idle_for(idle));
        }
        // What an upgrade's answer says of the connection is for the client.
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            hop_by_hop::strip_response(response.headers_mut());
        }
        if let Some(took) = took.filter(|_| self.says_time) {
            let took = headers::number(took);
            response.headers_mut().insert(headers::X_ENVOY_UPSTREAM_SERVICE_TIME, took);
        }
        response
    }

    /// Throws away what the try has brought: another one follows.
    pub fn discard(&self, answer: Answer) {
        let Answer { response, lease, running } = answer;
        self.local.charge_retried(response.status().as_u16());
        running.host.stats.rq_error.inc();
        // With the rest of either still on its way, the connection is good for nothing else.
        if response.body().is_empty() && self.whole.since().is_some() {
            lease.release();
        }
    }
}

/// A copy of a request that may be sent twice without harm and has no body, if the connection has lain idle: its host
/// may be closing it in this very moment, and a request that meets that is sent once more.
fn spare(request: &Request, lease: &Lease) -> Option<Box<Request>> {
    let idle = lease.idle_since()?;
    let risky = request.body().is_empty()
        && is_idempotent(request.method())
        && clock::now().saturating_duration_since(idle) >= RISKY_IDLENESS;
    risky.then(|| copy(request, Body::empty()))
}

/// Methods of which a second request does no more than the first (RFC 9110 §9.2.2).
fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE, Method::TRACE]
        .contains(method)
}

/// A request with the same head, and that body.
pub fn copy(request: &Request, body: Body) -> Box<Request> {
    let mut copy = Request::new(body);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Box::new(copy)
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
    if parts.path_and_query.is_none() {
        // CONNECT has none, and sends none.
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
    }
    if parts.authority.is_none() {
        // An authority that is empty cannot be said in a URI; `localhost` stands for "here" (RFC 6761).
        parts.authority = Some(Authority::from_static("localhost"));
    }
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
}

// === impl Download ===

impl Watch for Download {
    fn data(&mut self, _bytes: usize) {}

    fn end(mut self: Box<Self>, trailers: Option<&HeaderMap>) {
        if let Some(since) = self.whole.since() {
            self.local.time(millis(since.elapsed()), self.origin);
        }
        let stats = &self.running.host.stats;
        let served = match trailers.filter(|_| self.grpc) {
            Some(trailers) => report::is_served(trailers),
            None => self.served,
        };
        let served = served && self.running.status < 500;
        if served { &stats.rq_success } else { &stats.rq_error }.inc();
        // With the request not sent in whole, the connection is good for nothing else.
        if let Some(lease) = self.lease.take().filter(|_| self.whole.since().is_some()) {
            lease.release();
        }
    }

    fn failed(self: Box<Self>, error: &BodyError) {
        // The end of an upgraded connection is no failure of a response.
        if !matches!(error, BodyError::Closed) {
            self.reset_after_start.inc();
        }
        let stats = &self.local.cluster.stats;
        self.running.host.stats.rq_error.inc();
        if !matches!(error, BodyError::Deadline) {
            self.running.host.observe(Outcome::Failed);
        }
        match error {
            BodyError::Deadline => stats.upstream_rq_timeout.inc(),
            BodyError::Idle => stats.upstream_rq_per_try_idle_timeout.inc(),
            BodyError::Stream(error) if error.is_reset() && error.is_remote() => {
                stats.upstream_rq_rx_reset.inc();
            }
            // An HTTP/1 body that ends before its end, for one.
            BodyError::Source(_) => stats.upstream_cx_protocol_error.inc(),
            BodyError::Stream(_)
            | BodyError::Malformed
            | BodyError::Superseded
            | BodyError::Withdrawn
            | BodyError::Closed => {}
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
