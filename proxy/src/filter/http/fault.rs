//! `envoy.filters.http.fault`: makes requests late, answers them with errors, or answers them slowly.

mod throttle;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, StatusCode};
use tokio::time::sleep;

use crate::base::random;
use crate::config::http_filter as config;
use crate::config::http_filter::{Abort, Amount, Injected};
use crate::config::route::Fraction;
use crate::message::local_reply::LocalReply;
use crate::message::{Body, Request, Response, headers};
use crate::route::Head;
use crate::stats::{Counter, GaugeGuard, Scope, stats};
use crate::stream_info::Flag;

use super::{Context, Flow, Override, host_of};

use self::throttle::Throttled;

stats! {
    /// Stats of the fault filter, under `http.<stat_prefix>.fault.`
    struct FaultStats {
        /// Requests that were answered with an error
        aborts_injected: Counter,
        /// Requests that suffer a fault now
        active_faults: Gauge,
        /// Requests that were made late
        delays_injected: Counter,
        /// Faults that were left out because as many were active as may be
        faults_overflow: Counter,
        /// Responses that were slowed down
        response_rl_injected: Counter,
    }
}

/// As whose clients faults are counted at most. Names come from requests, and each costs memory for good.
const MOST_CLIENTS: usize = 1000;

const ABORT: HeaderName = HeaderName::from_static("x-envoy-fault-abort-request");
const ABORT_GRPC: HeaderName = HeaderName::from_static("x-envoy-fault-abort-grpc-request");
const ABORT_PERCENTAGE: HeaderName =
    HeaderName::from_static("x-envoy-fault-abort-request-percentage");
const DELAY: HeaderName = HeaderName::from_static("x-envoy-fault-delay-request");
const DELAY_PERCENTAGE: HeaderName =
    HeaderName::from_static("x-envoy-fault-delay-request-percentage");
const THROUGHPUT: HeaderName = HeaderName::from_static("x-envoy-fault-throughput-response");
const THROUGHPUT_PERCENTAGE: HeaderName =
    HeaderName::from_static("x-envoy-fault-throughput-response-percentage");

/// The filter.
#[derive(Debug)]
pub(super) struct Fault {
    config: config::Fault,
    stats: FaultStats,
    scope: Scope,
    /// By `x-envoy-downstream-service-cluster`: delays and aborts.
    clients: Mutex<HashMap<Box<str>, Client>>,
}

#[derive(Clone, Debug)]
struct Client {
    delays: Counter,
    aborts: Counter,
}

/// What a request suffers.
#[derive(Debug, Default)]
pub(super) struct Suffered {
    /// Held until its stream has ended.
    active: Option<GaugeGuard>,
    /// How fast its response may be, in KiB per second.
    response_rate: Option<u64>,
}

// === impl Fault ===

impl Fault {
    /// Its stats are `fault.` below `scope`.
    pub(super) fn new(config: &config::Fault, scope: &Scope) -> Self {
        let scope = scope.scope("fault");
        Self {
            config: config.clone(),
            stats: FaultStats::register(&scope),
            scope,
            clients: Mutex::default(),
        }
    }

    pub(super) async fn decode(
        &self,
        request: &Request,
        suffered: &mut Suffered,
        cx: &mut Context<'_, '_>,
    ) -> Flow {
        let said = cx.overrides().find_map(|said| match said {
            Override::Fault(config) => Some(&**config),
            _ => None,
        });
        let config = said.unwrap_or(&self.config);
        if !is_meant(config, request, cx) {
            return Flow::Continue;
        }
        if let Some(rate) = config.response_rate_limit.and_then(|limit| rate(limit, request))
            && self.may_suffer(config, suffered)
        {
            self.stats.response_rl_injected.inc();
            suffered.response_rate = Some(rate);
        }
        if let Some(delay) = config.delay.and_then(|fault| delay(fault, request))
            && self.may_suffer(config, suffered)
        {
            self.stats.delays_injected.inc();
            self.count(config, request, |client| &client.delays);
            cx.info.flags.set(Flag::DelayInjected);
            tracing::debug!(?delay, "delaying a request");
            sleep(delay).await;
        }
        match config.abort.and_then(|fault| abort(fault, request)) {
            Some((status, grpc)) if self.may_suffer(config, suffered) => {
                self.stats.aborts_injected.inc();
                self.count(config, request, |client| &client.aborts);
                let mut reply = LocalReply::fault(status, config.abort_body.clone());
                reply.grpc_status = grpc;
                Flow::Reply(reply)
            }
            _ => Flow::Continue,
        }
    }

    pub(super) fn encode(response: &mut Response, suffered: &Suffered) {
        if let Some(rate) = suffered.response_rate
            && !response.body().is_empty()
        {
            let mut body = std::mem::replace(response.body_mut(), Body::empty());
            let flow = body.take_flow();
            *response.body_mut() =
                Body::wrapped(Box::pin(Throttled::new(body, rate))).flowing(flow);
        }
    }

    /// Whether one more request may suffer; it does then. Who suffers already may suffer more.
    fn may_suffer(&self, config: &config::Fault, suffered: &mut Suffered) -> bool {
        if suffered.active.is_some() {
            return true;
        }
        let active = &self.stats.active_faults;
        if config.max_active_faults.is_some_and(|most| active.value() >= u64::from(most)) {
            self.stats.faults_overflow.inc();
            tracing::debug!("a fault is left out: as many are active as may be");
            return false;
        }
        suffered.active = Some(active.hold());
        true
    }

    fn count(&self, config: &config::Fault, request: &Request, which: fn(&Client) -> &Counter) {
        if config.disable_downstream_cluster_stats {
            return;
        }
        let client = request.headers().get(headers::X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER);
        let Some(name) = client.and_then(|name| name.to_str().ok()).filter(|name| !name.is_empty())
        else {
            return;
        };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(name) {
            which(client).inc();
        } else if clients.len() < MOST_CLIENTS {
            let scope = self.scope.scope(name);
            let client = Client {
                delays: scope.counter("delays_injected"),
                aborts: scope.counter("aborts_injected"),
            };
            which(&client).inc();
            clients.insert(name.into(), client);
        } else {
            tracing::debug!(name, "faults of one more client are not counted by its name");
        }
    }
}

/// Whether the fault is for such requests.
fn is_meant(config: &config::Fault, request: &Request, cx: &Context<'_, '_>) -> bool {
    if let Some(wanted) = &config.upstream_cluster
        && cx.routed.and_then(|routed| routed.cluster).is_none_or(|name| **name != **wanted)
    {
        return false;
    }
    if !config.downstream_nodes.is_empty() {
        let node = request.headers().get(headers::X_ENVOY_DOWNSTREAM_SERVICE_NODE);
        let Some(node) = node else { return false };
        if !config.downstream_nodes.iter().any(|one| node == one.as_str()) {
            return false;
        }
    }
    let head = Head::new(host_of(request), request);
    config.headers.iter().all(|matcher| matcher.matches(head.values(&matcher.field)))
}

/// A number that a header says.
fn number(request: &Request, name: &HeaderName) -> Option<u64> {
    request.headers().get(name)?.to_str().ok()?.parse().ok()
}

/// Whether this request is one of so many. A header may make it fewer where headers say what is done.
fn is_hit(fraction: Fraction, by_header: Option<&HeaderName>, request: &Request) -> bool {
    let said = by_header.and_then(|name| number(request, name));
    let said = said.map(|said| u32::try_from(said).unwrap_or(u32::MAX));
    let numerator = said.map_or(fraction.numerator, |said| said.min(fraction.numerator));
    Fraction { numerator, ..fraction }.includes(random::number())
}

fn delay(fault: Injected<Amount<Duration>>, request: &Request) -> Option<Duration> {
    let (delay, percentage) = match fault.what {
        Amount::Fixed(delay) => (Some(delay), None),
        Amount::Header => {
            (number(request, &DELAY).map(Duration::from_millis), Some(&DELAY_PERCENTAGE))
        }
    };
    // Envoy's clock of delays ticks in milliseconds.
    let delay = delay.filter(|delay| delay.as_millis() > 0)?;
    is_hit(fault.fraction, percentage, request).then_some(delay)
}

fn rate(fault: Injected<Amount<u64>>, request: &Request) -> Option<u64> {
    let (rate, percentage) = match fault.what {
        Amount::Fixed(rate) => (Some(rate), None),
        Amount::Header => (number(request, &THROUGHPUT), Some(&THROUGHPUT_PERCENTAGE)),
    };
    let rate = rate.filter(|rate| *rate > 0)?;
    is_hit(fault.fraction, percentage, request).then_some(rate)
}

/// The status, and that of gRPC if it is by that that the fault is known.
fn abort(fault: Injected<Abort>, request: &Request) -> Option<(StatusCode, Option<u8>)> {
    let (found, percentage) = match fault.what {
        Abort::Http(status) => (Some((status, None)), None),
        Abort::Grpc(status) => (Some((200, Some(status))), None),
        Abort::Header => {
            let http = number(request, &ABORT).filter(|status| (200..600).contains(status));
            let http = http.and_then(|status| Some((u16::try_from(status).ok()?, None)));
            let grpc = || {
                let status = number(request, &ABORT_GRPC)?;
                Some((200, Some(u8::try_from(status).ok()?)))
            };
            (http.or_else(grpc), Some(&ABORT_PERCENTAGE))
        }
    };
    let (status, grpc) = found?;
    let status = StatusCode::from_u16(status).ok()?;
    is_hit(fault.fraction, percentage, request).then_some((status, grpc))
}
