//! Routes that answer themselves: redirects, direct responses, and virtual hosts that want TLS.

use http::{HeaderValue, StatusCode};

use crate::message::Response;
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
        info: &mut StreamInfo,
    ) -> (Response, Option<Vec<u8>>) {
        let rewritten =
            redirect.path_rewrite.as_ref().and_then(|rewrite| new_path(rewrite, route, head));
        let path = rewritten.as_deref().unwrap_or_else(|| target(head));
        let location = location_of(redirect, head, path);
        let reply = LocalReply::direct_response(status(redirect.status));
        (self.answer(reply, location, info), rewritten)
    }

    /// Sends the client to the same place by TLS.
    pub(super) fn require_tls(&self, head: &Head<'_>, info: &mut StreamInfo) -> Response {
        let reply = LocalReply::direct_response(StatusCode::MOVED_PERMANENTLY);
        self.answer(reply, location_of_tls(head), info)
    }

    /// Answers as the route says.
    pub(super) fn direct_response(
        &self,
        head: &Head<'_>,
        response: &DirectResponse,
        info: &mut StreamInfo,
    ) -> Response {
        let status = status(response.status);
        let reply = LocalReply::direct_response(status).with_body(response.body.clone());
        // What is elsewhere, or new, is here: Envoy says so whether the route wants it or not.
        let location = match status {
            StatusCode::CREATED => location_of(&Redirect::default(), head, target(head)),
            status if status.is_redirection() => {
                location_of(&Redirect::default(), head, target(head))
            }
            _ => Vec::new(),
        };
        self.answer(reply, location, info)
    }

    fn answer(&self, mut reply: LocalReply, location: Vec<u8>, info: &mut StreamInfo) -> Response {
        self.stats.rq_direct_response.inc();
        if !location.is_empty() {
            // Host and path of a request, and what a file may say, are fit for a header.
            reply.location = HeaderValue::from_maybe_shared(bytes::Bytes::from(location)).ok();
        }
        reply.into_response(info)
    }
}

fn target<'h>(head: &Head<'h>) -> &'h [u8] {
    head.target().as_bytes()
}

/// The loader lets only statuses from 200 to 599 through.
fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::OK)
}
