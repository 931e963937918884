//! Forwards one request: finds the cluster, watches the route timeout, turns failures into replies.

use std::rc::Rc;
use std::time::Duration;

use http::HeaderValue;
use http::header::HOST;

use crate::base::clock;
use crate::message::local_reply::LocalReply;
use crate::message::{Body, Request, Response, headers};
use crate::route::{Forward, Rewrite, Route};
use crate::stream_info::StreamInfo;
use crate::upstream::Local;
use crate::upstream::connect::millis;

use super::asked::Asked;
use super::attempt::Attempt;
use super::failure::Failure;
use super::upload::{Progress, Upload};
use super::{Note, Router, rewrite};

/// A request that is on its way to a cluster: what is known of it before a host is chosen.
#[derive(Debug)]
pub struct Ready<'a> {
    local: &'a Rc<Local>,
    rewrite: Option<&'a Rewrite>,
    /// Whether the client wants a 204 when the time is up.
    answers_late_with_204: bool,
    /// For how long the upstream may take; none is for ever.
    timeout: Option<Duration>,
}

/// Makes a request's head what its route wants upstream to get.
pub(super) fn prepare<'a>(
    (forward, route, host): (&'a Forward, &Route, Option<&HeaderValue>),
    local: &'a Rc<Local>,
    request: &mut Request,
    (info, note): (&mut StreamInfo, Note<'_>),
) -> Result<Ready<'a>, Box<Response>> {
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
    let rewrite = forward.rewrite.as_deref();
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host.clone());
    }
    if rewrite.is_some_and(|rewrite| rewrite::apply(rewrite, route, request).is_err()) {
        return Err(Box::new(LocalReply::unfit_rewrite().into_response(info)));
    }
    if rewrite.is_some() || host.is_some() {
        rewrite::show(request, note);
    }
    let answers_late_with_204 = asked.answers_late_with_204;
    Ok(Ready { local, rewrite, answers_late_with_204, timeout })
}

impl Router {
    /// Sends a request to its cluster.
    pub async fn forward(
        &self,
        mut request: Box<Request>,
        ready: &Ready<'_>,
        info: &mut StreamInfo,
    ) -> Response {
        let Ready { local, rewrite, timeout, .. } = ready;
        let Some(target) = local.choose() else {
            return give_up(&Failure::NoHealthyHost, local, info);
        };
        info.upstream_host = Some(target.host.address);
        if let Some(rewrite) = rewrite {
            rewrite::apply_auto(rewrite, &mut request, &target.host);
        }
        let attempt = Attempt {
            local,
            target: &target,
            reset_after_start: &self.stats.rq_reset_after_downstream_response_started,
        };
        match within(*timeout, &attempt, request, info).await {
            Ok(response) => response,
            Err(Failure::RouteTimeout) if ready.answers_late_with_204 => {
                let reply = LocalReply::late_without_content();
                give_up_with(reply, &Failure::RouteTimeout, local, info)
            }
            Err(failure) => give_up(&failure, local, info),
        }
    }
}

/// One attempt, within the route timeout. It begins when the request has come in whole, and lasts until the response
/// has.
async fn within(
    timeout: Option<Duration>,
    attempt: &Attempt<'_>,
    mut request: Box<Request>,
    info: &mut StreamInfo,
) -> Result<Response, Failure> {
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
            attempt.local.cluster.stats.upstream_rq_timeout.inc();
            return Err(Failure::RouteTimeout);
        }
    };
    let begun = if upload.is_some() { clock::now() } else { start };
    Ok(response.map(|body| body.until(begun + timeout)))
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

/// The reply to a failure.
fn give_up(failure: &Failure, local: &Local, info: &mut StreamInfo) -> Response {
    give_up_with(failure.reply(), failure, local, info)
}

/// This reply to a failure, counted like the response it stands for.
fn give_up_with(
    reply: LocalReply,
    failure: &Failure,
    local: &Local,
    info: &mut StreamInfo,
) -> Response {
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
