//! The HTTP filter chain: requests pass its filters in order, responses in reverse.
//!
//! A filter that answers itself ends the request's way; its answer passes all filters, those behind it too, as in Envoy.
//! Each filter is a file of its own. Without filters there is no chain, and nothing of this is on a request's way.

mod buffer;
mod descriptors;
mod fault;
mod gather;
mod grpc_calls;
mod grpc_http1_bridge;
mod grpc_stats;
mod grpc_web;
mod header_mutation;
mod health_check;
mod local_rate_limit;
mod rate_limit;
mod token_bucket;
mod unsized_body;

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::header::HOST;

use crate::config::http_filter as config;
use crate::config::http_filter::PerRoute;
use crate::message::local_reply::LocalReply;
use crate::message::{Request, Response};
use crate::route::{FilterLevels, FilterSetting, FilterSlot, Limits, Table};
use crate::stats::Scope;
use crate::stream_info::StreamInfo;
use crate::upstream::{Cluster, Locals};

use self::buffer::Buffer;
use self::fault::Fault;
pub use self::gather::Gap;
use self::grpc_http1_bridge::GrpcHttp1Bridge;
use self::grpc_stats::GrpcStats;
use self::grpc_web::GrpcWeb;

use self::header_mutation::{HeaderMutation, Mutations};
use self::health_check::HealthCheck;
use self::local_rate_limit::LocalRateLimit;
use self::rate_limit::RateLimit;

/// The filters of one connection manager, which all workers share.
#[derive(Debug)]
pub struct Chain {
    filters: Box<[Filter]>,
    /// What levels of the route table say, by the table's numbers; none for filters that the chain does not have.
    overrides: Box<[Option<Override>]>,
    /// `node.cluster`.
    node_cluster: Box<str>,
}

/// One filter of a chain.
#[derive(Debug)]
struct Filter {
    /// How the route table calls it; none if it does not speak to it.
    slot: Option<FilterSlot>,
    disabled: bool,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Buffer(Buffer),
    Fault(Box<Fault>),
    GrpcHttp1Bridge(GrpcHttp1Bridge),
    GrpcStats(GrpcStats),
    GrpcWeb(GrpcWeb),
    HeaderMutation(HeaderMutation),
    HealthCheck(Box<HealthCheck>),
    LocalRateLimit(Box<LocalRateLimit>),
    RateLimit(Box<RateLimit>),
}

/// What a level of the route table says to a filter.
#[derive(Debug)]
enum Override {
    Buffer(Option<config::Buffer>),
    Fault(Box<config::Fault>),
    HeaderMutation(Mutations),
    LocalRateLimit(Box<LocalRateLimit>),
    RateLimit(Box<config::RateLimitPerRoute>),
}

/// What a chain is made for.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The table that selects its requests' routes.
    pub table: &'a Table,
    /// `http.<stat_prefix>.`
    pub scope: &'a Scope,
    /// The root of all stats.
    pub root: &'a Scope,
    /// All clusters there are.
    pub clusters: &'a [Arc<Cluster>],
    /// `per_connection_buffer_limit_bytes` of the listener: how much of a body a filter may hold.
    pub buffer_limit: u32,
    /// Whether `/healthcheck/fail` was called.
    pub health_failed: &'a Arc<AtomicBool>,
    /// `node.cluster`.
    pub node_cluster: &'a str,
}

/// What is known of a request that has met a route.
#[derive(Clone, Copy, Debug)]
pub struct Routed<'a> {
    /// What its route and the levels around that say to filters.
    pub levels: FilterLevels<'a>,
    /// The cluster that it goes to, if it goes to one.
    pub cluster: Option<&'a Arc<str>>,
    /// The rate limits that it meets, if its route forwards.
    pub limits: Option<Limits<'a>>,
}

/// What filters keep for as long as a connection lasts.
#[derive(Debug, Default)]
pub struct Kept {
    buckets: OnceCell<local_rate_limit::Buckets>,
}

/// What a request brings along besides.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The clusters of its worker.
    pub locals: &'a Locals,
    /// What filters keep for its connection.
    pub kept: &'a Kept,
}

/// One request on its way through a chain.
#[derive(Debug)]
pub struct Passage<'a> {
    chain: &'a Chain,
    routed: Option<Routed<'a>>,
    around: Option<Around<'a>>,
    states: Box<[State]>,
}

/// What a filter remembers of a request.
#[derive(Debug)]
enum State {
    /// The filter does nothing with this request.
    Off,
    /// Nothing.
    On,
    Fault(fault::Suffered),
    GrpcHttp1Bridge(grpc_http1_bridge::Bridged),
    GrpcStats(Option<Rc<grpc_stats::Call>>),
    GrpcWeb(grpc_web::Call),
    HeaderMutation(header_mutation::Seen),
    HealthCheck(health_check::Checked),
    LocalRateLimit(local_rate_limit::Verdict),
    RateLimit(rate_limit::Verdict),
}

/// What a filter keeps until its stream has ended.
#[derive(Debug)]
pub struct Remains(#[expect(dead_code, reason = "it is there to be dropped")] Box<[State]>);

/// What a filter makes of a request.
enum Flow {
    Continue,
    /// It is answered.
    Reply(LocalReply),
}

/// What a filter is called with.
struct Context<'c, 'a> {
    chain: &'a Chain,
    slot: Option<FilterSlot>,
    routed: Option<Routed<'a>>,
    /// None for a request that was refused before it came to any filter.
    around: Option<Around<'a>>,
    info: &'c mut StreamInfo,
    /// Whether a filter has changed the request so that another route may be its own.
    reroute: &'c mut bool,
}

/// The host that a request is for.
fn host_of(request: &Request) -> &str {
    request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("")
}

// === impl Chain ===

impl Chain {
    /// A chain as configured; none if there is no filter.
    pub fn new(filters: &[config::HttpFilter], site: Site<'_>) -> Option<Self> {
        if filters.is_empty() {
            return None;
        }
        let table = site.table.filters();
        let filters: Box<[Filter]> = filters
            .iter()
            .map(|filter| Filter {
                slot: table.slot(&filter.name),
                disabled: filter.disabled,
                kind: Kind::new(&filter.filter, site),
            })
            .collect();
        let overrides = table.configs().iter().map(|(slot, config)| {
            let known = filters.iter().any(|filter| filter.slot == Some(*slot));
            known.then(|| Override::new(config, site))
        });
        let overrides = overrides.collect();
        Some(Self { overrides, filters, node_cluster: site.node_cluster.into() })
    }

    /// A request sets out.
    pub fn enter<'a>(
        &'a self,
        routed: Option<Routed<'a>>,
        around: Option<Around<'a>>,
    ) -> Passage<'a> {
        let state = |filter: &Filter| match filter.is_enabled(routed.as_ref()) {
            true => filter.kind.state(),
            false => State::Off,
        };
        Passage { chain: self, routed, around, states: self.filters.iter().map(state).collect() }
    }
}

// === impl Filter ===

impl Filter {
    fn is_enabled(&self, routed: Option<&Routed<'_>>) -> bool {
        let said = routed.zip(self.slot).and_then(|(routed, slot)| routed.levels.all(slot).next());
        said.map_or(!self.disabled, |setting| setting != FilterSetting::Disabled)
    }
}

// === impl Kind ===

impl Kind {
    fn new(config: &config::Filter, site: Site<'_>) -> Self {
        match config {
            config::Filter::Buffer(config) => Self::Buffer(Buffer::new(*config)),
            config::Filter::Fault(config) => Self::Fault(Box::new(Fault::new(config, site.scope))),
            config::Filter::GrpcHttp1Bridge(config) => {
                Self::GrpcHttp1Bridge(GrpcHttp1Bridge::new(*config, site))
            }
            config::Filter::GrpcStats(config) => Self::GrpcStats(GrpcStats::new(config, site)),
            config::Filter::GrpcWeb => Self::GrpcWeb(GrpcWeb::new(site)),
            config::Filter::HeaderMutation(config) => {
                Self::HeaderMutation(HeaderMutation::new(config))
            }
            config::Filter::HealthCheck(config) => {
                Self::HealthCheck(Box::new(HealthCheck::new(config, site)))
            }
            config::Filter::LocalRateLimit(config) => {
                Self::LocalRateLimit(Box::new(LocalRateLimit::new(config, site.root)))
            }
            config::Filter::RateLimit(config) => Self::RateLimit(Box::new(RateLimit::new(config))),
        }
    }

    /// What it remembers of a request at first.
    fn state(&self) -> State {
        match self {
            Self::Buffer(_) | Self::HeaderMutation(_) => State::On,
            Self::Fault(_) => State::Fault(fault::Suffered::default()),
            Self::GrpcHttp1Bridge(_) => {
                State::GrpcHttp1Bridge(grpc_http1_bridge::Bridged::default())
            }
            Self::GrpcStats(_) => State::GrpcStats(None),
            Self::GrpcWeb(_) => State::GrpcWeb(grpc_web::Call::default()),
            Self::HealthCheck(_) => State::HealthCheck(health_check::Checked::default()),
            Self::LocalRateLimit(_) => State::LocalRateLimit(local_rate_limit::Verdict::default()),
            Self::RateLimit(_) => State::RateLimit(rate_limit::Verdict::default()),
        }
    }

    async fn decode(
        &self,
        request: &mut Request,
        state: &mut State,
        cx: &mut Context<'_, '_>,
    ) -> Flow {
        match (self, state) {
            (Self::Buffer(filter), _) => filter.decode(request, cx).await,
            (Self::HeaderMutation(filter), _) => {
                filter.decode(request, cx);
                Flow::Continue
            }
            (Self::Fault(filter), State::Fault(suffered)) => {
                filter.decode(request, suffered, cx).await
            }
            (Self::GrpcHttp1Bridge(filter), State::GrpcHttp1Bridge(bridged)) => {
                filter.decode(request, bridged, cx);
                Flow::Continue
            }
            (Self::GrpcStats(filter), State::GrpcStats(call)) => {
                filter.decode(request, call, cx);
                Flow::Continue
            }
            (Self::GrpcWeb(filter), State::GrpcWeb(call)) => {
                filter.decode(request, call, cx);
                Flow::Continue
            }
            (Self::HealthCheck(filter), State::HealthCheck(checked)) => {
                filter.decode(request, checked, cx).await
            }
            (Self::LocalRateLimit(filter), State::LocalRateLimit(verdict)) => {
                filter.decode(request, verdict, cx)
            }
            (Self::RateLimit(filter), State::RateLimit(verdict)) => {
                filter.decode(request, verdict, cx).await
            }
            // Each has a state of its own kind.
            (
                Self::Fault(_)
                | Self::GrpcHttp1Bridge(_)
                | Self::GrpcStats(_)
                | Self::GrpcWeb(_)
                | Self::HealthCheck(_)
                | Self::LocalRateLimit(_)
                | Self::RateLimit(_),
                _,
            ) => Flow::Continue,
        }
    }

    /// The request's head is what it will be.
    fn see(&self, request: &Request, state: &mut State, cx: &Context<'_, '_>) {
        if let Self::HeaderMutation(filter) = self {
            *state = State::HeaderMutation(filter.see(request, cx));
        }
    }

    async fn encode(
        &self,
        response: &mut Response,
        state: &mut State,
        cx: &mut Context<'_, '_>,
    ) -> Result<(), Gap> {
        match (self, &mut *state) {
            (Self::GrpcHttp1Bridge(filter), State::GrpcHttp1Bridge(bridged)) => {
                return filter.encode(response, bridged).await;
            }
            (Self::GrpcStats(_), State::GrpcStats(Some(call))) => {
                GrpcStats::encode(response, call, cx);
            }
            (Self::GrpcWeb(_), State::GrpcWeb(call)) => {
                return GrpcWeb::encode(response, call).await;
            }
            (Self::Fault(_), State::Fault(suffered)) => Fault::encode(response, suffered),
            (Self::HealthCheck(filter), State::HealthCheck(checked)) => {
                filter.encode(response, *checked);
            }
            (Self::LocalRateLimit(_), State::LocalRateLimit(verdict)) => verdict.encode(response),
            (Self::RateLimit(_), State::RateLimit(verdict)) => verdict.encode(response),
            (Self::HeaderMutation(filter), _) => {
                let seen = match state {
                    State::HeaderMutation(seen) => Some(seen),
                    _ => None,
                };
                filter.encode(response, seen, cx);
            }
            (_, _) => {}
        }
        Ok(())
    }
}

// === impl Override ===

impl Override {
    fn new(config: &PerRoute, site: Site<'_>) -> Self {
        match config {
            PerRoute::Buffer(config) => Self::Buffer(*config),
            PerRoute::Fault(config) => Self::Fault(config.clone()),
            PerRoute::LocalRateLimit(config) => {
                Self::LocalRateLimit(Box::new(LocalRateLimit::new(config, site.root)))
            }
            PerRoute::RateLimit(config) => Self::RateLimit(config.clone()),
            PerRoute::HeaderMutation(config) => Self::HeaderMutation(Mutations::new(config)),
        }
    }
}

// === impl Passage ===

impl<'a> Passage<'a> {
    /// Lets all filters see the request. Says whether another route may be its own now.
    ///
    /// # Errors
    /// The answer of the filter that answers it.
    pub async fn decode(
        &mut self,
        request: &mut Request,
        info: &mut StreamInfo,
    ) -> Result<bool, LocalReply> {
        let Self { chain, routed, around, states } = self;
        let mut reroute = false;
        for (filter, state) in chain.filters.iter().zip(states) {
            if matches!(state, State::Off) {
                continue;
            }
            let reroute = &mut reroute;
            let mut cx = Context {
                chain,
                slot: filter.slot,
                routed: *routed,
                around: *around,
                info,
                reroute,
            };
            if let Flow::Reply(reply) = filter.kind.decode(request, state, &mut cx).await {
                return Err(reply);
            }
        }
        Ok(reroute)
    }

    /// The request has another route now.
    pub fn reroute(&mut self, routed: Option<Routed<'a>>) {
        self.routed = routed;
    }

    /// Lets the filter that answered add to its answer, after the route has.
    pub fn answer(&mut self, reply: &mut Response, info: &mut StreamInfo) {
        let Self { chain, routed, around, states } = self;
        for (filter, state) in chain.filters.iter().zip(states) {
            let cx = Context {
                chain,
                slot: filter.slot,
                routed: *routed,
                around: *around,
                info,
                reroute: &mut false,
            };
            match state {
                State::LocalRateLimit(verdict) => verdict.refuse(reply, &cx),
                State::RateLimit(verdict) => verdict.refuse(reply, &cx),
                State::HealthCheck(checked) => HealthCheck::answer(reply, *checked),
                State::Off
                | State::On
                | State::Fault(_)
                | State::GrpcHttp1Bridge(_)
                | State::GrpcStats(_)
                | State::GrpcWeb(_)
                | State::HeaderMutation(_) => {}
            }
        }
    }

    /// Lets all filters see what became of the request's head.
    pub fn see(&mut self, request: &Request, info: &mut StreamInfo) {
        let Self { chain, routed, around, states } = self;
        for (filter, state) in chain.filters.iter().zip(states) {
            if !matches!(state, State::Off) {
                let reroute = &mut false;
                let cx = Context {
                    chain,
                    slot: filter.slot,
                    routed: *routed,
                    around: *around,
                    info,
                    reroute,
                };
                filter.kind.see(request, state, &cx);
            }
        }
    }

    /// The answer to a request that turned out to be wrong while its body was read, by whichever filter found that.
    pub fn refusal(&self) -> Option<LocalReply> {
        self.states.iter().find_map(|state| match state {
            State::GrpcHttp1Bridge(bridged) => GrpcHttp1Bridge::refusal(bridged),
            State::GrpcWeb(call) => GrpcWeb::refusal(call),
            _ => None,
        })
    }

    /// Lets all filters see the response.
    ///
    /// # Errors
    /// Why there is none that could be sent on.
    pub async fn encode(
        &mut self,
        response: &mut Response,
        info: &mut StreamInfo,
    ) -> Result<(), Gap> {
        let Self { chain, routed, around, states } = self;
        for (filter, state) in chain.filters.iter().zip(states).rev() {
            if matches!(state, State::Off) {
                continue;
            }
            let reroute = &mut false;
            let mut cx = Context {
                chain,
                slot: filter.slot,
                routed: *routed,
                around: *around,
                info,
                reroute,
            };
            filter.kind.encode(response, state, &mut cx).await?;
        }
        Ok(())
    }

    /// What must last as long as the stream.
    pub fn leave(self) -> Remains {
        Remains(self.states)
    }
}

// === impl Context ===

impl<'a> Context<'_, 'a> {
    /// What the levels of the route table say to this filter, the most specific first.
    fn overrides(&self) -> impl DoubleEndedIterator<Item = &'a Override> + use<'a> {
        let (chain, levels) = (self.chain, self.routed.map(|routed| routed.levels));
        let said = levels.zip(self.slot).map(|(levels, slot)| {
            levels.all(slot).filter_map(move |setting| match setting {
                FilterSetting::Config(number) => chain.overrides[number as usize].as_ref(),
                FilterSetting::Disabled | FilterSetting::Enabled => None,
            })
        });
        said.into_iter().flatten()
    }
}
