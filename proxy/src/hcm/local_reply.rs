//! Changes replies of our own on their way to the client, as `local_reply_config` says.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{StatusCode, request};

use crate::access_log::{Conditions, Filter};
use crate::config::local_reply as config;
use crate::config::substitution_format as format;
use crate::formatter::{Names, Notes};
use crate::message::header_parser::HeaderParser;
use crate::message::substitution_format::SubstitutionFormat;
use crate::message::{Body, Response};
use crate::stream_info::StreamInfo;

/// The type of a body that is text.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");

/// The type of a body that is JSON.
const JSON: &str = "application/json";

/// Everything that is done to replies.
#[derive(Debug)]
pub(super) struct LocalReplies {
    mappers: Vec<Mapper>,
    body_format: Option<SubstitutionFormat>,
    /// What all of it prints of heads.
    names: Names,
    /// What all of its filters ask of a request's head.
    conditions: Conditions,
}

/// What is done to some replies.
#[derive(Debug)]
struct Mapper {
    filter: Filter,
    status: Option<StatusCode>,
    body: Option<Bytes>,
    headers: Option<HeaderParser>,
    body_format: Option<SubstitutionFormat>,
}

// === impl LocalReplies ===

impl LocalReplies {
    /// None if replies stay as they are. The loader has checked the formats.
    pub(super) fn new(config: &config::LocalReplies) -> Option<Self> {
        if *config == config::LocalReplies::default() {
            return None;
        }
        let mut names = Names::default();
        let mut conditions = Conditions::default();
        // The loader has found what is wrong with any.
        let format = |format: &format::SubstitutionFormat, names: &mut Names| {
            SubstitutionFormat::new(format, names).ok()
        };
        let mappers = config.mappers.iter().map(|mapper| Mapper {
            filter: Filter::new(&mapper.filter, &mut names, &mut conditions),
            status: mapper.status.and_then(|status| StatusCode::from_u16(status).ok()),
            body: mapper.body.as_ref().map(|body| Bytes::from(body.clone())),
            headers: HeaderParser::with_names(&mapper.headers, &mut names),
            body_format: mapper.body_format.as_ref().and_then(|one| format(one, &mut names)),
        });
        let mappers = mappers.collect();
        let body_format = config.body_format.as_ref().and_then(|one| format(one, &mut names));
        Some(Self { mappers, body_format, names, conditions })
    }

    /// Notes what replies to a request will print of its head.
    pub(super) fn note(&self, head: &request::Parts) -> Box<Notes> {
        let mut notes = Box::<Notes>::default();
        self.names.note_request(&mut notes, head);
        self.conditions.note(&mut notes, head);
        notes
    }

    /// Changes a reply; `notes` are of its request.
    pub(super) fn rewrite(
        &self,
        mut reply: Response,
        info: &mut StreamInfo,
        notes: &mut Notes,
    ) -> Response {
        let headers = reply.headers_mut();
        // What describes the body is said of the new one. A route may have said its type.
        headers.remove(CONTENT_LENGTH);
        if headers.get(CONTENT_TYPE) == Some(&TEXT) {
            headers.remove(CONTENT_TYPE);
        }
        let mut kind = TEXT;
        let old = reply.body_mut().take_full();
        let mut body = old.clone();
        info.response_code = Some(reply.status().as_u16());
        notes.note_status(reply.status());
        self.names.note_response(notes, reply.headers());
        let mapper = self.mappers.iter().find(|mapper| mapper.filter.takes(info, notes));
        if let Some(mapper) = mapper {
            if let Some(parser) = &mapper.headers {
                self.names.note_response(notes, reply.headers());
                parser.change(reply.headers_mut(), info, notes);
            }
            if let Some(status) = mapper.status {
                *reply.status_mut() = status;
                info.response_code = Some(status.as_u16());
                notes.note_status(status);
            }
            if let Some(own) = &mapper.body {
                body = own.clone();
            }
        }
        let format = mapper.and_then(|mapper| mapper.body_format.as_ref());
        if let Some(format) = format.or(self.body_format.as_ref()) {
            self.names.note_response(notes, reply.headers());
            notes.note_local_reply_body(body);
            body = format.make(info, notes);
            if info.grpc && format.content_type == JSON {
                // What ends the line of a body is no part of a message.
                body.truncate(body.strip_suffix(b"\n").map_or(body.len(), <[u8]>::len));
            }
            kind = format.content_type.clone();
        }
        if !body.is_empty() {
            let headers = reply.headers_mut();
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            if body != old || kind != TEXT || !headers.contains_key(CONTENT_TYPE) {
                headers.insert(CONTENT_TYPE, kind);
            }
            *reply.body_mut() = Body::full(body);
        } else {
            reply.headers_mut().remove(CONTENT_TYPE);
        }
        reply
    }
}
