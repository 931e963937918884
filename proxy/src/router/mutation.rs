//! What a route does to the headers of its responses.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};

use crate::message::{Response, hop_by_hop};
use crate::route::{HeaderParsers, RequestNotes};
use crate::stream_info::StreamInfo;

/// Changes the headers of what an upstream answered.
pub(super) fn change_response(
    parsers: &HeaderParsers,
    notes: RequestNotes,
    response: &mut Response,
    info: &mut StreamInfo,
) {
    if parsers.changes_responses() {
        info.response_code = Some(response.status().as_u16());
        parsers.change_response(response, info, notes);
        hop_by_hop::strip_changed(response.headers_mut(), info.protocol);
    }
}

/// Changes the headers of a reply of our own. What describes its body is added after the changes, as in Envoy: the
/// length always, the type where they left none.
pub(super) fn change_reply(
    parsers: &HeaderParsers,
    notes: RequestNotes,
    mut reply: Response,
    info: &StreamInfo,
) -> Response {
    if parsers.changes_responses() {
        let headers = reply.headers_mut();
        let length = headers.remove(CONTENT_LENGTH);
        let kind = headers.remove(CONTENT_TYPE);
        parsers.change_response(&mut reply, info, notes);
        let headers = reply.headers_mut();
        hop_by_hop::strip_changed(headers, info.protocol);
        // A reply without a body is of no type, whatever was added.
        match kind {
            Some(kind) => drop(headers.entry(CONTENT_TYPE).or_insert(kind)),
            None => drop(headers.remove(CONTENT_TYPE)),
        }
        if let Some(length) = length {
            headers.insert(CONTENT_LENGTH, length);
        }
    }
    reply
}
