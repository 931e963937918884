//! `envoy.filters.http.buffer`: holds a request until it has come in whole.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;

use http::header::{CONTENT_LENGTH, HeaderValue};
use http_body::Body as _;

use crate::config::http_filter as config;
use crate::message::local_reply::LocalReply;
use crate::message::{Body, Request};
use crate::stream_info::Protocol;

use super::{Context, Flow, Override};

/// The filter.
#[derive(Debug)]
pub(super) struct Buffer {
    config: config::Buffer,
}

// === impl Buffer ===

impl Buffer {
    pub(super) fn new(config: config::Buffer) -> Self {
        Self { config }
    }

    pub(super) async fn decode(&self, request: &mut Request, cx: &Context<'_, '_>) -> Flow {
        let said = cx.overrides().find_map(|said| match said {
            Override::Buffer(config) => Some(*config),
            _ => None,
        });
        let Some(config) = said.unwrap_or(Some(self.config)) else { return Flow::Continue };
        if request.body().is_empty() {
            return Flow::Continue;
        }
        let body = std::mem::replace(request.body_mut(), Body::empty());
        let http2 = cx.info.protocol == Protocol::Http2;
        let most = config.max_request_bytes as usize;
        let Some((body, length)) = hold(body, most, http2).await else {
            return Flow::Reply(LocalReply::payload_too_large());
        };
        *request.body_mut() = body;
        request.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
        Flow::Continue
    }
}

/// All of a body, and its length; none if it is longer than that. Of one that broke off, what there is: nobody asks
/// for it any more.
async fn hold(mut body: Body, most: usize, http2: bool) -> Option<(Body, usize)> {
    let (mut chunks, mut length, mut trailers) = (VecDeque::new(), 0, None);
    while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        match frame.into_data() {
            Ok(data) => {
                length += data.len();
                // What comes with the end of an HTTP/2 request need not wait for it, so that there is room for it.
                if length > most && !(http2 && body.is_empty()) {
                    return None;
                }
                chunks.push_back(data);
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Some((Body::held(chunks, trailers), length))
}
