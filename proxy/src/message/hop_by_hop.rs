//! Headers that belong to one connection and must not travel further (RFC 9110 §7.6.1), as Envoy strips them.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::headers;

/// What a request loses whatever it says.
const OF_REQUESTS: [HeaderName; 6] = [
    header::CONNECTION,
    headers::KEEP_ALIVE,
    headers::PROXY_CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    headers::HTTP2_SETTINGS,
];

/// What a response loses. Envoy does not look at what a response's `connection` names.
const OF_RESPONSES: [HeaderName; 5] = [
    header::CONNECTION,
    headers::KEEP_ALIVE,
    headers::PROXY_CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Strips a request's.
pub fn strip_request(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        strip_named(headers);
    }
    for name in OF_REQUESTS {
        remove(headers, &name);
    }
    if headers.get(header::TE).is_some_and(|value| !has_token(value, "trailers")) {
        remove(headers, &header::TE);
    } else if headers.contains_key(header::TE) {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if headers.get(header::EXPECT).is_some_and(|value| has_token(value, "100-continue")) {
        remove(headers, &header::EXPECT);
    }
}

/// Strips a response's.
pub fn strip_response(headers: &mut HeaderMap) {
    for name in OF_RESPONSES {
        remove(headers, &name);
    }
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

/// Removes a header, and the order of the others stays: `HeaderMap::remove` moves the last one into the gap.
fn remove(headers: &mut HeaderMap, name: &HeaderName) {
    if !headers.contains_key(name) {
        return;
    }
    let old = std::mem::take(headers);
    headers.reserve(old.len());
    let mut current = None;
    for (next, value) in old {
        current = next.or(current);
        if let Some(kept) = current.as_ref().filter(|kept| *kept != name) {
            headers.append(kept.clone(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::{HeaderMap, HeaderName, HeaderValue};

    use super::strip_request;

    fn strip(lines: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        strip_request(&mut headers);
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
    fn expect_goes_only_when_it_was_answered_here() {
        assert_eq!(strip(&[("expect", "100-continue")]), [""; 0]);
        assert_eq!(strip(&[("expect", "bogus")]), ["expect: bogus"]);
        assert_eq!(strip(&[("te", "gzip")]), [""; 0]);
    }
}
