//! Routes that answer themselves: redirects, direct responses, and virtual hosts that want TLS.

use http::{HeaderValue, StatusCode};

use crate::message::local_reply::LocalReply;
use crate::route::{DirectResponse, Head, Redirect, Route, location_of, location_of_tls, new_path};

use super::Router;

// === impl Router ===

impl Router {
    /// Sends the client elsewhere. What the redirect made of the path is told too, since logs show it.
    pub(super) fn redirect(
        &self,
        redirect: &Redirect,
        route: &Route,
        head: &Head<'_>,
    ) -> (LocalReply, Option<Vec<u8>>) {
        let rewritten =
            redirect.path_rewrite.as_ref().and_then(|rewrite| new_path(rewrite, route, head));
        let path = rewritten.as_deref().unwrap_or_else(|| target(head));
        let location = location_of(redirect, head, path);
        (self.answer(status(redirect.status), location), rewritten)
    }

    /// Sends the client to the same place by TLS.
    pub(super) fn require_tls(&self, head: &Head<'_>) -> LocalReply {
        self.answer(StatusCode::MOVED_PERMANENTLY, location_of_tls(head))
    }

    /// Answers as the route says.
    pub(super) fn direct_response(&self, response: &DirectResponse, head: &Head<'_>) -> LocalReply {
        let status = status(response.status);
        // Of what is elsewhere, or new, Envoy says that it is here, whether the route wants that or not.
        let location = if status == StatusCode::CREATED || status.is_redirection() {
            location_of(&Redirect::default(), head, target(head))
        } else {
            Vec::new()
        };
        self.answer(status, location).with_body(response.body.clone())
    }

    fn answer(&self, status: StatusCode, location: Vec<u8>) -> LocalReply {
        self.stats.rq_direct_response.inc();
        let mut reply = LocalReply::direct_response(status);
        if !location.is_empty() {
            // Host and path of a request, and what a file may say, are fit for a header.
            reply.location = HeaderValue::from_maybe_shared(bytes::Bytes::from(location)).ok();
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
