//! Forwards one request: finds the cluster, watches the route timeout, turns failures into replies.

use std::rc::Rc;
use std::time::Duration;

use http::HeaderValue;

use crate::base::clock;
use crate::config::cluster::Protocol;
use crate::message::local_reply::LocalReply;
use crate::message::{Request, Response, headers, hop_by_hop};
use crate::route::{Forward, Route};
use crate::stream_info::StreamInfo;
use crate::upstream::Local;
use crate::upstream::connect::millis;

use super::Router;
use super::asked::Asked;
use super::attempt::Attempt;
use super::failure::Failure;
use super::mutation;
use super::upload::Whole;

impl Router {
    /// Sends a request to its cluster.
    pub(super) async fn forward(
        &self,
        mut request: Box<Request>,
        route: &Route,
        forward: &Forward,
        info: &mut StreamInfo,
    ) -> Response {
        let Some(local) = &self.clusters[forward.cluster.0] else {
            self.stats.no_cluster.inc();
            tracing::debug!(cluster = %self.table.clusters().name(forward.cluster), "no such cluster");
            let notes = route.headers.note_request(&request);
            let reply = LocalReply::no_cluster(forward.not_found).into_response(info);
            return mutation::change_reply(&route.headers, notes, reply, info);
        };
        info.upstream_cluster = Some(local.cluster.name.clone());
        info.attempts = 1;
        let asked = match info.internal {
            true => Asked::take(request.headers_mut(), self.options),
            false => Asked::default(),
        };
        let timeout = asked.timeout(forward.timeout);
        let answers_late_with_204 = asked.answers_late_with_204;
        if let Some(timeout) = timeout
            && !self.options.suppress_envoy_headers
        {
            let millis = HeaderValue::from(millis(timeout));
            request.headers_mut().insert(headers::X_ENVOY_EXPECTED_RQ_TIMEOUT_MS, millis);
        }
        if route.headers.changes_requests() {
            route.headers.change_request(&mut request, info);
            if matches!(local.cluster.config.protocol, Protocol::Http2(_)) {
                // A client of HTTP/2 refuses to send them.
                hop_by_hop::strip_response(request.headers_mut());
            }
        }
        let notes = route.headers.note_request(&request);
        let reply = match self.within(timeout, local, request, info).await {
            Ok(mut response) => {
                mutation::change_response(&route.headers, notes, &mut response, info);
                return response;
            }
            Err(Failure::RouteTimeout) if answers_late_with_204 => {
                give_up(LocalReply::late_without_content(), &Failure::RouteTimeout, local, info)
            }
            Err(failure) => give_up(failure.reply(), &failure, local, info),
        };
        mutation::change_reply(&route.headers, notes, reply, info)
    }

    /// One attempt, within the route timeout. It begins when the request has come in whole, and lasts until the
    /// response has.
    async fn within(
        &self,
        timeout: Option<Duration>,
        local: &Rc<Local>,
        mut request: Box<Request>,
        info: &mut StreamInfo,
    ) -> Result<Response, Failure> {
        let whole = Whole::of(&mut request, info.start);
        let attempt = Attempt {
            local,
            whole: &whole,
            reset_after_start: &self.stats.rq_reset_after_downstream_response_started,
            says_time: !self.options.suppress_envoy_headers,
        };
        let Some(timeout) = timeout else {
            return attempt.run(request, info).await;
        };
        let deadline = async {
            whole.done().await;
            let since = clock::now();
            tokio::time::sleep(timeout).await;
            since
        };
        let response = tokio::select! {
            biased;
            response = attempt.run(request, info) => response?,
            _since = deadline => {
                local.cluster.stats.upstream_rq_timeout.inc();
                return Err(Failure::RouteTimeout);
            }
        };
        let begun = whole.since().unwrap_or_else(clock::now);
        Ok(response.map(|body| body.until(begun + timeout)))
    }
}

/// The reply to a failure, counted like the response it stands for.
fn give_up(reply: LocalReply, failure: &Failure, local: &Local, info: &mut StreamInfo) -> Response {
    let stats = &local.cluster.stats;
    if let Failure::NoHealthyHost = failure {
        stats.upstream_cx_none_healthy.inc();
        stats.lb_healthy_panic.inc();
    }
    local.charge(reply.status.as_u16());
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
