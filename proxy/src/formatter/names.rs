//! What the formats print of the heads of a stream, and its safe-keeping until the stream ends.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, request};

/// Where the scheme stands once a request's URI is a path alone.
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Everything that some formats print of heads, each thing once.
#[derive(Debug, Default)]
pub struct Names {
    request: Known<Field>,
    response: Known<HeaderName>,
    trailers: Known<HeaderName>,
}

/// Different things in the order in which they were first named. A file may name as many as it has room for.
#[derive(Debug)]
struct Known<T> {
    list: Vec<T>,
    places: HashMap<T, usize>,
}

/// What was noted of one stream's heads. An empty one takes no memory.
#[derive(Debug, Default)]
pub struct Notes {
    request: Vec<Option<HeaderValue>>,
    response: Vec<Option<HeaderValue>>,
    trailers: Vec<Option<HeaderValue>>,
    /// What filters asked of the request's head, and whether it is so.
    met: Vec<bool>,
    /// The status of a response whose head is still being changed.
    pub(super) status: Option<u16>,
    /// The body of a reply of our own that is being changed.
    pub(super) local_reply_body: Bytes,
}

/// Part of a request's head.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Field {
    Method,
    Path,
    Authority,
    Scheme,
    Header(HeaderName),
}

/// Where something is in the notes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// Of the request's head.
    Request(usize),
    /// Of the response's head.
    Response(usize),
    /// Of the response's trailers.
    Trailers(usize),
}

// === impl Names ===

impl Names {
    pub(super) fn request(&mut self, field: Field) -> Place {
        Place::Request(self.request.index(field))
    }

    /// Has a request's header noted.
    pub fn request_header(&mut self, name: HeaderName) -> Place {
        self.request(Field::Header(name))
    }

    /// Has a response's header noted.
    pub fn response(&mut self, name: HeaderName) -> Place {
        Place::Response(self.response.index(name))
    }

    /// Has a response's trailer noted.
    pub fn trailer(&mut self, name: HeaderName) -> Place {
        Place::Trailers(self.trailers.index(name))
    }

    /// Notes what the formats print of a request's head, as it is then.
    pub fn note_request(&self, notes: &mut Notes, head: &request::Parts) {
        self.note(notes, &head.method, &head.uri, &head.headers);
    }

    /// The same, of a head in its parts.
    pub fn note(&self, notes: &mut Notes, method: &Method, uri: &Uri, headers: &HeaderMap) {
        notes.request.clear();
        notes.request.extend(self.request.list.iter().map(|field| field.of(method, uri, headers)));
    }

    /// Notes what the formats print of a response's head, as it is then.
    pub fn note_response(&self, notes: &mut Notes, headers: &HeaderMap) {
        note(&mut notes.response, &self.response.list, headers);
    }

    /// Notes what the formats print of a response's trailers.
    pub fn note_trailers(&self, notes: &mut Notes, trailers: &HeaderMap) {
        note(&mut notes.trailers, &self.trailers.list, trailers);
    }
}

// === impl Known ===

impl<T: Clone + Eq + Hash> Known<T> {
    fn index(&mut self, item: T) -> usize {
        *self.places.entry(item).or_insert_with_key(|item| {
            self.list.push(item.clone());
            self.list.len() - 1
        })
    }
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { list: Vec::new(), places: HashMap::new() }
    }
}

// === impl Notes ===

impl Notes {
    /// Notes the status of a response whose head is still being changed.
    pub fn note_status(&mut self, status: StatusCode) {
        self.status = Some(status.as_u16());
    }

    /// Notes the body of a reply of our own that is being changed.
    pub fn note_local_reply_body(&mut self, body: Bytes) {
        self.local_reply_body = body;
    }

    /// Notes which of some conditions the request's head meets.
    pub fn note_met(&mut self, met: impl Iterator<Item = bool>) {
        self.met.clear();
        self.met.extend(met);
    }

    /// Whether the head meets the condition at that place of the list.
    pub fn is_met(&self, place: usize) -> bool {
        self.met.get(place).is_some_and(|met| *met)
    }

    /// What was noted there.
    pub fn get(&self, place: Place) -> Option<&HeaderValue> {
        let (noted, index) = match place {
            Place::Request(index) => (&self.request, index),
            Place::Response(index) => (&self.response, index),
            Place::Trailers(index) => (&self.trailers, index),
        };
        noted.get(index)?.as_ref()
    }
}

// === impl Field ===

impl Field {
    /// Of several fields with one name, the first, as in Envoy.
    fn of(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<HeaderValue> {
        match self {
            Self::Method => text(method.as_str()),
            Self::Path => uri.path_and_query().and_then(|path| text(path.as_str())),
            Self::Authority => match uri.authority() {
                Some(authority) => text(authority.as_str()),
                None => headers.get(header::HOST).cloned(),
            },
            Self::Scheme => match uri.scheme_str() {
                Some(scheme) => text(scheme),
                None => {
                    let forwarded = headers.get(X_FORWARDED_PROTO).cloned();
                    Some(forwarded.unwrap_or(HeaderValue::from_static("http")))
                }
            },
            Self::Header(name) => headers.get(name).cloned(),
        }
    }
}

fn note(noted: &mut Vec<Option<HeaderValue>>, names: &[HeaderName], headers: &HeaderMap) {
    noted.clear();
    noted.extend(names.iter().map(|name| headers.get(name).cloned()));
}

/// What stands in a URI or a method is fit for a header's value.
fn text(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok()
}

/// A path without its query, and the query.
pub(super) fn split_query(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match path.iter().position(|byte| *byte == b'?') {
        Some(at) => (&path[..at], Some(&path[at + 1..])),
        None => (path, None),
    }
}

/// A parameter's value in a query, as it was sent; none if it has no such parameter.
pub(super) fn query_param<'a>(query: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    query.split(|byte| *byte == b'&').find_map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let found = halves.next().is_some_and(|key| key == name.as_bytes());
        found.then(|| Cow::Borrowed(halves.next().unwrap_or_default()))
    })
}
