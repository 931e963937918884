//! Routes that answer themselves: redirects, direct responses, and virtual hosts that want TLS.

use http::{HeaderValue, StatusCode};

use crate::config::route::PathRewrite;
use crate::message::local_reply::LocalReply;
use crate::route::{DirectResponse, Head, Redirect, Route, location_of, location_of_tls, new_path};

use crate::stream_info::StreamInfo;

use super::Router;

// === impl Router ===

impl Router {
    /// Sends the client elsewhere. What the redirect made of the path is told too, since logs show it.
    pub(super) fn redirect(
        &self,
        redirect: &Redirect,
        route: &Route,
        head: &Head<'_>,
        info: &StreamInfo,
    ) -> (LocalReply, Option<Vec<u8>>) {
        let rewrite = redirect.path_rewrite.as_ref();
        let rewritten = rewrite.and_then(|rewrite| new_path(rewrite, route, head, info));
        let path = rewritten.as_deref().unwrap_or_else(|| target(head));
        let location = location_of(redirect, head, path);
        // Of what a format made logs do not hear.
        let shown = rewritten.filter(|_| !matches!(rewrite, Some(PathRewrite::Format(_))));
        (self.answer(status(redirect.status), location), shown)
    }

    /// Sends the client to the same place by TLS.
    pub(super) fn require_tls(&self, head: &Head<'_>) -> LocalReply {
        self.answer(StatusCode::MOVED_PERMANENTLY, location_of_tls(head))
    }

    /// Answers as the route says.
    pub(super) fn direct_response(
        &self,
        response: &DirectResponse,
        head: &Head<'_>,
        info: &StreamInfo,
    ) -> LocalReply {
        let status = status(response.status);
        // Of what is elsewhere, or new, Envoy says that it is here, whether the route wants that or not.
        let location = if status == StatusCode::CREATED || status.is_redirection() {
            location_of(&Redirect::default(), head, target(head))
        } else {
            Vec::new()
        };
        let (body, kind) = response.body(head, info);
        let mut reply = self.answer(status, location).with_body(body);
        reply.content_type = kind.cloned();
        reply
    }

    fn answer(&self, status: StatusCode, location: Vec<u8>) -> LocalReply {
        self.stats.rq_direct_response.inc();
        let mut reply = LocalReply::direct_response(status);
        if !location.is_empty() {
            // Host and path of a request, and what a file may say, are fit for a header.
            let location = HeaderValue::from_maybe_shared(bytes::Bytes::from(location)).ok();
            reply.location = location.map(Box::new);
        }
        reply
    }
}

fn target<'h>(head: &Head<'h>) -> &'h [u8] {
    head.target().as_bytes()
}

/// The loader lets only statuses from 200 to 599 through.
fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::OK)
}
