//! `envoy.filters.http.grpc_stats`: counts calls by their status, and messages both ways.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use crate::base::clock;
use crate::config::http_filter as config;
use crate::message::body::BodyError;
use crate::message::{Body, Request, Response, grpc};

use super::grpc_calls::{CallStats, Calls};
use super::{Context, Site};

/// The filter.
#[derive(Debug)]
pub(super) struct GrpcStats {
    calls: Calls,
    upstream_time: bool,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    stats: Arc<CallStats>,
    /// When its request was sent in whole, if that is of interest and it was.
    sent: Cell<Option<Instant>>,
    /// Whether the time that upstream takes is recorded.
    upstream_time: bool,
}

/// A body whose messages are counted.
#[derive(Debug)]
struct Counted {
    body: Body,
    call: Rc<Call>,
    side: Side,
    frames: Option<grpc::Frames>,
}

#[derive(Clone, Copy, Debug)]
enum Side {
    Request,
    Response,
}

// === impl GrpcStats ===

impl GrpcStats {
    pub(super) fn new(config: &config::GrpcStats, site: Site<'_>) -> Self {
        Self {
            calls: Calls::new((site.root, site.clusters), "grpc", config.methods.clone()),
            upstream_time: config.upstream_time,
        }
    }

    pub(super) fn decode(
        &self,
        request: &mut Request,
        call: &mut Option<Rc<Call>>,
        cx: &Context<'_, '_>,
    ) {
        if !grpc::is_request(request.headers()) {
            return;
        }
        let cluster = cx.routed.and_then(|routed| routed.cluster);
        let Some(stats) = cluster.and_then(|cluster| self.calls.of(cluster, request.uri().path()))
        else {
            return;
        };
        let new = Rc::new(Call { stats, sent: Cell::new(None), upstream_time: self.upstream_time });
        *call = Some(new.clone());
        if request.body().is_empty() {
            new.note_sent();
            return;
        }
        wrap(request.body_mut(), new, Side::Request, true);
    }

    pub(super) fn encode(response: &mut Response, call: &Rc<Call>, cx: &Context<'_, '_>) {
        if cx.info.local_reply {
            // No upstream took any time.
            call.sent.set(None);
        }
        call.stats.charge(response.headers());
        if response.body().is_empty() {
            return call.note_answered();
        }
        let counts = grpc::is_response(response);
        wrap(response.body_mut(), call.clone(), Side::Response, counts);
    }
}

fn wrap(body: &mut Body, call: Rc<Call>, side: Side, counts: bool) {
    let inner = std::mem::replace(body, Body::empty());
    let frames = counts.then(grpc::Frames::default);
    *body = Body::wrapped(Box::pin(Counted { body: inner, call, side, frames }));
}

// === impl Call ===

impl Call {
    fn note_sent(&self) {
        if self.upstream_time {
            self.sent.set(Some(clock::now()));
        }
    }

    fn note_answered(&self) {
        if let Some(sent) = self.sent.get() {
            let took = clock::now().saturating_duration_since(sent).as_millis();
            self.stats.charge_time(u64::try_from(took).unwrap_or(u64::MAX));
        }
    }

    fn note_trailers(&self, trailers: &HeaderMap) {
        self.stats.charge(trailers);
        self.note_answered();
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let polled = ready!(Pin::new(&mut this.body).poll_frame(cx));
        let data = match &polled {
            Some(Ok(frame)) => frame.data_ref(),
            _ => None,
        };
        let messages = match (data, &mut this.frames) {
            (Some(data), Some(frames)) => frames.begun_in(data),
            _ => 0,
        };
        match this.side {
            Side::Request => {
                this.call.stats.charge_requests(messages);
                if data.is_none() || this.body.is_end_stream() {
                    this.call.note_sent();
                }
            }
            Side::Response => {
                this.call.stats.charge_responses(messages);
                if let Some(Ok(frame)) = &polled
                    && let Some(trailers) = frame.trailers_ref()
                {
                    this.call.note_trailers(trailers);
                }
            }
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
