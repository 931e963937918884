//! What all levels above a request's route do to its headers, and to those of its response.

use std::sync::Arc;

use crate::config::headers::HeaderMutations;
use crate::formatter::Notes;
use crate::message::header_parser::HeaderParser;
use crate::message::mirror::Mirror;
use crate::message::{Request, Response};
use crate::stream_info::StreamInfo;

/// The changes that the requests of a route meet, in the order in which they are made. With none it is two empty slices.
#[derive(Debug, Default)]
pub struct HeaderParsers {
    request: Box<[Arc<HeaderParser>]>,
    response: Box<[Arc<HeaderParser>]>,
}

/// What the changes of a response print of its request.
#[derive(Debug, Default)]
pub struct RequestNotes(Vec<Notes>);

/// The changes of one level.
#[derive(Clone, Debug, Default)]
pub(super) struct Level {
    request: Option<Arc<HeaderParser>>,
    response: Option<Arc<HeaderParser>>,
}

/// The levels above a route.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels {
    /// `most_specific_header_mutations_wins`.
    pub(super) most_specific_wins: bool,
    pub(super) table: Level,
    pub(super) virtual_host: Level,
    /// `request_mirror_policies` of the table.
    pub(super) mirrors: Option<Arc<[Mirror]>>,
}

// === impl HeaderParsers ===

impl HeaderParsers {
    /// Changes a request's headers.
    pub fn change_request(&self, request: &mut Request, info: &StreamInfo) {
        for parser in &self.request {
            parser.change_request(request, info);
        }
    }

    /// Notes what the response's changes will print of its request.
    pub fn note_request(&self, request: &Request) -> RequestNotes {
        let note = |parser: &Arc<HeaderParser>| {
            let mut notes = Notes::default();
            parser.note_request(request, &mut notes);
            notes
        };
        RequestNotes(self.response.iter().map(note).collect())
    }

    /// Whether there is anything to do with requests.
    pub fn changes_requests(&self) -> bool {
        !self.request.is_empty()
    }

    /// Whether there is anything to do with responses.
    pub fn changes_responses(&self) -> bool {
        !self.response.is_empty()
    }

    /// Changes a response's headers.
    pub fn change_response(
        &self,
        response: &mut Response,
        info: &StreamInfo,
        mut notes: RequestNotes,
    ) {
        for (parser, notes) in self.response.iter().zip(&mut notes.0) {
            parser.change_response(response, info, notes);
        }
    }
}

// === impl Level ===

impl Level {
    pub(super) fn new(config: &HeaderMutations) -> Self {
        Self {
            request: HeaderParser::new(&config.request),
            response: HeaderParser::new(&config.response),
        }
    }
}

// === impl Levels ===

impl Levels {
    /// What a route meets. Who changes last wins; a weighted cluster's own changes always come first, as in Envoy.
    pub(super) fn parsers(&self, route: &Level, cluster: Option<&Level>) -> HeaderParsers {
        let of = |part: fn(&Level) -> &Option<Arc<HeaderParser>>| {
            let mut above = [part(route), part(&self.virtual_host), part(&self.table)];
            if self.most_specific_wins {
                above.reverse();
            }
            let all = cluster.map(part).into_iter().chain(above);
            all.flatten().cloned().collect()
        };
        HeaderParsers { request: of(|level| &level.request), response: of(|level| &level.response) }
    }
}
