//! The end guard of a request: final stats and the access log, exactly once.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};

use crate::base::clock;
use crate::filter::http::Remains;
use crate::formatter::Notes;
use crate::message::body::{BodyError, Watch, pipe};
use crate::message::local_reply::LocalReply;
use crate::message::upgrade::Upgrade;
use crate::message::{Body, Request, Response, grpc, hop_by_hop};
use crate::router;
use crate::stats::GaugeGuard;
use crate::stream_info::{Flag, Flags, Protocol, StreamInfo};
use crate::upstream::failure;

use super::Hcm;
use super::connection::Connection;
use super::head::Facts;
use super::pulse::{Broken, Late, Pulse};

/// Everything that must happen when a request ends, however it ends.
#[derive(Debug)]
pub(super) struct Finish {
    /// What was learned on the way.
    pub(super) info: StreamInfo,
    hcm: Rc<Hcm>,
    connection: Rc<Connection>,
    /// Shared with the timers of the connection.
    pub(super) pulse: Rc<Pulse>,
    /// What `always_set_request_id_in_response` says again.
    pub(super) request_id: Option<HeaderValue>,
    /// What the logs want to know of the heads; none where there are no logs.
    notes: Option<Box<Notes>>,
    /// What local replies print of the request's head; none where they are left as they are.
    reply_notes: Option<Box<Notes>>,
    /// Whether a reply of our own is what its client is to get.
    settled: bool,
    /// What filters keep until the stream has ended.
    remains: Option<Remains>,
    close: bool,
    /// Whether the request is HEAD.
    head: bool,
    /// The upgrade that was asked for, and allowed.
    upgrade: Option<Box<(Upgrade, GaugeGuard)>>,
    /// Why the stream is reset without an answer, in Envoy's words.
    reset: Option<&'static str>,
    ended: bool,
    _active: GaugeGuard,
}

/// Follows the request's body.
#[derive(Debug)]
struct Progress(Rc<Pulse>);

/// Counts and logs a request that never got to be a stream, of which nothing is known. Gives its answer.
pub(super) fn refused(hcm: &Hcm, connection: &Connection, reply: LocalReply) -> Response {
    let stats = &hcm.stats;
    stats.downstream_rq_total.inc();
    stats.downstream_rq_http1_total.inc();
    stats.downstream_rq_response_before_rq_complete.inc();
    stats.downstream_rq_rx_reset.inc();
    let downstream = connection.downstream;
    tracing::debug!(client = %downstream.remote, details = %reply.details, "request refused");
    let mut info = StreamInfo::new(clock::now(), Protocol::Http11, downstream);
    info.tls.clone_from(&connection.opening.tls);
    info.server_name.clone_from(&connection.opening.server_name);
    if !hcm.logs.is_empty() {
        info.start_wall = Some(clock::wall());
    }
    let mut reply = reply.into_response(&mut info);
    if let Some(replies) = &hcm.local_replies {
        reply = replies.rewrite(reply, &mut info, &mut Notes::default());
    }
    stats.charge(&hcm.listener_stats, reply.status().as_u16());
    info.response_code = Some(reply.status().as_u16());
    info.bytes_sent = http_body::Body::size_hint(reply.body()).lower();
    info.duration = Some(Duration::ZERO);
    hcm.logs.write(&info, &Notes::default());
    reply
}

/// Whether a body broke off because the client sent nonsense: hyper says so with an error of input.
fn is_malformed(error: &BodyError) -> bool {
    let BodyError::Source(error) = error else { return false };
    let source =
        std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|error| {
        matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)
    })
}

/// Whether an HTTP/1.0 client asks for its connection to last.
fn keeps_alive(headers: &HeaderMap) -> bool {
    let asks = |value| hop_by_hop::has_token(value, "keep-alive");
    headers.get_all(http::header::CONNECTION).iter().any(asks)
}

// === impl Finish ===

impl Finish {
    /// A request has come.
    pub(super) fn open(hcm: Rc<Hcm>, connection: Rc<Connection>, request: &Request) -> Box<Self> {
        let stats = &hcm.stats;
        stats.downstream_rq_total.inc();
        let protocol = match request.version() {
            Version::HTTP_2 => Protocol::Http2,
            Version::HTTP_11 => Protocol::Http11,
            _ => Protocol::Http10,
        };
        match protocol {
            Protocol::Http2 => stats.downstream_rq_http2_total.inc(),
            Protocol::Http10 | Protocol::Http11 | Protocol::Tcp => {
                stats.downstream_rq_http1_total.inc();
            }
        }
        let start = clock::now();
        let pulse = Rc::new(Pulse::new(&hcm.config, start));
        let streams = connection.begin_stream(&pulse);
        let mut info = StreamInfo::new(start, protocol, connection.downstream);
        info.tls.clone_from(&connection.opening.tls);
        info.server_name.clone_from(&connection.opening.server_name);
        if !hcm.logs.is_empty() {
            info.start_wall = Some(clock::wall());
        }
        let active = stats.downstream_rq_active.hold();
        let last = hcm.config.max_requests_per_connection.is_some_and(|most| streams >= most);
        if last {
            stats.downstream_cx_max_requests_reached.inc();
        }
        let close = last || (protocol == Protocol::Http10 && !keeps_alive(request.headers()));
        Box::new(Self {
            info,
            connection,
            pulse,
            request_id: None,
            notes: None,
            reply_notes: None,
            settled: false,
            remains: None,
            close,
            head: request.method() == Method::HEAD,
            upgrade: None,
            reset: None,
            ended: false,
            _active: active,
            hcm,
        })
    }

    /// Follows the request's body, unless there is none.
    pub(super) fn follow(&mut self, body: Body) -> Body {
        if body.is_empty() {
            return body;
        }
        let body =
            if self.info.protocol == Protocol::Http2 { body } else { body.without_trailers() };
        self.pulse.complete.set(false);
        body.watched(Box::new(Progress(self.pulse.clone())))
    }

    /// The body of a request that asks for its connection: what comes over it from now on.
    pub(super) fn open_tunnel(&mut self) -> Body {
        let (sender, body) = pipe::pipe();
        self.connection.begin_upload(sender);
        self.follow(body)
    }

    /// Notes what became of the upgrade that a request asked for.
    pub(super) fn note_upgrade(&mut self, upgrade: Upgrade, allowed: bool) {
        let stats = &self.hcm.stats;
        if allowed {
            stats.downstream_cx_upgrades_total.inc();
            let active = stats.downstream_cx_upgrades_active.hold();
            self.upgrade = Some(Box::new((upgrade, active)));
        } else if self.info.details.as_deref() == Some("upgrade_failed") {
            stats.downstream_rq_ws_on_non_ws_route.inc();
        }
    }

    /// Whether a response of this status gives the client the upgrade that it asked for.
    pub(super) fn is_upgraded_by(&self, status: StatusCode) -> bool {
        self.upgrade.as_ref().is_some_and(|upgrade| upgrade.0.is_given_by(status))
    }

    /// The connection that the request is on.
    pub(super) fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    /// What the request's head had and the codec does not tell.
    pub(super) fn take_facts(&self) -> Facts {
        self.connection.take_facts()
    }

    /// What is learned on the way, and how the head is noted again once routing has changed it.
    pub(super) fn for_terminal(&mut self) -> (&mut StreamInfo, impl FnMut(&Parts)) {
        let Self { info, notes, reply_notes, hcm, .. } = self;
        let note = move |head: &Parts| {
            if let Some(replies) = &hcm.local_replies {
                *reply_notes = Some(replies.note(head));
            }
            if let Some(notes) = notes {
                hcm.logs.note_request(notes, head);
            }
        };
        (info, note)
    }

    /// Notes the head again, once filters have seen it.
    pub(super) fn note_again(&mut self, request: &mut Request) {
        let (_, mut note) = self.for_terminal();
        router::show(request, &mut note);
    }

    /// Keeps what filters remember until the stream has ended.
    pub(super) fn keep(&mut self, remains: Remains) {
        self.remains = Some(remains);
    }

    /// Keeps what the logs, and replies of our own, want to know of the request's head.
    pub(super) fn note(&mut self, parts: &Parts) {
        self.info.grpc = grpc::is_request(&parts.headers);
        self.info.grpc_upstream = self.info.grpc;
        self.reply_notes = self.hcm.local_replies.as_ref().map(|replies| replies.note(parts));
        if !self.hcm.logs.is_empty() {
            let mut notes = Box::<Notes>::default();
            self.hcm.logs.note_request(&mut notes, parts);
            self.notes = Some(notes);
        }
    }

    /// Takes the limits of time that the request's route has given it, if it has.
    pub(super) fn limit(&mut self) {
        if let Some(limits) = self.info.limits.take() {
            self.pulse.limit(&self.hcm.config, *limits);
        }
    }

    /// The connection closes after this request's response, if `close`.
    pub(super) fn close_after(&mut self, close: bool) {
        self.close |= close;
    }

    /// The request is answered with `reply` before anybody has served it.
    pub(super) fn refuse(&mut self, reply: &LocalReply) {
        self.close_after(reply.closes);
        if reply.flag == Some(Flag::DownstreamProtocolError) {
            let stats = &self.hcm.stats;
            stats.downstream_cx_protocol_error.inc();
            // Of what the codec refuses it is not known whether it has come in whole.
            if self.pulse.complete.get() {
                stats.downstream_rq_response_before_rq_complete.inc();
                stats.downstream_rq_rx_reset.inc();
            }
        }
    }

    /// The request's stream is reset, before anybody has served it.
    pub(super) fn reset(&mut self, details: &'static str) {
        self.reset = Some(details);
    }

    /// How the request broke off before it had come in whole, if it did. What it was to be answered does not count then.
    pub(super) fn broken(&mut self) -> Option<Broken> {
        let broken = self.pulse.broken.get()?;
        self.info.flags = Flags::default();
        self.settled = false;
        Some(broken)
    }

    /// The answer to a request that is late.
    pub(super) fn answer_late(&mut self, late: Late) -> LocalReply {
        late.reply(self.pulse.complete.get())
    }

    /// The request is of a version that is not accepted.
    pub(super) fn note_low_version(&mut self) {
        // As which Envoy answers and logs it.
        self.info.protocol = Protocol::Http11;
        self.connection.refuse_version();
    }

    /// Makes a reply of our own what its client is to get; what an upstream answered stays. It is done once.
    pub(super) fn settle(&mut self, mut response: Response) -> Response {
        if !self.info.local_reply || std::mem::replace(&mut self.settled, true) {
            return response;
        }
        // After a request that makes no sense, who knows where the next one begins.
        self.close |= response.status() == StatusCode::BAD_REQUEST
            && self.info.protocol != Protocol::Http2
            && !self.hcm.config.http1.goes_on_after_bad_request;
        if let Some(replies) = &self.hcm.local_replies {
            let notes = self.reply_notes.get_or_insert_default();
            response = replies.rewrite(response, &mut self.info, notes);
        }
        if self.info.grpc { grpc::wrap(response, self.head) } else { response }
    }

    /// The response's head, which was there at `now`, is about to be sent. Says whether the connection closes after it.
    pub(super) fn begin(&mut self, status: StatusCode, now: Instant) -> bool {
        self.info.response_code = Some(status.as_u16());
        if !self.info.health_check {
            self.hcm.stats.charge(&self.hcm.listener_stats, status.as_u16());
        }
        self.pulse.respond(now);
        // What is still to come of the request is not worth waiting for.
        if !self.pulse.complete.get() {
            self.hcm.stats.downstream_rq_response_before_rq_complete.inc();
            // HTTP/2 resets the stream, and the connection goes on.
            self.close |= self.info.protocol != Protocol::Http2 && !self.is_upgraded_by(status);
        }
        self.close |= self.connection.leaves();
        if self.close {
            self.connection.close_soon();
        }
        self.close
    }

    /// Keeps what the logs want to know of the response's head.
    pub(super) fn note_response(&mut self, parts: &http::response::Parts) {
        if !self.hcm.logs.is_empty() {
            let notes = self.notes.get_or_insert_default();
            self.hcm.logs.note_response(notes, parts);
        }
    }

    /// The response broke off before anything of it was sent.
    pub(super) fn break_off(&mut self, error: &BodyError) {
        let (flag, details) = failure::after_response_started(error);
        self.info.flags.set(flag);
        self.info.details = Some(details.into());
        self.hcm.stats.downstream_rq_tx_reset.inc();
        self.end();
    }

    fn end(&mut self) {
        self.ended = true;
        let now = clock::now();
        self.connection.end_stream(&self.pulse, now);
        let duration = now.saturating_duration_since(self.info.start);
        self.info.duration = Some(duration);
        self.info.bytes_received = self.pulse.received.get();
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.hcm.stats.downstream_rq_time.record(millis);
        if !self.hcm.logs.is_empty() {
            self.hcm.logs.write(&self.info, self.notes.get_or_insert_default());
        }
    }
}

impl Watch for Finish {
    fn data(&mut self, bytes: usize) {
        self.pulse.beat();
        self.info.bytes_sent += bytes as u64;
    }

    /// Nobody asks any more when something last moved.
    fn last(mut self: Box<Self>, bytes: usize) {
        self.info.bytes_sent += bytes as u64;
        Watch::end(self, None);
    }

    fn end(mut self: Box<Self>, trailers: Option<&HeaderMap>) {
        if let Some(trailers) = trailers
            && !self.hcm.logs.is_empty()
        {
            self.hcm.logs.note_trailers(self.notes.get_or_insert_default(), trailers);
        }
        // The rest of the request is refused.
        if !self.pulse.complete.get() {
            self.hcm.stats.downstream_rq_rx_reset.inc();
        }
        Self::end(&mut self);
    }

    fn failed(mut self: Box<Self>, error: &BodyError) {
        let (flag, details) = failure::after_response_started(error);
        self.info.flags.set(flag);
        self.info.details = Some(details.into());
        self.hcm.stats.downstream_rq_tx_reset.inc();
        // The rest of the request is refused.
        if !self.pulse.complete.get() {
            self.hcm.stats.downstream_rq_rx_reset.inc();
        }
        Self::end(&mut self);
    }
}

impl Drop for Finish {
    /// Not ended: nothing moved for too long, or the client went away or reset its stream.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.hcm.stats.downstream_rq_rx_reset.inc();
        if let Some(late) = self.pulse.cut() {
            self.hcm.stats.downstream_rq_tx_reset.inc();
            let reply = late.reply(true);
            if let Some(flag) = reply.flag {
                self.info.flags.set(flag);
            }
            self.info.details = Some(reply.details);
            return self.end();
        }
        let http2 = self.info.protocol == Protocol::Http2;
        if !http2 {
            self.connection.reset_by_client();
        }
        let (flag, details) = if let Some(details) = self.reset {
            (Flag::DownstreamRemoteReset, details)
        } else if http2 {
            (Flag::DownstreamRemoteReset, "http2.remote_reset")
        } else {
            (Flag::DownstreamConnectionTermination, "downstream_remote_disconnect")
        };
        self.info.flags.set(flag);
        self.info.details = Some(details.into());
        self.end();
    }
}

impl Watch for Progress {
    fn data(&mut self, bytes: usize) {
        self.0.beat();
        self.0.received.set(self.0.received.get() + bytes as u64);
    }

    fn end(self: Box<Self>, _trailers: Option<&HeaderMap>) {
        self.0.complete.set(true);
    }

    fn failed(self: Box<Self>, error: &BodyError) {
        self.0.broken.set(Some(if is_malformed(error) { Broken::Malformed } else { Broken::Gone }));
    }
}
