//! gRPC as far as a proxy must know it: which requests are gRPC, and how they are told of a failure.

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::{Body, Response};

/// The status of a call.
pub const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// What the status means in words, percent-encoded.
pub const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// The largest status of the specification.
const MOST_STATUS: u32 = 16;

/// The status of a call that nobody told.
pub const UNKNOWN: u32 = 2;

/// The type of its messages.
const GRPC: &[u8] = b"application/grpc";

/// Whether a request with these headers is gRPC: its content is of the type `application/grpc`, or of one that begins
/// with that and a plus sign. gRPC-Web is another protocol.
pub fn is_request(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return false };
    let rest = kind.as_bytes().strip_prefix(GRPC);
    rest.is_some_and(|rest| matches!(rest, [] | [b'+', ..]))
}

/// Makes a reply of ours what a gRPC client understands: 200 with the status of the call in its head, its body as the
/// message unless the request is HEAD, and nothing after the head. A reply that has a `grpc-status` keeps it.
pub fn wrap(mut reply: Response, to_head: bool) -> Response {
    let body = reply.body_mut().take_full();
    *reply.body_mut() = Body::empty();
    let status = status_of(reply.status().as_u16());
    *reply.status_mut() = StatusCode::OK;
    let headers = reply.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.entry(GRPC_STATUS).or_insert_with(|| HeaderValue::from(status));
    if !body.is_empty()
        && !to_head
        && let Ok(message) = HeaderValue::from_maybe_shared(Bytes::from(percent_encoded(&body)))
    {
        headers.insert(GRPC_MESSAGE, message);
    }
    reply
}

/// The number in `grpc-status`; none if it is no status of the specification.
pub fn status(value: &[u8]) -> Option<u32> {
    let number = std::str::from_utf8(value).ok()?.parse().ok()?;
    (number <= MOST_STATUS).then_some(number)
}

/// The status of a call for that of HTTP, as the gRPC specification maps them; a missing route is a missing method.
pub fn status_of(code: u16) -> u32 {
    match code {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => UNKNOWN,
    }
}

/// A text as `grpc-message` holds it: what is not printable ASCII, and the percent sign, by two digits.
fn percent_encoded(text: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = Vec::with_capacity(text.len());
    for byte in text {
        if matches!(byte, b' '..=b'~') && *byte != b'%' {
            encoded.push(*byte);
        } else {
            let digit = |value: u8| DIGITS[usize::from(value)];
            encoded.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}
