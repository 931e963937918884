//! What one of our own clients asks of the router in its request's `x-envoy-*` headers, which go no further.
//!
//! The connection manager lets only clients inside say such things.

use std::time::Duration;

use http::header::{HeaderMap, HeaderName};

use crate::message::headers;

const TIMEOUT: HeaderName = HeaderName::from_static("x-envoy-upstream-rq-timeout-ms");
const ALTERNATIVE: HeaderName = HeaderName::from_static("x-envoy-upstream-rq-timeout-alt-response");

/// What was asked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Asked {
    /// `x-envoy-upstream-rq-timeout-ms`: instead of the route's; zero is for ever.
    timeout: Option<Duration>,
    /// `x-envoy-upstream-rq-timeout-alt-response`: 204 when the time is up.
    pub(super) answers_late_with_204: bool,
}

// === impl Asked ===

impl Asked {
    /// Takes what was asked out of the headers. What is no number is not asked.
    pub(super) fn take(headers: &mut HeaderMap) -> Self {
        let timeout = headers.get(TIMEOUT).and_then(|value| value.to_str().ok()?.parse().ok());
        let timeout = timeout.map(Duration::from_millis);
        let answers_late_with_204 = headers.contains_key(ALTERNATIVE);
        if headers.keys().any(is_for_router) {
            headers::retain(headers, |name| !is_for_router(name));
        }
        Self { timeout, answers_late_with_204 }
    }

    /// For how long the upstream may take, on a route that says so long; none is for ever.
    pub(super) fn timeout(&self, route: Option<Duration>) -> Option<Duration> {
        match self.timeout {
            Some(timeout) => Some(timeout).filter(|timeout| !timeout.is_zero()),
            None => route,
        }
    }
}

fn is_for_router(name: &HeaderName) -> bool {
    name.as_str().strip_prefix("x-envoy-").is_some_and(|rest| {
        matches!(
            rest,
            "hedge-on-per-try-timeout"
                | "max-retries"
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
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::header::{HeaderMap, HeaderName, HeaderValue};

    use super::Asked;

    fn asked(lines: &[(&'static str, &'static str)]) -> (Asked, usize) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        (Asked::take(&mut headers), headers.len())
    }

    #[test]
    fn a_timeout_is_asked_for_in_milliseconds() {
        for (value, expected) in [
            ("100", Some(Duration::from_millis(100))),
            ("0", None),
            ("abc", Some(Duration::MAX)),
            ("-1", Some(Duration::MAX)),
        ] {
            let (asked, left) = asked(&[("x-envoy-upstream-rq-timeout-ms", value)]);
            assert_eq!((asked.timeout(Some(Duration::MAX)), left), (expected, 0), "{value}");
        }
    }

    #[test]
    fn what_is_for_others_goes_on() {
        let (asked, left) = asked(&[
            ("x-envoy-upstream-rq-timeout-alt-response", ""),
            ("x-envoy-ip-tags", "a"),
            ("x-envoy-retry-on", "5xx"),
        ]);
        assert!(asked.answers_late_with_204);
        assert_eq!(left, 1);
    }
}
