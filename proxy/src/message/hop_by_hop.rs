//! Headers that belong to one connection and must not travel further (RFC 9110 §7.6.1), as Envoy strips them.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::stream_info::Protocol;

use super::headers;

/// What a client may say that others may not.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Trusted {
    /// What is for our router: it comes from inside.
    pub internal: bool,
}

/// Strips a request's.
pub fn strip_request(headers: &mut HeaderMap, trusted: Trusted) {
    // Most requests have none of them, and one look at each name is cheaper than a search for each of ours.
    if !headers.keys().any(|name| is_of_request(name.as_str(), trusted)) {
        return;
    }
    if headers.contains_key(header::CONNECTION) {
        strip_named(headers);
    }
    headers::retain(headers, |name| !never_travels(name.as_str(), trusted));
    if headers.get(header::TE).is_some_and(|value| !has_token(value, "trailers")) {
        remove(headers, &header::TE);
    } else if headers.contains_key(header::TE) {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if headers.get(header::EXPECT).is_some_and(|value| has_token(value, "100-continue")) {
        remove(headers, &header::EXPECT);
    }
}

/// Strips a response's. Envoy does not look at what a response's `connection` names.
pub fn strip_response(headers: &mut HeaderMap) {
    if !headers.keys().any(|name| is_of_connection(name.as_str())) {
        return;
    }
    headers::retain(headers, |name| !is_of_connection(name.as_str()));
}

/// Strips what a route has added to a response and only its connection may say. What HTTP/1 clients are told to do
/// with a connection that lasts, they are told by Envoy too.
pub fn strip_changed(headers: &mut HeaderMap, downstream: Protocol) {
    let kept = |name: &str| name == "keep-alive" && downstream != Protocol::Http2;
    let goes = |name: &str| is_of_connection(name) && !kept(name);
    if headers.keys().any(|name| goes(name.as_str())) {
        headers::retain(headers, |name| !goes(name.as_str()));
    }
}

fn is_of_connection(name: &str) -> bool {
    matches!(
        name,
        "connection" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "upgrade"
    )
}

/// Whether a request's header is one of those that go, or that decide what else goes.
fn is_of_request(name: &str, trusted: Trusted) -> bool {
    never_travels(name, trusted) || matches!(name, "te" | "expect")
}

/// Whether a request loses this header whatever it says: what is of its connection, HTTP/2's offer, and what only
/// Envoy itself may say to its router, so that no client can that is not trusted.
fn never_travels(name: &str, trusted: Trusted) -> bool {
    is_of_connection(name)
        || matches!(name, "http2-settings" | "x-envoy-internal")
        || (!trusted.internal && name.strip_prefix("x-envoy-").is_some_and(is_of_router))
}

fn is_of_router(rest: &str) -> bool {
    matches!(
        rest,
        "expected-rq-timeout-ms"
            | "force-trace"
            | "hedge-on-per-try-timeout"
            | "ip-tags"
            | "max-retries"
            | "original-url"
            | "retriable-header-names"
            | "retriable-status-codes"
            | "retry-grpc-on"
            | "retry-on"
            | "upstream-alt-stat-name"
            | "upstream-rq-per-try-timeout-ms"
            | "upstream-rq-timeout-alt-response"
            | "upstream-rq-timeout-ms"
            | "upstream-stream-duration-ms"
    )
}

/// Whether a comma list has this token, whatever its case.
pub fn has_token(value: &HeaderValue, token: &str) -> bool {
    value
        .to_str()
        .is_ok_and(|list| list.split(',').any(|one| one.trim().eq_ignore_ascii_case(token)))
}

/// Strips the headers that `connection` names, but never `te`, `host` and the like that decide how a message is read.
fn strip_named(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .filter_map(|token| HeaderName::try_from(token.trim()).ok())
        .filter(|name| ![header::TE, header::HOST, header::CONTENT_LENGTH].contains(name))
        .collect();
    for name in named {
        remove(headers, &name);
    }
}

fn remove(headers: &mut HeaderMap, gone: &HeaderName) {
    if headers.contains_key(gone) {
        headers::retain(headers, |name| name != gone);
    }
}

#[cfg(test)]
mod tests {
    use http::header::{HeaderMap, HeaderName, HeaderValue};

    use super::{Trusted, strip_request};

    fn strip(lines: &[(&'static str, &'static str)]) -> Vec<String> {
        strip_for(Trusted::default(), lines)
    }

    fn strip_for(trusted: Trusted, lines: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        strip_request(&mut headers, trusted);
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    #[test]
    fn what_connection_names_goes_and_the_order_of_the_rest_stays() {
        let kept = strip(&[
            ("host", "a"),
            ("connection", "keep-alive, foo"),
            ("foo", "1"),
            ("bar", "2"),
            ("te", "trailers, gzip"),
            ("upgrade", "h2c"),
            ("accept", "*/*"),
        ]);
        assert_eq!(kept, ["host: a", "bar: 2", "te: trailers", "accept: */*"]);
    }

    #[test]
    fn no_client_says_what_only_envoy_may() {
        assert_eq!(strip(&[("x-envoy-internal", "true"), ("x-envoy-max-retries", "9")]), [""; 0]);
        assert_eq!(strip(&[("x-envoy-retry-on", "5xx")]), [""; 0]);
        assert_eq!(strip(&[("x-envoy-attempt-count", "1")]), ["x-envoy-attempt-count: 1"]);
    }

    #[test]
    fn who_is_trusted_may_speak_to_our_router() {
        let said = [("x-envoy-internal", "true"), ("x-envoy-max-retries", "9")];
        let internal = Trusted { internal: true };
        assert_eq!(strip_for(internal, &said), ["x-envoy-max-retries: 9"]);
        assert_eq!(strip_for(Trusted { internal: false }, &said), [""; 0]);
    }

    #[test]
    fn expect_goes_only_when_it_was_answered_here() {
        assert_eq!(strip(&[("expect", "100-continue")]), [""; 0]);
        assert_eq!(strip(&[("expect", "bogus")]), ["expect: bogus"]);
        assert_eq!(strip(&[("te", "gzip")]), [""; 0]);
    }
}
