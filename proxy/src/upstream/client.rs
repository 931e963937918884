//! Requests of the proxy's own: copies of other requests, and questions to services. Envoy calls this its async client.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use http::HeaderValue;
use http::header::HeaderMap;

use crate::base::clock;
use crate::config::cluster::RoutingPriority;
use crate::message::{Request, Response, forwarded, headers};
use crate::stream_info::{Downstream, Protocol, StreamInfo};
use crate::transport::own_address;

use super::attempt::Attempt;
use super::failure::Failure;
use super::local::LocalHost;
use super::outlier::Outcome;
use super::stats::Origin;
use super::upload::Whole;
use super::{Local, lb};

/// Nobody has sent a request of our own.
const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Says in a head that the request is one of our own, and who we are.
pub fn mark(headers: &mut HeaderMap) {
    headers.insert(headers::X_ENVOY_INTERNAL, HeaderValue::from_static("true"));
    forwarded::append(headers, own_address::own_address());
}

/// Sends a request to one host of a cluster, once, and waits for the head of its answer. The time begins when the request
/// is sent in whole, and lasts until the answer has come in whole; none is for ever.
///
/// # Errors
/// There is no answer. The cluster's stats know of it already.
pub async fn send(
    local: &Rc<Local>,
    mut request: Box<Request>,
    timeout: Option<Duration>,
) -> Result<Response, Failure> {
    local.cluster.client_stats.rq_total.inc();
    let mut info = StreamInfo::new(clock::now(), Protocol::Http11, Downstream::new(NOBODY, NOBODY));
    info.internal = true;
    let whole = Whole::of(&mut request, info.start);
    let result = match local.choose(&lb::Context::default()) {
        Some(target) => {
            let exchange = exchange(local, &target, request, &whole, &mut info);
            let result = whole.within(timeout, exchange, || late(local, &target)).await;
            // While there was no connection yet, it is not the host that was late.
            if matches!(result, Err(Failure::RouteTimeout { .. })) && info.upstream_local.is_some()
            {
                target.host.observe(Outcome::TimedOut(504));
            }
            result
        }
        None => Err(Failure::NoHealthyHost),
    };
    result.inspect_err(|failure| {
        let status = failure.reply(false).status;
        local.charge_failure(failure, status, Origin::Internal);
        tracing::debug!(
            cluster = %local.cluster.name,
            status = status.as_u16(),
            ?failure,
            "no answer to a request of our own"
        );
    })
}

async fn exchange(
    local: &Rc<Local>,
    target: &LocalHost,
    request: Box<Request>,
    whole: &Whole,
    info: &mut StreamInfo,
) -> Result<Response, Failure> {
    let attempt = Attempt {
        local,
        target,
        priority: RoutingPriority::Default,
        whole,
        reset_after_start: &local.cluster.client_stats.rq_reset_after_downstream_response_started,
        upload_flow: None,
        says_time: false,
        per_try: None,
        makes_up: true,
        sent: Cell::new(false),
    };
    let answer = attempt.run(request, info).await?;
    Ok(attempt.accept(answer, info))
}

fn late(local: &Local, target: &LocalHost) -> Failure {
    local.cluster.stats.upstream_rq_timeout.inc();
    target.host.stats.rq_timeout.inc();
    target.host.stats.rq_error.inc();
    Failure::RouteTimeout { trying: true }
}
