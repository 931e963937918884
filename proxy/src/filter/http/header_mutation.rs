//! `envoy.filters.http.header_mutation`: changes headers, by the filter and by all levels of the route table.

use crate::config::http_filter as config;
use crate::formatter::Notes;
use crate::message::mutation::Mutation;
use crate::message::{Request, Response, hop_by_hop};

use super::{Context, Override};

/// The filter.
#[derive(Debug)]
pub(super) struct HeaderMutation {
    mutations: Mutations,
    most_specific_wins: bool,
}

/// The changes of one level.
#[derive(Debug)]
pub(super) struct Mutations {
    request: Box<[Mutation]>,
    response: Box<[Mutation]>,
}

/// What the changes of a response print of its request, in their order.
#[derive(Debug, Default)]
pub(super) struct Seen(Vec<Notes>);

// === impl HeaderMutation ===

impl HeaderMutation {
    pub(super) fn new(config: &config::HeaderMutation) -> Self {
        Self {
            mutations: Mutations::new(&config.mutations),
            most_specific_wins: config.most_specific_wins,
        }
    }

    pub(super) fn decode(&self, request: &mut Request, cx: &Context<'_, '_>) {
        let mut changed = false;
        for mutation in self.levels(cx).flat_map(|level| &level.request) {
            changed = true;
            mutation.change_request(request, cx.info);
        }
        if changed {
            // Only a connection may say them, whatever was added.
            hop_by_hop::strip_response(request.headers_mut());
        }
    }

    /// Notes what the changes of the response will print of its request.
    pub(super) fn see(&self, request: &Request, cx: &Context<'_, '_>) -> Seen {
        let responses = self.levels(cx).flat_map(|level| &level.response);
        let appends = responses.filter_map(Mutation::parser).map(|parser| {
            let mut notes = Notes::default();
            parser.note_request(request, &mut notes);
            notes
        });
        Seen(appends.collect())
    }

    pub(super) fn encode(
        &self,
        response: &mut Response,
        seen: Option<&mut Seen>,
        cx: &mut Context<'_, '_>,
    ) {
        cx.info.response_code = Some(response.status().as_u16());
        let mut none = Seen::default();
        let mut seen = seen.unwrap_or(&mut none).0.iter_mut();
        let mut changed = false;
        for mutation in self.levels(cx).flat_map(|level| &level.response) {
            changed = true;
            let Some(parser) = mutation.parser() else {
                mutation.remove(response.headers_mut());
                continue;
            };
            // Of a request that was refused before it came here nothing is known.
            let mut nothing = Notes::default();
            let notes = seen.next().unwrap_or(&mut nothing);
            parser.change_response(response, cx.info, notes);
        }
        if changed {
            hop_by_hop::strip_changed(response.headers_mut(), cx.info.protocol);
        }
    }

    /// What is done, in this order; who comes last wins.
    fn levels<'a>(&'a self, cx: &Context<'_, 'a>) -> impl Iterator<Item = &'a Mutations> + use<'a> {
        let mut levels = cx.overrides();
        let last = self.most_specific_wins;
        let of_routes =
            std::iter::from_fn(move || if last { levels.next_back() } else { levels.next() });
        let of_routes = of_routes.filter_map(|said| match said {
            Override::HeaderMutation(mutations) => Some(mutations),
            _ => None,
        });
        std::iter::once(&self.mutations).chain(of_routes)
    }
}

// === impl Mutations ===

impl Mutations {
    pub(super) fn new(config: &config::Mutations) -> Self {
        let all = |list: &[config::Mutation]| list.iter().filter_map(Mutation::new).collect();
        Self { request: all(&config.request), response: all(&config.response) }
    }
}
