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

/// The status of a call that took too long.
pub const DEADLINE_EXCEEDED: u8 = 4;

/// A flag and the length stand before each message.
pub const PREFIX: usize = 5;

/// The type of its messages.
const GRPC: &[u8] = b"application/grpc";

/// Whether a request with these headers is gRPC: its content is of the type `application/grpc`, or of one that begins
/// with that and a plus sign. gRPC-Web is another protocol.
pub fn is_request(headers: &HeaderMap) -> bool {
    has_type(headers)
}

/// Whether a response is one to such a request. One that is a head alone is told by its status.
pub fn is_response(response: &Response) -> bool {
    if response.body().is_empty() {
        return response.headers().contains_key(GRPC_STATUS);
    }
    response.status() == StatusCode::OK && has_type(response.headers())
}

fn has_type(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return false };
    let rest = kind.as_bytes().strip_prefix(GRPC);
    rest.is_some_and(|rest| matches!(rest, [] | [b'+', ..]))
}

/// The service and the method that a path names; none if it has not two parts.
pub fn method(path: &str) -> Option<(&str, &str)> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let named = parts.next().zip(parts.next());
    named.filter(|_| parts.next().is_none())
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
    if !body.is_empty() && !to_head {
        headers.insert(GRPC_MESSAGE, message(&body));
    }
    reply
}

/// A text as `grpc-message` has it.
pub fn message(text: &[u8]) -> HeaderValue {
    let encoded = Bytes::from(percent_encoded(text));
    // It is printable now.
    HeaderValue::from_maybe_shared(encoded).unwrap_or_else(|_| HeaderValue::from_static(""))
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

/// A text as `grpc-message` holds it: what is not printable ASCII, the percent sign and (Envoy's way) the tilde, by two
/// digits.
fn percent_encoded(text: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = Vec::with_capacity(text.len());
    for byte in text {
        if matches!(byte, b' '..=b'}') && *byte != b'%' {
            encoded.push(*byte);
        } else {
            let digit = |value: u8| DIGITS[usize::from(value)];
            encoded.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

/// Where in a stream of messages a body is, without keeping any of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frames {
    prefix: [u8; PREFIX],
    /// How much of the prefix has come.
    begun: usize,
    /// How much of the message is to come still.
    left: usize,
}

// === impl Frames ===

impl Frames {
    /// How many messages begin in the next bytes.
    pub fn begun_in(&mut self, mut data: &[u8]) -> u64 {
        let mut messages = 0;
        while !data.is_empty() {
            messages += u64::from(self.begun == 0);
            let (part, _) = self.next_part(data);
            data = &data[part..];
        }
        messages
    }

    /// How many of these bytes are of the present message with its prefix, and whether it ends with them.
    pub fn next_part(&mut self, data: &[u8]) -> (usize, bool) {
        let of_prefix = (PREFIX - self.begun).min(data.len());
        self.prefix[self.begun..][..of_prefix].copy_from_slice(&data[..of_prefix]);
        if of_prefix > 0 {
            self.begun += of_prefix;
            let [_, length @ ..] = self.prefix;
            self.left = u32::from_be_bytes(length) as usize;
        }
        if self.begun < PREFIX {
            return (of_prefix, false);
        }
        let of_message = self.left.min(data.len() - of_prefix);
        self.left -= of_message;
        let ends = self.left == 0;
        if ends {
            self.begun = 0;
        }
        (of_prefix + of_message, ends)
    }
}

#[cfg(test)]
mod tests {
    use super::{Frames, message, method};

    #[test]
    fn messages_are_counted_at_their_beginning_however_they_are_cut() {
        let stream = b"\0\0\0\0\x03abc\0\0\0\0\0\x01\0\0\0\x02xy\0";
        for size in 1..=stream.len() {
            let mut frames = Frames::default();
            let counts = stream.chunks(size).map(|chunk| frames.begun_in(chunk));
            assert_eq!(counts.sum::<u64>(), 4, "in chunks of {size}");
        }
        let mut frames = Frames::default();
        assert_eq!(frames.begun_in(b"\0"), 1);
        assert_eq!(frames.begun_in(b"\0\0\0\x01"), 0);
        assert_eq!(frames.begun_in(b"a"), 0);
        assert_eq!(frames.begun_in(b"\0"), 1);
    }

    #[test]
    fn the_parts_of_a_message_are_told_from_those_of_the_next() {
        let mut frames = Frames::default();
        assert_eq!(frames.next_part(b"\0\0\0"), (3, false));
        assert_eq!(frames.next_part(b"\0\x02a"), (3, false));
        assert_eq!(frames.next_part(b"b\0\0"), (1, true));
        assert_eq!(frames.next_part(b"\0\0\0\0\0\0"), (5, true));
    }

    #[test]
    fn a_path_names_a_method_if_it_has_two_parts() {
        assert_eq!(method("/a.B/C"), Some(("a.B", "C")));
        assert_eq!(method("/a.B/C/"), Some(("a.B", "C")));
        assert_eq!(method("/a.B"), None);
        assert_eq!(method("/a/b/c"), None);
        assert_eq!(method("/"), None);
    }

    #[test]
    fn a_message_is_printable() {
        assert_eq!(message(b"50% \n\xff"), "50%25 %0A%FF");
    }
}
