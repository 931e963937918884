//! `/echo`: what arrived here, described as JSON or returned as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Version};
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::BodyExt as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::Service;
use crate::error::Error;

/// The longest body that the description repeats, in bytes; a longer one is told by length and digest, so that the
/// memory of a request is bounded whatever is sent.
pub(crate) const MAX_SHOWN_BODY: usize = 1024 * 1024;

/// A header's or trailer's values by name, in the order of arrival.
type Fields = BTreeMap<String, Vec<String>>;

/// A request as it arrived.
#[derive(Serialize)]
pub(crate) struct Described {
    /// The instance that answers: `SERVICE_NAME`.
    service: String,
    method: String,
    /// Path and query.
    path: String,
    /// `HTTP/1.1` or `HTTP/1.0`.
    http_version: &'static str,
    headers: Fields,
    #[serde(flatten)]
    body: ReceivedBody,
    trailers: Fields,
}

/// A body as it arrived.
#[derive(Serialize)]
struct ReceivedBody {
    /// The body, when it is UTF-8 and not longer than [`MAX_SHOWN_BODY`].
    body: Option<String>,
    /// The body in base64, when it is not UTF-8 and not longer than [`MAX_SHOWN_BODY`].
    body_base64: Option<String>,
    body_length: u64,
    /// Lower-case hexadecimal digits.
    body_sha256: String,
}

/// Collects a body as its frames arrive.
#[derive(Default)]
struct Collector {
    /// The beginning of the body, until it turns out to be too long to repeat.
    shown: Vec<u8>,
    length: u64,
    digest: Sha256,
    trailers: Fields,
}

/// Answers with a description of the request.
pub(crate) async fn described(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Json<Described>, Error> {
    let (head, mut body) = request.into_parts();
    let mut collector = Collector::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|cause| Error::Body { reason: cause.to_string() })?;
        match frame.into_data() {
            Ok(data) => collector.push(&data),
            Err(frame) => {
                collector.trailers.extend(frame.trailers_ref().map(fields).unwrap_or_default())
            }
        }
    }
    let path = head.uri.path_and_query().map_or("/", |whole| whole.as_str()).to_owned();
    let (body, trailers) = collector.finish();
    Ok(Json(Described {
        service: service.name.clone(),
        method: head.method.to_string(),
        path,
        http_version: version_name(head.version),
        headers: fields(&head.headers),
        body,
        trailers,
    }))
}

/// Answers with the request's own body, byte for byte as it arrives, under the request's own content type.
pub(crate) async fn returned(mut request: Request) -> Response {
    let content_type = request.headers_mut().remove(CONTENT_TYPE);
    let mut response = Response::new(Body::new(request.into_body()));
    if let Some(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

fn fields(map: &HeaderMap) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in map {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        fields.entry(name.as_str().to_owned()).or_default().push(value);
    }
    fields
}

fn version_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}

// === impl Collector ===

impl Collector {
    fn push(&mut self, data: &[u8]) {
        self.length += data.len() as u64;
        self.digest.update(data);
        if self.length <= MAX_SHOWN_BODY as u64 {
            self.shown.extend_from_slice(data);
        } else {
            self.shown = Vec::new();
        }
    }

    fn finish(self) -> (ReceivedBody, Fields) {
        let digest = self.digest.finalize();
        let shown = (self.length <= MAX_SHOWN_BODY as u64).then_some(self.shown);
        let (body, body_base64) = match shown.map(String::from_utf8) {
            None => (None, None),
            Some(Ok(text)) => (Some(text), None),
            Some(Err(bytes)) => (None, Some(BASE64_STANDARD.encode(bytes.as_bytes()))),
        };
        let body_sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        (ReceivedBody { body, body_base64, body_length: self.length, body_sha256 }, self.trailers)
    }
}
