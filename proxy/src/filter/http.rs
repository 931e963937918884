//! The HTTP filter chain: requests pass its filters in order, responses in reverse.
//!
//! A filter that answers itself ends the request's way; its answer passes all filters, those behind it too, as in Envoy.
//! Each filter is a file of its own. Without filters there is no chain, and nothing of this is on a request's way.

mod buffer;
mod header_mutation;

use std::sync::Arc;

use crate::config::http_filter as config;
use crate::config::http_filter::PerRoute;
use crate::message::local_reply::LocalReply;
use crate::message::{Request, Response};
use crate::route::{FilterLevels, FilterSetting, FilterSlot, Table};
use crate::stats::Scope;
use crate::stream_info::StreamInfo;

use self::buffer::Buffer;
use self::header_mutation::{HeaderMutation, Mutations};

/// The filters of one connection manager, which all workers share.
#[derive(Debug)]
pub struct Chain {
    filters: Box<[Filter]>,
    /// What levels of the route table say, by the table's numbers; none for filters that the chain does not have.
    overrides: Box<[Option<Override>]>,
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
    HeaderMutation(HeaderMutation),
}

/// What a level of the route table says to a filter.
#[derive(Debug)]
enum Override {
    Buffer(Option<config::Buffer>),
    HeaderMutation(Mutations),
}

/// What a chain is made for.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The table that selects its requests' routes.
    pub table: &'a Table,
    /// `http.<stat_prefix>.`
    pub scope: &'a Scope,
}

/// What is known of a request that has met a route.
#[derive(Clone, Copy, Debug)]
pub struct Routed<'a> {
    /// What its route and the levels around that say to filters.
    pub levels: FilterLevels<'a>,
    /// The cluster that it goes to, if it goes to one.
    pub cluster: Option<&'a Arc<str>>,
}

/// One request on its way through a chain.
#[derive(Debug)]
pub struct Passage<'a> {
    chain: &'a Chain,
    routed: Option<Routed<'a>>,
    states: Box<[State]>,
}

/// What a filter remembers of a request.
#[derive(Debug)]
enum State {
    /// The filter does nothing with this request.
    Off,
    /// Nothing.
    On,
    HeaderMutation(header_mutation::Seen),
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
    info: &'c mut StreamInfo,
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
                kind: Kind::new(&filter.filter),
            })
            .collect();
        let overrides = table.configs().iter().map(|(slot, config)| {
            let known = filters.iter().any(|filter| filter.slot == Some(*slot));
            known.then(|| Override::new(config))
        });
        Some(Self { overrides: overrides.collect(), filters })
    }

    /// A request sets out.
    pub fn enter<'a>(&'a self, routed: Option<Routed<'a>>) -> Passage<'a> {
        let state = |filter: &Filter| match filter.is_enabled(routed.as_ref()) {
            true => State::On,
            false => State::Off,
        };
        Passage { chain: self, routed, states: self.filters.iter().map(state).collect() }
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
    fn new(config: &config::Filter) -> Self {
        match config {
            config::Filter::Buffer(config) => Self::Buffer(Buffer::new(*config)),
            config::Filter::HeaderMutation(config) => {
                Self::HeaderMutation(HeaderMutation::new(config))
            }
        }
    }

    async fn decode(&self, request: &mut Request, cx: &Context<'_, '_>) -> Flow {
        match self {
            Self::Buffer(filter) => filter.decode(request, cx).await,
            Self::HeaderMutation(filter) => {
                filter.decode(request, cx);
                Flow::Continue
            }
        }
    }

    /// The request's head is what it will be.
    fn see(&self, request: &Request, state: &mut State, cx: &Context<'_, '_>) {
        if let Self::HeaderMutation(filter) = self {
            *state = State::HeaderMutation(filter.see(request, cx));
        }
    }

    fn encode(&self, response: &mut Response, state: &mut State, cx: &mut Context<'_, '_>) {
        match self {
            Self::Buffer(_) => {}
            Self::HeaderMutation(filter) => {
                let seen = match state {
                    State::HeaderMutation(seen) => Some(seen),
                    _ => None,
                };
                filter.encode(response, seen, cx);
            }
        }
    }
}

// === impl Override ===

impl Override {
    fn new(config: &PerRoute) -> Self {
        match config {
            PerRoute::Buffer(config) => Self::Buffer(*config),
            PerRoute::HeaderMutation(config) => Self::HeaderMutation(Mutations::new(config)),
        }
    }
}

// === impl Passage ===

impl Passage<'_> {
    /// Lets all filters see the request.
    ///
    /// # Errors
    /// The answer of the filter that answers it.
    pub async fn decode(
        &mut self,
        request: &mut Request,
        info: &mut StreamInfo,
    ) -> Result<(), LocalReply> {
        let Self { chain, routed, states } = self;
        for (filter, state) in chain.filters.iter().zip(states) {
            if matches!(state, State::Off) {
                continue;
            }
            let cx = Context { chain, slot: filter.slot, routed: *routed, info };
            if let Flow::Reply(reply) = filter.kind.decode(request, &cx).await {
                return Err(reply);
            }
        }
        Ok(())
    }

    /// Lets all filters see what became of the request's head.
    pub fn see(&mut self, request: &Request, info: &mut StreamInfo) {
        let Self { chain, routed, states } = self;
        for (filter, state) in chain.filters.iter().zip(states) {
            if !matches!(state, State::Off) {
                let cx = Context { chain, slot: filter.slot, routed: *routed, info };
                filter.kind.see(request, state, &cx);
            }
        }
    }

    /// Lets all filters see the response.
    pub fn encode(&mut self, response: &mut Response, info: &mut StreamInfo) {
        let Self { chain, routed, states } = self;
        for (filter, state) in chain.filters.iter().zip(states).rev() {
            if matches!(state, State::Off) {
                continue;
            }
            let mut cx = Context { chain, slot: filter.slot, routed: *routed, info };
            filter.kind.encode(response, state, &mut cx);
        }
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
