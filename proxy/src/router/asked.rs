//! What one of our own clients asks of the router in its request's `x-envoy-*` headers, which go no further.
//!
//! The connection manager lets only clients inside say such things.

use std::time::Duration;

use http::header::{HeaderMap, HeaderName};

use crate::config::hcm::RouterOptions;
use crate::message::headers::{self, X_ENVOY_EXPECTED_RQ_TIMEOUT_MS as EXPECTED};
use crate::route::RetryOn;

const TIMEOUT: HeaderName = HeaderName::from_static("x-envoy-upstream-rq-timeout-ms");
const ALTERNATIVE: HeaderName = HeaderName::from_static("x-envoy-upstream-rq-timeout-alt-response");
const PER_TRY_TIMEOUT: HeaderName =
    HeaderName::from_static("x-envoy-upstream-rq-per-try-timeout-ms");
const RETRY_ON: HeaderName = HeaderName::from_static("x-envoy-retry-on");
const RETRY_GRPC_ON: HeaderName = HeaderName::from_static("x-envoy-retry-grpc-on");
const RETRIABLE_STATUS_CODES: HeaderName =
    HeaderName::from_static("x-envoy-retriable-status-codes");
const RETRIABLE_HEADER_NAMES: HeaderName =
    HeaderName::from_static("x-envoy-retriable-header-names");

/// What was asked, but for retries.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Asked {
    /// `x-envoy-upstream-rq-timeout-ms`: instead of the route's; zero is for ever.
    timeout: Option<Duration>,
    /// `x-envoy-upstream-rq-per-try-timeout-ms`: instead of the policy's; zero is for ever.
    per_try_timeout: Option<Duration>,
    /// `x-envoy-upstream-rq-timeout-alt-response`: 204 when the time is up.
    pub(super) answers_late_with_204: bool,
}

/// What was asked of retries. A route's own changes to headers may ask too.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct AskedRetries {
    /// `x-envoy-retry-on` and `x-envoy-retry-grpc-on`: beside the policy's.
    pub(super) on: RetryOn,
    /// `x-envoy-max-retries`: instead of the policy's.
    pub(super) most: Option<u64>,
    /// `x-envoy-retriable-status-codes`: beside the policy's.
    pub(super) status_codes: Vec<u32>,
    /// `x-envoy-retriable-header-names`: that one of them is there is enough, beside the policy's.
    pub(super) header_names: Vec<HeaderName>,
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
        let per_try_timeout = millis(PER_TRY_TIMEOUT).map(Duration::from_millis);
        let answers_late_with_204 = headers.contains_key(ALTERNATIVE);
        let goes =
            |name: &HeaderName| is_for_router(name) && (promised.is_none() || *name != TIMEOUT);
        if headers.keys().any(goes) {
            headers::retain(headers, |name| !goes(name));
        }
        Self { timeout, per_try_timeout, answers_late_with_204 }
    }

    /// For how long the upstream may take, on a route that says so long; none is for ever.
    pub(super) fn timeout(&self, route: Option<Duration>) -> Option<Duration> {
        match self.timeout {
            Some(timeout) => Some(timeout).filter(|timeout| !timeout.is_zero()),
            None => route,
        }
    }

    /// The same of one try, on a route that says so long and of which all may take `total`: a longer one is as good as
    /// none.
    pub(super) fn per_try_timeout(
        &self,
        policy: Option<Duration>,
        total: Option<Duration>,
    ) -> Option<Duration> {
        let one = self.per_try_timeout.or(policy).filter(|timeout| !timeout.is_zero());
        one.filter(|one| total.is_none_or(|total| *one < total))
    }
}

fn is_for_router(name: &HeaderName) -> bool {
    name.as_str().strip_prefix("x-envoy-").is_some_and(|rest| {
        matches!(
            rest,
            "upstream-alt-stat-name"
                | "upstream-rq-per-try-timeout-ms"
                | "upstream-rq-timeout-alt-response"
                | "upstream-rq-timeout-ms"
                | "upstream-stream-duration-ms"
        )
    })
}

// === impl AskedRetries ===

impl AskedRetries {
    /// Takes what was asked out of the headers.
    pub(super) fn take(headers: &mut HeaderMap) -> Self {
        if !headers.keys().any(is_of_retries) {
            return Self::default();
        }
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let list = |name| text(name).into_iter().flat_map(|list: &str| list.split(','));
        let names = list(RETRIABLE_HEADER_NAMES);
        let asked = Self {
            on: RetryOn::of_http(text(RETRY_ON).unwrap_or_default())
                | RetryOn::of_grpc(text(RETRY_GRPC_ON).unwrap_or_default()),
            most: text(headers::X_ENVOY_MAX_RETRIES).and_then(|most| most.trim().parse().ok()),
            status_codes: list(RETRIABLE_STATUS_CODES)
                .filter_map(|code| code.trim().parse().ok())
                .collect(),
            header_names: names.filter_map(|name| name.trim().parse().ok()).collect(),
        };
        headers::retain(headers, |name| !is_of_retries(name));
        asked
    }
}

fn is_of_retries(name: &HeaderName) -> bool {
    name.as_str().strip_prefix("x-envoy-").is_some_and(|rest| {
        matches!(
            rest,
            "hedge-on-per-try-timeout"
                | "max-retries"
                | "retriable-header-names"
                | "retriable-status-codes"
                | "retry-grpc-on"
                | "retry-on"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::header::{HeaderMap, HeaderName, HeaderValue};

    use super::{Asked, AskedRetries, RetryOn, RouterOptions};

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
            ("x-envoy-attempt-count", "5"),
        ]);
        assert!(asked.answers_late_with_204);
        assert_eq!(left, 2);
    }

    #[test]
    fn a_try_takes_less_than_all_of_them() {
        let millis = Duration::from_millis;
        for (asked_for, policy, total, expected) in [
            (None, Some(100), Some(1000), Some(100)),
            (Some("50"), Some(100), Some(1000), Some(50)),
            (Some("0"), Some(100), Some(1000), None),
            (Some("1000"), Some(100), Some(1000), None),
            (None, Some(5000), None, Some(5000)),
        ] {
            let lines = asked_for.map(|value| ("x-envoy-upstream-rq-per-try-timeout-ms", value));
            let (asked, left) = asked(lines.as_slice());
            let found = asked.per_try_timeout(policy.map(millis), total.map(millis));
            assert_eq!((found, left), (expected.map(millis), 0), "{asked_for:?}");
        }
    }

    #[test]
    fn retries_are_asked_for_and_nobody_else_sees_it() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-envoy-retry-on", "reset, nonsense"),
            ("x-envoy-retry-grpc-on", "cancelled"),
            ("x-envoy-max-retries", "3"),
            ("x-envoy-retriable-status-codes", "404,x, 403"),
            ("x-envoy-retriable-header-names", "X-Again"),
            ("x-envoy-hedge-on-per-try-timeout", "true"),
            ("other", ""),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let asked = AskedRetries::take(&mut headers);
        assert_eq!(asked.on, RetryOn::RESET | RetryOn::CANCELLED);
        assert_eq!(asked.most, Some(3));
        assert_eq!(asked.status_codes, [404, 403]);
        assert_eq!(asked.header_names, ["x-again"]);
        assert_eq!(headers.len(), 1);
        assert_eq!(AskedRetries::take(&mut headers), AskedRetries::default());
    }
}
