//! What a route table looks at in a request.

use std::cell::OnceCell;

use http::header::COOKIE;
use http::uri::Scheme;
use http::{HeaderMap, Method, Uri};

use crate::base::random;
use crate::config::matcher::HeaderField;
use crate::config::route::TlsMatch;
use crate::message::{Request, grpc, headers};
use crate::stream_info::Tls;

/// A request's head, borrowed, with the random number that decides what is left to chance.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// The host that the request is for, with its port if it was said.
    pub host: &'a str,
    /// The path without its query.
    pub path: &'a str,
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    /// The scheme that the client said, where it is not that of `x-forwarded-proto`.
    said: Option<&'a str>,
    random: OnceCell<u64>,
    /// The TLS that it came over, if it did.
    tls: Option<&'a Tls>,
}

// === impl Head ===

impl<'a> Head<'a> {
    /// The head of a request for that host.
    pub fn new(host: &'a str, request: &'a Request) -> Self {
        let said = request.extensions().get().map(Scheme::as_str);
        Self { said, ..Self::of(host, request.method(), request.uri(), request.headers()) }
    }

    /// A head of these parts; the URI is a path with its query.
    pub fn of(host: &'a str, method: &'a Method, uri: &'a Uri, headers: &'a HeaderMap) -> Self {
        let random = OnceCell::new();
        Self { host, path: uri.path(), method, uri, headers, said: None, random, tls: None }
    }

    /// The same head with this random number, which is otherwise made when it is first asked for.
    #[must_use]
    pub fn with_random(self, number: u64) -> Self {
        Self { random: OnceCell::from(number), ..self }
    }

    /// The same head that came over this TLS, if over any.
    #[must_use]
    pub fn with_tls(self, tls: Option<&'a Tls>) -> Self {
        Self { tls, ..self }
    }

    /// Whether it has come over TLS like this; without TLS nothing is presented.
    pub(super) fn has_come(&self, wanted: TlsMatch) -> bool {
        let presented = self.tls.is_some_and(|tls| tls.peer.is_some());
        let validated = self.tls.is_some_and(|tls| tls.validated);
        wanted.presented.is_none_or(|wanted| wanted == presented)
            && wanted.validated.is_none_or(|wanted| wanted == validated)
    }

    /// What decides what is left to chance: one number for all the decisions on a request, as in Envoy.
    pub fn random(&self) -> u64 {
        *self.random.get_or_init(random::number)
    }

    /// The path with its query.
    pub fn target(&self) -> &'a str {
        self.uri.path_and_query().map_or("/", |target| target.as_str())
    }

    /// The scheme: that of the URI, or what the last proxy said.
    pub fn scheme(&self) -> &'a str {
        let said = self.said.or_else(|| self.uri.scheme_str());
        said.unwrap_or_else(|| self.forwarded_proto().unwrap_or("http"))
    }

    /// `x-forwarded-proto`.
    pub fn forwarded_proto(&self) -> Option<&'a str> {
        self.headers.get(headers::X_FORWARDED_PROTO)?.to_str().ok()
    }

    /// Whether it is marked as coming from inside.
    pub fn is_internal(&self) -> bool {
        self.headers.get(headers::X_ENVOY_INTERNAL).is_some_and(|value| value == "true")
    }

    /// Whether it is a gRPC request.
    pub fn is_grpc(&self) -> bool {
        grpc::is_request(self.headers)
    }

    /// Its parts: method, path with query, headers.
    pub fn parts(&self) -> (&'a Method, &'a Uri, &'a HeaderMap) {
        (self.method, self.uri, self.headers)
    }

    /// Whether it is a CONNECT request.
    pub fn is_connect(&self) -> bool {
        self.method == Method::CONNECT
    }

    /// The values of a field, in their order.
    pub fn values(&self, field: &HeaderField) -> impl Iterator<Item = &'a [u8]> {
        let (one, name) = match field {
            HeaderField::Method => (Some(self.method.as_str()), None),
            HeaderField::Path => (Some(self.target()), None),
            HeaderField::Authority => (Some(self.host), None),
            HeaderField::Scheme => (Some(self.scheme()), None),
            HeaderField::Named(name) => (None, Some(name)),
            HeaderField::Impossible(_) => (None, None),
        };
        let named = name.map(|name| self.headers.get_all(name).iter());
        let named = named.into_iter().flatten().map(http::HeaderValue::as_bytes);
        one.map(str::as_bytes).into_iter().chain(named)
    }

    /// The first value of a field, if it is text.
    pub fn first(&self, field: &HeaderField) -> Option<&'a str> {
        std::str::from_utf8(self.values(field).next()?).ok()
    }

    /// The first value of a query parameter, as it stands in the URL.
    pub fn query(&self, name: &str) -> Option<&'a str> {
        let pairs = self.uri.query()?.split('&');
        let mut pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The first value of a cookie, without the quotes around it.
    pub fn cookie(&self, name: &str) -> Option<&'a [u8]> {
        let headers = self.headers.get_all(COOKIE).iter();
        let mut pairs = headers.flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
        pairs.find_map(|pair| {
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            let value = &pair[equals + 1..];
            let quoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
            let found = pair[..equals].trim_ascii_start() == name.as_bytes();
            found.then_some(quoted.unwrap_or(value))
        })
    }
}
