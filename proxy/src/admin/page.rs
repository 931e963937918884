//! An answer of the admin server.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::message::{Body, Response};

/// An answer: a status and a text of some type.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

// === impl Page ===

impl Page {
    pub(super) fn text(body: impl Into<String>) -> Self {
        Self::new("text/plain; charset=UTF-8", body)
    }

    pub(super) fn html(body: impl Into<String>) -> Self {
        Self::new("text/html; charset=UTF-8", body)
    }

    /// JSON that is written already.
    pub(super) fn json(body: impl Into<String>) -> Self {
        Self::new("application/json", body)
    }

    /// A message, written as Envoy writes its own: one blank for each level.
    pub(super) fn message(message: &impl Serialize) -> Self {
        let mut out = Vec::new();
        let pretty = PrettyFormatter::with_indent(b" ");
        match message.serialize(&mut Serializer::with_formatter(&mut out, pretty)) {
            Ok(()) => Self::json(String::from_utf8_lossy(&out).into_owned() + "\n"),
            Err(error) => Self::text(format!("{error}\n")).with(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    pub(super) fn ok() -> Self {
        Self::text("OK\n")
    }

    pub(super) fn bad_request(body: impl Into<String>) -> Self {
        Self::text(body).with(StatusCode::BAD_REQUEST)
    }

    pub(super) fn with(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(Body::full(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, max-age=0"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    fn new(content_type: &'static str, body: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, content_type, body: body.into() }
    }
}
