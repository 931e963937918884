//! What one of our own clients asks of the router in its request's `x-envoy-*` headers, which go no further.
//!
//! The connection manager lets only clients inside say such things.

use std::time::Duration;

use http::header::{HeaderMap, HeaderName};

use crate::config::hcm::RouterOptions;
use crate::message::headers::{self, X_ENVOY_EXPECTED_RQ_TIMEOUT_MS as EXPECTED};

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
    /// Takes what was asked out of the headers. What is no number is not asked. With `respect_expected_rq_timeout` the
    /// timeout that an Envoy before us has promised goes before one that is asked for, which then travels on.
    pub(super) fn take(headers: &mut HeaderMap, options: RouterOptions) -> Self {
        let millis =
            |name| -> Option<u64> { headers.get(name)?.to_str().ok()?.parse::<u64>().ok() };
        let promised = Some(EXPECTED).filter(|_| options.respect_expected_rq_timeout);
        let promised = promised.and_then(millis);
        let timeout = promised.or_else(|| millis(TIMEOUT));
        let timeout = timeout.map(Duration::from_millis);
        let answers_late_with_204 = headers.contains_key(ALTERNATIVE);
        let goes =
            |name: &HeaderName| is_for_router(name) && (promised.is_none() || *name != TIMEOUT);
        if headers.keys().any(goes) {
            headers::retain(headers, |name| !goes(name));
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

    use super::{Asked, RouterOptions};

    fn asked(lines: &[(&'static str, &'static str)]) -> (Asked, usize) {
        asked_of(RouterOptions::default(), lines)
    }

    fn asked_of(options: RouterOptions, lines: &[(&'static str, &'static str)]) -> (Asked, usize) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        (Asked::take(&mut headers, options), headers.len())
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
    fn a_promised_timeout_goes_first_where_it_is_respected() {
        let options = RouterOptions { respect_expected_rq_timeout: true, ..Default::default() };
        let expected = ("x-envoy-expected-rq-timeout-ms", "50");
        let wanted = ("x-envoy-upstream-rq-timeout-ms", "100");
        let timeout = |(asked, left): (Asked, usize)| (asked.timeout(None), left);
        let millis = |millis| Some(Duration::from_millis(millis));
        assert_eq!(timeout(asked_of(options, &[expected, wanted])), (millis(50), 2));
        assert_eq!(timeout(asked_of(options, &[wanted])), (millis(100), 0));
        assert_eq!(timeout(asked(&[expected, wanted])), (millis(100), 1));
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
