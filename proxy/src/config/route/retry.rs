//! When and how a request is tried again: `envoy.config.route.v3.RetryPolicy`.

use std::time::Duration;

use http::HeaderName;

use crate::config::matcher::HeaderMatcher;

/// `retry_back_off.base_interval` where the file says nothing: 25 ms, Envoy's.
pub const DEFAULT_BASE_INTERVAL: Duration = Duration::from_millis(25);

/// `retry_back_off.max_interval` where the file says nothing: ten times the base, as in Envoy.
pub const DEFAULT_MAX_FACTOR: u32 = 10;

/// `rate_limited_retry_back_off.max_interval` where the file says nothing: 300 s, Envoy's.
pub const DEFAULT_RESET_MAX_INTERVAL: Duration = Duration::from_secs(300);

/// `num_retries` where the file says nothing: one, Envoy's.
pub const DEFAULT_NUM_RETRIES: u32 = 1;

/// When and how a request is tried again.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// `retry_on`.
    pub on: RetryOn,
    /// `num_retries` (default 1): tries beside the first.
    pub num_retries: u32,
    /// `per_try_timeout`; none (the default) is off.
    pub per_try_timeout: Option<Duration>,
    /// `per_try_idle_timeout`; none (the default) is off.
    pub per_try_idle_timeout: Option<Duration>,
    /// `retriable_status_codes`, of the condition of that name.
    pub status_codes: Vec<u32>,
    /// `retriable_headers`, of the condition of that name: one of them is enough.
    pub headers: Vec<HeaderMatcher>,
    /// `retriable_request_headers`: without one of them a request is not tried again; empty asks nothing.
    pub request_headers: Vec<HeaderMatcher>,
    /// `retry_back_off`.
    pub back_off: BackOff,
    /// `rate_limited_retry_back_off`.
    pub reset: Option<ResetBackOff>,
    /// `retry_host_predicate`: which hosts another try would rather not have.
    pub host_predicates: Vec<HostPredicate>,
    /// `host_selection_retry_max_attempts` (default 1): how often a host that a predicate refuses is passed over.
    pub host_selection_attempts: u32,
}

/// The conditions under which a request is tried again.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RetryOn(u32);

/// How long to wait before another try: longer each time, and never as long as all others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BackOff {
    /// `base_interval` (default 25 ms), at least a millisecond.
    pub base: Duration,
    /// `max_interval` (default ten times the base), at least the base.
    pub max: Duration,
}

/// `rate_limited_retry_back_off`: the upstream says when to come again.
#[derive(Clone, Debug)]
pub struct ResetBackOff {
    /// `reset_headers`, in the order in which they are looked at.
    pub headers: Vec<ResetHeader>,
    /// `max_interval` (default 300 s): a longer wait than this is not taken from a header.
    pub max: Duration,
}

/// A header that says when to come again.
#[derive(Clone, Debug)]
pub struct ResetHeader {
    /// `name`.
    pub name: HeaderName,
    /// `format`.
    pub format: ResetFormat,
}

/// `format`: what the number in such a header is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ResetFormat {
    /// `SECONDS` from now.
    Seconds,
    /// `UNIX_TIMESTAMP`: seconds since 1970.
    UnixTimestamp,
}

/// `retry_host_predicate`: which hosts another try would rather not have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HostPredicate {
    /// `previous_hosts`: those that this request has had.
    PreviousHosts,
    /// `omit_canary_hosts`: those whose metadata says that they are canaries.
    OmitCanaryHosts,
}

// === impl RetryPolicy ===

impl Default for RetryPolicy {
    /// Envoy's defaults, which try nothing again.
    fn default() -> Self {
        Self {
            on: RetryOn::default(),
            num_retries: DEFAULT_NUM_RETRIES,
            per_try_timeout: None,
            per_try_idle_timeout: None,
            status_codes: Vec::new(),
            headers: Vec::new(),
            request_headers: Vec::new(),
            back_off: BackOff::default(),
            reset: None,
            host_predicates: Vec::new(),
            host_selection_attempts: 1,
        }
    }
}

impl Default for BackOff {
    fn default() -> Self {
        Self { base: DEFAULT_BASE_INTERVAL, max: DEFAULT_BASE_INTERVAL * DEFAULT_MAX_FACTOR }
    }
}

// === impl RetryOn ===

impl RetryOn {
    /// Any status of 500 and above, and everything that ends in one.
    pub const FIVE_XX: Self = Self(1);
    /// 502, 503 and 504, and everything that ends in one.
    pub const GATEWAY_ERROR: Self = Self(1 << 1);
    /// No answer: reset, closed, late.
    pub const RESET: Self = Self(1 << 2);
    /// The same, before a byte of the request was sent.
    pub const RESET_BEFORE_REQUEST: Self = Self(1 << 3);
    /// No connection.
    pub const CONNECT_FAILURE: Self = Self(1 << 4);
    /// An answer with `x-envoy-ratelimited`, which is not tried again otherwise.
    pub const ENVOY_RATELIMITED: Self = Self(1 << 5);
    /// 409.
    pub const RETRIABLE_4XX: Self = Self(1 << 6);
    /// A stream that was reset by `REFUSED_STREAM`: nobody has looked at it.
    pub const REFUSED_STREAM: Self = Self(1 << 7);
    /// One of `retriable_status_codes`.
    pub const RETRIABLE_STATUS_CODES: Self = Self(1 << 8);
    /// One of `retriable_headers`.
    pub const RETRIABLE_HEADERS: Self = Self(1 << 9);
    /// A failure of HTTP/3 that TCP may not have. There is no HTTP/3 here.
    pub const HTTP3_POST_CONNECT_FAILURE: Self = Self(1 << 10);
    /// gRPC's 1.
    pub const CANCELLED: Self = Self(1 << 11);
    /// gRPC's 4.
    pub const DEADLINE_EXCEEDED: Self = Self(1 << 12);
    /// gRPC's 8.
    pub const RESOURCE_EXHAUSTED: Self = Self(1 << 13);
    /// gRPC's 13.
    pub const INTERNAL: Self = Self(1 << 14);
    /// gRPC's 14.
    pub const UNAVAILABLE: Self = Self(1 << 15);

    const HTTP: [(&'static str, Self); 11] = [
        ("5xx", Self::FIVE_XX),
        ("gateway-error", Self::GATEWAY_ERROR),
        ("connect-failure", Self::CONNECT_FAILURE),
        ("envoy-ratelimited", Self::ENVOY_RATELIMITED),
        ("retriable-4xx", Self::RETRIABLE_4XX),
        ("refused-stream", Self::REFUSED_STREAM),
        ("retriable-status-codes", Self::RETRIABLE_STATUS_CODES),
        ("retriable-headers", Self::RETRIABLE_HEADERS),
        ("reset", Self::RESET),
        ("reset-before-request", Self::RESET_BEFORE_REQUEST),
        ("http3-post-connect-failure", Self::HTTP3_POST_CONNECT_FAILURE),
    ];

    const GRPC: [(&'static str, Self); 5] = [
        ("cancelled", Self::CANCELLED),
        ("deadline-exceeded", Self::DEADLINE_EXCEEDED),
        ("resource-exhausted", Self::RESOURCE_EXHAUSTED),
        ("unavailable", Self::UNAVAILABLE),
        ("internal", Self::INTERNAL),
    ];

    /// What `retry_on` of a file says: the words of both kinds. The second are those that mean nothing, which Envoy
    /// passes over.
    pub fn parse(list: &str) -> (Self, Vec<&str>) {
        let mut on = Self::default();
        let mut unknown = Vec::new();
        for word in words(list) {
            match Self::HTTP.iter().chain(&Self::GRPC).find(|(known, _)| *known == word) {
                Some((_, one)) => on = on | *one,
                None => unknown.push(word),
            }
        }
        (on, unknown)
    }

    /// What `x-envoy-retry-on` says.
    pub fn of_http(list: &str) -> Self {
        among(&Self::HTTP, list)
    }

    /// What `x-envoy-retry-grpc-on` says.
    pub fn of_grpc(list: &str) -> Self {
        among(&Self::GRPC, list)
    }

    /// The words there are.
    pub fn all_words() -> impl Iterator<Item = &'static str> {
        Self::HTTP.iter().chain(&Self::GRPC).map(|(word, _)| *word)
    }

    /// Whether one of `others` is among them.
    pub fn has(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl std::ops::BitOr for RetryOn {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

fn among(known: &[(&str, RetryOn)], list: &str) -> RetryOn {
    let found = words(list).filter_map(|word| known.iter().find(|(known, _)| *known == word));
    found.fold(RetryOn::default(), |all, (_, one)| all | *one)
}

/// The words of a list, without the blanks around them.
fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim_ascii).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::RetryOn;

    #[test]
    fn a_file_says_conditions_of_both_kinds_and_a_header_of_its_own() {
        let both = RetryOn::FIVE_XX | RetryOn::CANCELLED;
        assert_eq!(RetryOn::parse("5xx, cancelled,,5XX"), (both, vec!["5XX"]));
        assert_eq!(RetryOn::of_http("5xx,cancelled"), RetryOn::FIVE_XX);
        assert_eq!(RetryOn::of_grpc(" cancelled ,5xx"), RetryOn::CANCELLED);
    }
}
