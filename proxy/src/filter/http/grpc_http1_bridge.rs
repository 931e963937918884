//! `envoy.filters.http.grpc_http1_bridge`: lets HTTP/1.1 clients call gRPC services, with the status of the call in the
//! head of the response, which waits for it.

mod framed;

use std::cell::Cell;
use std::rc::Rc;

use crate::config::http_filter as config;
use crate::message::grpc::{self, GRPC_MESSAGE, GRPC_STATUS, PREFIX};
use crate::message::local_reply::LocalReply;
use crate::message::{Body, Request, Response};
use crate::stream_info::Protocol;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::uri::{PathAndQuery, Uri};

use self::framed::Framed;
use super::gather::{Beyond, Gap, Gathered, gather};
use super::unsized_body::Unsized;
use super::{Context, Site};

/// The filter.
#[derive(Debug)]
pub(super) struct GrpcHttp1Bridge {
    config: config::GrpcHttp1Bridge,
    /// How much of a body may be held.
    most: usize,
}

/// What is done with one request.
#[derive(Debug, Default)]
pub(super) struct Bridged {
    /// Its client speaks HTTP/1.
    bridges: bool,
    /// It was a message without a frame.
    frames: bool,
    /// It was too long.
    too_long: Rc<Cell<bool>>,
}

// === impl GrpcHttp1Bridge ===

impl GrpcHttp1Bridge {
    pub(super) fn new(config: config::GrpcHttp1Bridge, site: Site<'_>) -> Self {
        Self { config, most: site.buffer_limit as usize }
    }

    pub(super) fn decode(
        &self,
        request: &mut Request,
        bridged: &mut Bridged,
        cx: &mut Context<'_, '_>,
    ) {
        let headers = request.headers_mut();
        let bare = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/x-protobuf");
        if bare && self.config.upgrade_protobuf {
            bridged.frames = true;
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.remove(CONTENT_LENGTH);
            *cx.reroute = true;
            cx.info.grpc_upstream = true;
        }
        let http1 = cx.info.protocol != Protocol::Http2;
        bridged.bridges = http1 && grpc::is_request(request.headers());
        if !bridged.bridges {
            return;
        }
        if self.config.ignore_query && request.uri().query().is_some() {
            drop_query(request);
        }
        if bridged.frames && !request.body().is_empty() {
            let body = std::mem::replace(request.body_mut(), Body::empty());
            let framed = Framed::new(body, self.most, bridged.too_long.clone());
            *request.body_mut() = Body::wrapped(Box::pin(framed));
        }
    }

    /// The answer to a request that was longer than may be held.
    pub(super) fn refusal(bridged: &Bridged) -> Option<LocalReply> {
        bridged.too_long.get().then(LocalReply::payload_too_large)
    }

    /// Holds the response until the status of the call is known.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) async fn encode(
        &self,
        response: &mut Response,
        bridged: &Bridged,
    ) -> Result<(), Gap> {
        if !bridged.bridges || response.body().is_empty() {
            return Ok(());
        }
        let mut gathered = gather(response.body_mut(), self.most, Beyond::Refuse).await?;
        let Some(trailers) = gathered.trailers.take() else {
            *response.body_mut() = Unsized::of(Body::held(gathered.chunks, None));
            return Ok(());
        };
        if bridged.frames {
            gathered.skip(PREFIX);
        }
        conclude(response, trailers, gathered);
        Ok(())
    }
}

/// Puts into the head what came after the body. Filters before this one see both.
fn conclude(response: &mut Response, trailers: HeaderMap, gathered: Gathered) {
    if let Some(status) = trailers.get(GRPC_STATUS) {
        if !is_zero(status) {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response.headers_mut().insert(GRPC_STATUS, status.clone());
    }
    if let Some(message) = trailers.get(GRPC_MESSAGE) {
        response.headers_mut().insert(GRPC_MESSAGE, message.clone());
    }
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(gathered.length));
    *response.body_mut() = Body::held(gathered.chunks, Some(trailers));
}

/// Whether it is the number 0, in as many digits as it likes.
fn is_zero(status: &HeaderValue) -> bool {
    status.to_str().is_ok_and(|text| text.trim().parse() == Ok(0_u64))
}

fn drop_query(request: &mut Request) {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    let path = parts.path_and_query.as_ref().map_or("/", PathAndQuery::path);
    parts.path_and_query = PathAndQuery::try_from(path).ok();
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
}
