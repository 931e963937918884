//! The end guard of a request: final stats and the access log, exactly once.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, StatusCode, Version};
use hyper::body::Incoming;

use crate::access_log::Notes;
use crate::base::clock;
use crate::message::Body;
use crate::message::body::{BodyError, Watch};
use crate::message::local_reply::LocalReply;
use crate::router;
use crate::stats::GaugeGuard;
use crate::stream_info::{Downstream, Flag, Protocol, StreamInfo};

use super::Hcm;
use super::connection::Connection;

/// Everything that must happen when a request ends, however it ends.
#[derive(Debug)]
pub(super) struct Finish {
    /// What was learned on the way.
    pub(super) info: StreamInfo,
    hcm: Rc<Hcm>,
    connection: Rc<Connection>,
    /// None while the request has no body.
    upload: Option<Rc<Upload>>,
    /// What the logs want to know of the heads; none where there are no logs.
    notes: Option<Box<Notes>>,
    close: bool,
    ended: bool,
    _active: GaugeGuard,
}

/// How much of the request's body has come.
#[derive(Debug, Default)]
struct Upload {
    bytes: Cell<u64>,
    done: Cell<bool>,
}

/// Follows the request's body.
#[derive(Debug)]
struct Progress(Rc<Upload>);

/// Counts and logs a request that the codec refused, of which nothing is known.
pub(super) fn refused(hcm: &Hcm, downstream: Downstream, reply: LocalReply) {
    let stats = &hcm.stats;
    stats.downstream_rq_total.inc();
    stats.downstream_rq_http1_total.inc();
    stats.downstream_rq_response_before_rq_complete.inc();
    stats.downstream_rq_rx_reset.inc();
    stats.charge(&hcm.listener_stats, reply.status.as_u16());
    tracing::debug!(client = %downstream.remote, details = %reply.details, "request refused");
    let mut info = StreamInfo::new(clock::now(), Protocol::Http11, downstream);
    if !hcm.logs.is_empty() {
        info.start_wall = Some(clock::wall());
    }
    info.response_code = Some(reply.status.as_u16());
    info.bytes_sent = reply.body.len() as u64;
    info.duration = Some(Duration::ZERO);
    drop(reply.into_response(&mut info));
    hcm.logs.write(&info, &Notes::default());
}

// === impl Finish ===

impl Finish {
    /// A request has come.
    pub(super) fn open(
        hcm: Rc<Hcm>,
        connection: Rc<Connection>,
        request: &http::Request<Incoming>,
    ) -> Box<Self> {
        let stats = &hcm.stats;
        stats.downstream_rq_total.inc();
        let protocol = match request.version() {
            Version::HTTP_2 => Protocol::Http2,
            Version::HTTP_11 => Protocol::Http11,
            _ => Protocol::Http10,
        };
        match protocol {
            Protocol::Http2 => stats.downstream_rq_http2_total.inc(),
            Protocol::Http10 | Protocol::Http11 => stats.downstream_rq_http1_total.inc(),
        }
        connection.begin_stream();
        let mut info = StreamInfo::new(clock::now(), protocol, connection.downstream);
        if !hcm.logs.is_empty() {
            info.start_wall = Some(clock::wall());
        }
        let active = stats.downstream_rq_active.hold();
        Box::new(Self {
            info,
            connection,
            upload: None,
            notes: None,
            close: false,
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
        let upload = Rc::new(Upload::default());
        self.upload = Some(upload.clone());
        body.watched(Box::new(Progress(upload)))
    }

    /// Keeps what the logs want to know of the request's head.
    pub(super) fn note(&mut self, parts: &Parts) {
        if !self.hcm.logs.is_empty() {
            let mut notes = Box::<Notes>::default();
            self.hcm.logs.note_request(&mut notes, parts);
            self.notes = Some(notes);
        }
    }

    /// The connection closes after this request's response, if `close`.
    pub(super) fn close_after(&mut self, close: bool) {
        self.close |= close;
    }

    /// The response's head is about to be sent. Says whether the connection closes after it.
    pub(super) fn begin(&mut self, status: StatusCode) -> bool {
        self.info.response_code = Some(status.as_u16());
        self.hcm.stats.charge(&self.hcm.listener_stats, status.as_u16());
        let early = self.upload.as_ref().is_some_and(|upload| !upload.done.get());
        // A reply of our own before the whole request was read: what is still to come is not worth reading.
        if early && self.info.attempts == 0 {
            self.hcm.stats.downstream_rq_response_before_rq_complete.inc();
            self.close = true;
        }
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

    fn end(&mut self) {
        self.ended = true;
        self.connection.end_stream();
        let duration = self.info.start.elapsed();
        self.info.duration = Some(duration);
        if let Some(upload) = &self.upload {
            self.info.bytes_received = upload.bytes.get();
        }
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.hcm.stats.downstream_rq_time.record(millis);
        if !self.hcm.logs.is_empty() {
            self.hcm.logs.write(&self.info, self.notes.get_or_insert_default());
        }
    }
}

impl Watch for Finish {
    fn data(&mut self, bytes: usize) {
        self.info.bytes_sent += bytes as u64;
    }

    fn end(mut self: Box<Self>, _trailers: Option<&HeaderMap>) {
        Self::end(&mut self);
    }

    fn failed(mut self: Box<Self>, error: &BodyError) {
        let (flag, details) = router::after_response_started(error);
        self.info.flags.set(flag);
        self.info.details = Some(details.into());
        self.hcm.stats.downstream_rq_tx_reset.inc();
        Self::end(&mut self);
    }
}

impl Drop for Finish {
    /// Not ended: the client went away, or reset its stream.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.hcm.stats.downstream_rq_rx_reset.inc();
        self.connection.reset_by_client();
        let (flag, details) = if self.info.protocol == Protocol::Http2 {
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
        self.0.bytes.set(self.0.bytes.get() + bytes as u64);
    }

    fn end(self: Box<Self>, _trailers: Option<&HeaderMap>) {
        self.0.done.set(true);
    }

    fn failed(self: Box<Self>, _error: &BodyError) {}
}
