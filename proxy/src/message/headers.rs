//! Header names of Envoy's own.

use http::{HeaderMap, HeaderName, HeaderValue};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: HeaderName = HeaderName::from_static($text);)*
    };
}

names! {
    /// `keep-alive`
    KEEP_ALIVE = "keep-alive";
    /// `proxy-connection`
    PROXY_CONNECTION = "proxy-connection";
    /// `http2-settings`
    HTTP2_SETTINGS = "http2-settings";
    /// `x-forwarded-proto`
    X_FORWARDED_PROTO = "x-forwarded-proto";
    /// `x-forwarded-for`
    X_FORWARDED_FOR = "x-forwarded-for";
    /// `x-request-id`
    X_REQUEST_ID = "x-request-id";
    /// `x-envoy-upstream-service-time`
    X_ENVOY_UPSTREAM_SERVICE_TIME = "x-envoy-upstream-service-time";
    /// `x-envoy-expected-rq-timeout-ms`
    X_ENVOY_EXPECTED_RQ_TIMEOUT_MS = "x-envoy-expected-rq-timeout-ms";
    /// `x-envoy-upstream-rq-timeout-ms`
    X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS = "x-envoy-upstream-rq-timeout-ms";
    /// `x-envoy-max-retries`
    X_ENVOY_MAX_RETRIES = "x-envoy-max-retries";
    /// `x-envoy-retry-on`
    X_ENVOY_RETRY_ON = "x-envoy-retry-on";
    /// `x-envoy-retry-grpc-on`
    X_ENVOY_RETRY_GRPC_ON = "x-envoy-retry-grpc-on";
    /// `x-envoy-upstream-rq-per-try-timeout-ms`
    X_ENVOY_UPSTREAM_RQ_PER_TRY_TIMEOUT_MS = "x-envoy-upstream-rq-per-try-timeout-ms";
    /// `x-envoy-internal`
    X_ENVOY_INTERNAL = "x-envoy-internal";
    /// `x-envoy-external-address`
    X_ENVOY_EXTERNAL_ADDRESS = "x-envoy-external-address";
    /// `x-envoy-force-trace`
    X_ENVOY_FORCE_TRACE = "x-envoy-force-trace";
    /// `x-envoy-downstream-service-cluster`
    X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER = "x-envoy-downstream-service-cluster";
    /// `x-envoy-downstream-service-node`
    X_ENVOY_DOWNSTREAM_SERVICE_NODE = "x-envoy-downstream-service-node";
    /// `x-forwarded-port`
    X_FORWARDED_PORT = "x-forwarded-port";
    /// `x-forwarded-client-cert`
    X_FORWARDED_CLIENT_CERT = "x-forwarded-client-cert";
    /// `x-forwarded-host`
    X_FORWARDED_HOST = "x-forwarded-host";
    /// `x-envoy-original-host`
    X_ENVOY_ORIGINAL_HOST = "x-envoy-original-host";
    /// `x-envoy-original-path`
    X_ENVOY_ORIGINAL_PATH = "x-envoy-original-path";
    /// `x-envoy-attempt-count`
    X_ENVOY_ATTEMPT_COUNT = "x-envoy-attempt-count";
    /// `x-envoy-is-timeout-retry`
    X_ENVOY_IS_TIMEOUT_RETRY = "x-envoy-is-timeout-retry";
    /// `x-envoy-ratelimited`
    X_ENVOY_RATELIMITED = "x-envoy-ratelimited";
    /// `grpc-status`
    GRPC_STATUS = "grpc-status";
    /// `x-envoy-overloaded`
    X_ENVOY_OVERLOADED = "x-envoy-overloaded";
}

/// All numbers of two digits.
const TWO_DIGITS: &str = "\
    00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748\
    49505152535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697\
    9899";

/// A number. Small ones are said in most responses (`x-envoy-upstream-service-time`), and cost no memory.
pub fn number(number: u64) -> HeaderValue {
    match usize::try_from(number) {
        Ok(small @ 0..10) => HeaderValue::from_static(&TWO_DIGITS[2 * small + 1..2 * small + 2]),
        Ok(small @ 10..100) => HeaderValue::from_static(&TWO_DIGITS[2 * small..2 * small + 2]),
        _ => HeaderValue::from(number),
    }
}

/// Keeps the headers whose names `keep` says, in their order: `HeaderMap::remove` moves the last one into the gap.
pub fn retain(headers: &mut HeaderMap, keep: impl Fn(&HeaderName) -> bool) {
    // The last one leaves no gap, and very often it is the only one to go: a server's `connection`.
    while let Some(last) = headers.keys().last().filter(|name| !keep(name)).cloned() {
        headers.remove(last);
    }
    if headers.keys().all(&keep) {
        return;
    }
    let old = std::mem::take(headers);
    headers.reserve(old.len());
    append_all(headers, old, keep);
}

/// Appends the headers whose names `keep` says to others.
pub fn append_all(headers: &mut HeaderMap, more: HeaderMap, keep: impl Fn(&HeaderName) -> bool) {
    let mut more = more.into_iter().peekable();
    while let Some((name, mut value)) = more.next() {
        // Only the first line of a name says it; one that goes takes its others along.
        let Some(name) = name.filter(&keep) else { continue };
        while let Some((_, next)) = more.next_if(|(name, _)| name.is_none()) {
            headers.append(name.clone(), std::mem::replace(&mut value, next));
        }
        // A name is given away where it can be: a clone of it may be memory.
        headers.append(name, value);
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::{number, retain};

    #[test]
    fn numbers_are_said_in_decimal() {
        for value in (0..1000).chain([u64::from(u32::MAX), u64::MAX]) {
            assert_eq!(number(value), HeaderValue::from(value));
        }
    }

    #[test]
    fn what_stays_keeps_its_order_wherever_something_goes() {
        let all = ["a", "x", "b", "a", "y", "c", "x", "d", "x", "y"];
        for end in 0..=all.len() {
            for gone in ["", "a", "x", "xy", "d", "abcdxy"] {
                let mut headers = HeaderMap::new();
                for (place, name) in all[..end].iter().enumerate() {
                    headers.append(HeaderName::from_static(name), HeaderValue::from(place));
                }
                let keep = |name: &HeaderName| !gone.contains(name.as_str());
                let lines = |headers: &HeaderMap| -> Vec<_> {
                    headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
                };
                let mut expected = lines(&headers);
                expected.retain(|(name, _)| keep(name));
                retain(&mut headers, keep);
                assert_eq!(lines(&headers), expected, "of {end} without {gone:?}");
            }
        }
    }
}
