//! Forwards one request: makes its head ready, watches the route timeout, turns failures into replies.

use std::rc::Rc;
use std::time::Duration;

use http::HeaderValue;
use http::header::{HOST, SET_COOKIE};

use crate::base::clock;
use crate::config::cluster::{Protocol, RoutingPriority};
use crate::message::local_reply::LocalReply;
use crate::message::{Request, Response, headers, hop_by_hop};
use crate::route::{Forward, HeaderParsers, RequestNotes, Rewrite, Route};
use crate::stream_info::StreamInfo;
use crate::upstream::connect::millis;
use crate::upstream::outlier::Outcome;
use crate::upstream::stats::Origin;
use crate::upstream::{Local, lb};

use super::asked::Asked;
use super::attempt::Attempt;
use super::failure::Failure;
use super::hash::Hashed;
use super::upload::Whole;
use super::{Note, Router, mutation, rewrite};

/// Where a request goes, and by which route.
pub(super) struct Way<'a> {
    pub(super) route: &'a Route,
    pub(super) forward: &'a Forward,
    /// What is done to headers.
    pub(super) headers: &'a HeaderParsers,
    /// `host_rewrite_literal` of the weighted cluster.
    pub(super) host_rewrite: Option<&'a HeaderValue>,
    pub(super) local: &'a Rc<Local>,
}

/// What is known of a request that is ready for a host.
#[derive(Debug)]
pub struct Ready<'a> {
    pub(super) local: &'a Rc<Local>,
    /// Whose breakers, and whose connections, it takes.
    priority: RoutingPriority,
    pub(super) headers: &'a HeaderParsers,
    /// What the changes of the response print of the request.
    pub(super) notes: RequestNotes,
    pub(super) rewrite: Option<&'a Rewrite>,
    /// Whether the client wants a 204 when the time is up.
    answers_late_with_204: bool,
    /// For how long the upstream may take; none is for ever.
    pub(super) timeout: Option<Duration>,
    /// What the route's hash policies make of it, where hashes decide about hosts.
    pub(super) hashed: Option<Box<Hashed>>,
}

impl Router {
    /// Makes a request's head what its route wants upstream to get.
    pub(super) fn prepare<'a>(
        &self,
        way: &Way<'a>,
        request: &mut Request,
        info: &mut StreamInfo,
        note: Note<'_>,
    ) -> Result<Ready<'a>, Box<Response>> {
        let Way { route, forward, headers, host_rewrite, local } = *way;
        info.attempts = 1;
        let asked = match info.internal {
            true => Asked::take(request.headers_mut(), self.options),
            false => Asked::default(),
        };
        let timeout = asked.timeout(forward.timeout);
        if let Some(timeout) = timeout.filter(|_| !self.options.suppress_envoy_headers) {
            let millis = HeaderValue::from(millis(timeout));
            request.headers_mut().insert(headers::X_ENVOY_EXPECTED_RQ_TIMEOUT_MS, millis);
        }
        if headers.changes_requests() {
            change_request(headers, local, request, info);
        }
        if let Some(host) = host_rewrite {
            request.headers_mut().insert(HOST, host.clone());
        }
        let rewrite = forward.rewrite.as_deref();
        let says_old = !self.options.suppress_envoy_headers;
        let rewritten =
            rewrite.map_or(Ok(()), |it| rewrite::apply(it, route, request, (info, says_old)));
        let notes = headers.note_request(request);
        if rewritten.is_err() {
            let reply = LocalReply::unfit_rewrite().into_response(info);
            return Err(Box::new(mutation::change_reply(headers, notes, reply, info)));
        }
        if rewrite.is_some() || host_rewrite.is_some() || headers.changes_requests() {
            rewrite::show(request, note);
        }
        let answers_late_with_204 = asked.answers_late_with_204;
        let priority = forward.priority;
        Ok(Ready {
            local,
            priority,
            headers,
            notes,
            rewrite,
            answers_late_with_204,
            timeout,
            hashed: None,
        })
    }

    /// Sends a request to its cluster.
    pub async fn forward(
        &self,
        mut request: Box<Request>,
        ready: &mut Ready<'_>,
        info: &mut StreamInfo,
    ) -> Response {
        // Not in the match, where the context would be kept until the end of the attempt.
        let target =
            ready.local.choose(&lb::Context { hash: ready.hash(), ..lb::Context::default() });
        let result = match target {
            None => Err(Failure::NoHealthyHost),
            Some(target) => {
                info.upstream_host = Some(target.host.address);
                if let Some(rewrite) = ready.rewrite {
                    let says_old = !self.options.suppress_envoy_headers;
                    rewrite::apply_auto(rewrite, &mut request, &target.host, says_old);
                }
                let attempt = Attempt {
                    local: ready.local,
                    target: &target,
                    priority: ready.priority,
                    whole: &Whole::of(&mut request, info.start),
                    reset_after_start: &self.stats.rq_reset_after_downstream_response_started,
                    says_time: !self.options.suppress_envoy_headers,
                };
                let result = within(ready.timeout, &attempt, request, info).await;
                // While there was no connection yet, it is not the host that was late.
                if matches!(result, Err(Failure::RouteTimeout)) && info.upstream_local.is_some() {
                    let status = if ready.answers_late_with_204 { 204 } else { 504 };
                    target.host.observe(Outcome::TimedOut(status));
                }
                result
            }
        };
        let notes = std::mem::take(&mut ready.notes);
        let (failure, reply) = match result {
            Ok(mut response) => {
                mutation::change_response(ready.headers, notes, &mut response, info);
                for cookie in ready.hashed.iter().flat_map(|hashed| &hashed.cookies) {
                    response.headers_mut().append(SET_COOKIE, cookie.clone());
                }
                return response;
            }
            Err(Failure::RouteTimeout) if ready.answers_late_with_204 => {
                (Failure::RouteTimeout, LocalReply::late_without_content())
            }
            Err(failure) => {
                let reply = failure.reply();
                (failure, reply)
            }
        };
        let reply = give_up(reply, &failure, ready.local, info);
        mutation::change_reply(ready.headers, notes, reply, info)
    }
}

// === impl Ready ===

impl Ready<'_> {
    /// The same with what its route's hash policies make of it.
    pub(super) fn with_hash(self, hashed: Option<Box<Hashed>>) -> Self {
        Self { hashed, ..self }
    }

    fn hash(&self) -> Option<u64> {
        self.hashed.as_ref().and_then(|hashed| hashed.hash)
    }
}

fn change_request(
    headers: &HeaderParsers,
    local: &Local,
    request: &mut Request,
    info: &StreamInfo,
) {
    headers.change_request(request, info);
    if matches!(local.cluster.config.protocol, Protocol::Http2(_)) {
        // A client of HTTP/2 refuses to send them.
        hop_by_hop::strip_response(request.headers_mut());
    }
}

/// One attempt, within the route timeout. It begins when the request has come in whole, and lasts until the response
/// has.
async fn within(
    timeout: Option<Duration>,
    attempt: &Attempt<'_>,
    request: Box<Request>,
    info: &mut StreamInfo,
) -> Result<Response, Failure> {
    let Some(timeout) = timeout else {
        return attempt.run(request, info).await;
    };
    let deadline = async {
        attempt.whole.done().await;
        let since = clock::now();
        tokio::time::sleep(timeout).await;
        since
    };
    let response = tokio::select! {
        biased;
        response = attempt.run(request, info) => response?,
        _since = deadline => {
            attempt.local.cluster.stats.upstream_rq_timeout.inc();
            return Err(Failure::RouteTimeout);
        }
    };
    let begun = attempt.whole.since().unwrap_or_else(clock::now);
    Ok(response.map(|body| body.until(begun + timeout)))
}

/// The reply to a failure, counted like the response it stands for.
fn give_up(reply: LocalReply, failure: &Failure, local: &Local, info: &mut StreamInfo) -> Response {
    let stats = &local.cluster.stats;
    if let Failure::NoHealthyHost = failure {
        stats.upstream_cx_none_healthy.inc();
    }
    local.charge(reply.status.as_u16(), Origin::new(info.internal));
    info.transport_failure = failure.transport_failure();
    tracing::debug!(
        cluster = %local.cluster.name,
        host = ?info.upstream_host,
        status = reply.status.as_u16(),
        details = %reply.details,
        "no response from upstream"
    );
    reply.into_response(info)
}
