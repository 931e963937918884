//! Forwards one request: finds the cluster, watches the route timeout, turns failures into replies.

use std::rc::Rc;
use std::time::Duration;

use http::HeaderValue;

use crate::base::clock;
use crate::message::local_reply::LocalReply;
use crate::message::{Body, Request, Response, headers};
use crate::route::Forward;
use crate::stream_info::StreamInfo;
use crate::upstream::Local;
use crate::upstream::connect::millis;

use super::Router;
use super::asked::Asked;
use super::attempt::Attempt;
use super::failure::Failure;
use super::upload::{Progress, Upload};

impl Router {
    /// Sends a request to its cluster.
    pub(super) async fn forward(
        &self,
        mut request: Box<Request>,
        forward: &Forward,
        info: &mut StreamInfo,
    ) -> Response {
        let Some(local) = &self.clusters[forward.cluster.0] else {
            self.stats.no_cluster.inc();
            tracing::debug!(cluster = %self.table.clusters().name(forward.cluster), "no such cluster");
            return LocalReply::no_cluster(forward.not_found).into_response(info);
        };
        info.upstream_cluster = Some(local.cluster.name.clone());
        let asked = match info.internal {
            true => Asked::take(request.headers_mut()),
            false => Asked::default(),
        };
        let timeout = asked.timeout(forward.timeout);
        if let Some(timeout) = timeout {
            let millis = HeaderValue::from(millis(timeout));
            request.headers_mut().insert(headers::X_ENVOY_EXPECTED_RQ_TIMEOUT_MS, millis);
        }
        match self.within(timeout, local, request, info).await {
            Ok(response) => response,
            Err(Failure::RouteTimeout) if asked.answers_late_with_204 => {
                give_up(LocalReply::late_without_content(), &Failure::RouteTimeout, local, info)
            }
            Err(failure) => give_up(failure.reply(), &failure, local, info),
        }
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
        let attempt = Attempt {
            local,
            reset_after_start: &self.stats.rq_reset_after_downstream_response_started,
        };
        let Some(timeout) = timeout else {
            return attempt.run(request, info).await;
        };
        let upload = follow(&mut request);
        let deadline = async {
            if let Some(upload) = &upload {
                upload.done().await;
            }
            let since = clock::now();
            tokio::time::sleep(timeout).await;
            since
        };
        let start = info.start;
        let response = tokio::select! {
            biased;
            response = attempt.run(request, info) => response?,
            _since = deadline => {
                local.cluster.stats.upstream_rq_timeout.inc();
                return Err(Failure::RouteTimeout);
            }
        };
        let begun = if upload.is_some() { clock::now() } else { start };
        Ok(response.map(|body| body.until(begun + timeout)))
    }
}

/// Follows the request's body, unless there is none.
fn follow(request: &mut Request) -> Option<Rc<Upload>> {
    if request.body().is_empty() {
        return None;
    }
    let upload = Rc::new(Upload::default());
    let watch = Box::new(Progress(upload.clone()));
    let body = std::mem::replace(request.body_mut(), Body::empty());
    *request.body_mut() = body.watched(watch);
    Some(upload)
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
