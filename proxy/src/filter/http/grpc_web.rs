//! `envoy.filters.http.grpc_web`: lets browsers call gRPC services. What comes after a response, they find in its body;
//! and where they cannot send or receive bytes, as base64.

mod base64;
mod trailers;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, TE};

use crate::config::http_filter::CountedMethods;
use crate::message::grpc::{self, GRPC_MESSAGE, GRPC_STATUS};
use crate::message::local_reply::LocalReply;
use crate::message::{Body, Request, Response};

use self::base64::Decoded;
use self::trailers::Encoded;
use super::gather::{Beyond, Gap, gather};
use super::grpc_calls::{CallStats, Calls};
use super::unsized_body::Unsized;
use super::{Context, Site};

/// How much of a response that is none of gRPC becomes its message; Envoy's.
const MOST_MESSAGE: usize = 16_384;

const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// The filter.
#[derive(Debug)]
pub(super) struct GrpcWeb {
    calls: Calls,
}

/// What is known of one call.
#[derive(Debug, Default)]
pub(super) struct Call(Option<Box<Web>>);

#[derive(Debug)]
struct Web {
    stats: Option<Arc<CallStats>>,
    /// Whether the client wants base64.
    text: bool,
    /// What is wrong with its request, if something is.
    malformed: Rc<Cell<Option<&'static str>>>,
}

/// What a type of content says.
fn is_web(kind: Option<&HeaderValue>) -> bool {
    let binary = ["application/grpc-web", "application/grpc-web+proto"];
    kind.is_some_and(|kind| binary.iter().any(|known| kind == known)) || is_text(kind)
}

fn is_text(kind: Option<&HeaderValue>) -> bool {
    let text = ["application/grpc-web-text", "application/grpc-web-text+proto"];
    kind.is_some_and(|kind| text.iter().any(|known| kind == known))
}

/// Whether a response is one that a browser understands as it is.
fn is_web_response(response: &Response) -> bool {
    let Some(kind) = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok())
    else {
        return false;
    };
    let kind = kind.split(';').next().unwrap_or_default().trim_end();
    let known = ["application/grpc-web", "application/grpc-web+proto"];
    response.status() == http::StatusCode::OK
        && known.iter().any(|known| kind.eq_ignore_ascii_case(known))
}

// === impl GrpcWeb ===

impl GrpcWeb {
    pub(super) fn new(site: Site<'_>) -> Self {
        let methods = CountedMethods::All { replace_dots: false };
        Self { calls: Calls::new((site.root, site.clusters), "grpc-web", methods) }
    }

    pub(super) fn decode(&self, request: &mut Request, call: &mut Call, cx: &mut Context<'_, '_>) {
        let kind = request.headers().get(CONTENT_TYPE);
        if !is_web(kind) {
            return;
        }
        let decodes = is_text(kind);
        let cluster = cx.routed.and_then(|routed| routed.cluster);
        let stats = cluster.and_then(|cluster| self.calls.of(cluster, request.uri().path()));
        let text = is_text(request.headers().get(ACCEPT));
        let malformed = Rc::<Cell<_>>::default();
        let headers = request.headers_mut();
        headers.remove(CONTENT_LENGTH);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        cx.info.grpc_upstream = true;
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.entry(GRPC_ACCEPT_ENCODING).or_insert_with(|| HeaderValue::from_static("identity"));
        let body = std::mem::replace(request.body_mut(), Body::empty());
        *request.body_mut() = match decodes && !body.is_empty() {
            true => Body::wrapped(Box::pin(Decoded::new(body, malformed.clone()))),
            false => Unsized::of(body),
        };
        call.0 = Some(Box::new(Web { stats, text, malformed }));
    }

    /// The answer to a request that was to be base64 and is not.
    pub(super) fn refusal(call: &Call) -> Option<LocalReply> {
        call.0.as_ref()?.malformed.get().map(LocalReply::bad_grpc_web)
    }

    /// Makes a response what a browser understands.
    ///
    /// # Errors
    /// If it broke off before that was possible.
    pub(super) async fn encode(response: &mut Response, call: &Call) -> Result<(), Gap> {
        let Some(call) = &call.0 else { return Ok(()) };
        if let Some(stats) = &call.stats {
            stats.charge(response.headers());
        }
        let foreign = !grpc::is_response(response) && !is_web_response(response);
        let kind = if call.text {
            "application/grpc-web-text+proto"
        } else {
            "application/grpc-web+proto"
        };
        let headers = response.headers_mut();
        headers.remove(CONTENT_LENGTH);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if response.body().is_empty() {
            return Ok(());
        }
        if foreign {
            return explain(response, call).await;
        }
        let body = std::mem::replace(response.body_mut(), Body::empty());
        let encoded = Encoded::new(body, call.text, call.stats.clone());
        *response.body_mut() = Body::wrapped(Box::pin(encoded));
        Ok(())
    }
}

/// Puts the body of a response that is none of gRPC into its head, as what the call came to.
async fn explain(response: &mut Response, call: &Web) -> Result<(), Gap> {
    // A reply of our own is short, and said in whole.
    let most = match response.body().is_whole() {
        true => usize::MAX,
        false => MOST_MESSAGE,
    };
    let gathered = gather(response.body_mut(), most, Beyond::Drop).await?;
    if let (Some(stats), Some(trailers)) = (&call.stats, &gathered.trailers) {
        stats.charge(trailers);
    }
    let status = grpc::status_of(response.status().as_u16());
    *response.body_mut() = Body::empty();
    let headers = response.headers_mut();
    headers.insert(GRPC_MESSAGE, grpc::message(&gathered.concat()));
    headers.insert(GRPC_STATUS, HeaderValue::from(status));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
    Ok(())
}
