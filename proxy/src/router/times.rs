//! What a route says of the time of its streams, with what a request asks for in `grpc-timeout`.

use std::time::Duration;

use http::HeaderValue;
use http::header::{HeaderMap, HeaderName};

use crate::config::route::{MaxStreamDuration, StreamTimes};
use crate::stream_info::{Limit, StreamLimits};

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// As many digits as a `grpc-timeout` has at most.
const MOST_DIGITS: usize = 8;

/// The limits of a stream. The `grpc-timeout` of a gRPC request that sets one is changed to what it
/// has become.
pub(super) fn stream_limits(
    times: &StreamTimes,
    grpc: bool,
    headers: &mut HeaderMap,
) -> StreamLimits {
    let duration = times.max_stream_duration.as_ref();
    let duration = duration.map_or(Limit::Inherited, |most| duration_of(most, grpc, headers));
    StreamLimits { idle: times.idle, duration }
}

fn duration_of(most: &MaxStreamDuration, grpc: bool, headers: &mut HeaderMap) -> Limit {
    let (Some(max), Some(asked)) = (most.grpc_header_max, asked(headers)) else {
        return most.duration;
    };
    let mut limit = if max.is_zero() { asked } else { asked.min(max) };
    if let Some(offset) = most.grpc_header_offset {
        limit = limit.saturating_sub(offset);
    }
    if grpc {
        headers.insert(GRPC_TIMEOUT, say(limit));
    }
    Limit::After(limit)
}

/// For how long upstream may take with a gRPC request on a route with `max_grpc_timeout`, if it is one; the inner none is
/// for ever.
#[expect(clippy::option_option, reason = "the route's, for ever, or so long")]
pub(super) fn grpc_timeout(
    times: &StreamTimes,
    grpc: bool,
    headers: &HeaderMap,
) -> Option<Option<Duration>> {
    let max = times.max_grpc_timeout.filter(|_| grpc && times.max_stream_duration.is_none())?;
    let mut timeout = asked(headers).unwrap_or_default();
    // An offset of more than all would make no limit of one.
    if let Some(offset) = times.grpc_timeout_offset.filter(|offset| *offset < timeout) {
        timeout -= offset;
    }
    if !max.is_zero() && (timeout > max || timeout.is_zero()) {
        timeout = max;
    }
    Some(Some(timeout).filter(|timeout| !timeout.is_zero()))
}

/// Tells upstream how long it may take.
pub(super) fn say_grpc_timeout(timeout: Duration, headers: &mut HeaderMap) {
    headers.insert(GRPC_TIMEOUT, say(timeout));
}

/// `grpc-timeout`: at most eight digits and a unit. Parts of a millisecond count as a whole one, as in Envoy.
fn asked(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty()
        || digits.len() > MOST_DIGITS
        || !digits.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(Duration::from_millis(match unit {
        "H" => number * 3_600_000,
        "M" => number * 60_000,
        "S" => number * 1000,
        "m" => number,
        "u" => number.div_ceil(1000),
        "n" => number.div_ceil(1_000_000),
        _ => return None,
    }))
}

/// The same as text, in the smallest unit that has digits enough.
fn say(limit: Duration) -> HeaderValue {
    let mut number = limit.as_millis();
    for (unit, next) in [("m", 1000), ("S", 60), ("M", 60), ("H", 0)] {
        if number < 10_u128.pow(8) || next == 0 {
            let text = format!("{number}{unit}");
            return HeaderValue::from_maybe_shared(bytes::Bytes::from(text))
                .unwrap_or_else(|_| HeaderValue::from_static("0m"));
        }
        number /= next;
    }
    HeaderValue::from_static("0m")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::header::{HeaderMap, HeaderValue};

    use super::{GRPC_TIMEOUT, asked, grpc_timeout, say, stream_limits};
    use crate::config::route::{MaxStreamDuration, StreamTimes};
    use crate::stream_info::Limit;

    fn headers(timeout: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(GRPC_TIMEOUT, HeaderValue::from_static(timeout))])
    }

    fn millis(millis: u64) -> Option<Duration> {
        Some(Duration::from_millis(millis))
    }

    #[test]
    fn a_grpc_timeout_has_up_to_eight_digits_and_a_unit() {
        for (text, expected) in [
            ("3S", millis(3000)),
            ("2M", millis(120_000)),
            ("1H", millis(3_600_000)),
            ("300m", millis(300)),
            ("1u", millis(1)),
            ("1500000n", millis(2)),
            ("99999999m", millis(99_999_999)),
            ("100000000m", None),
            ("3s", None),
            ("S", None),
            ("", None),
            ("-3S", None),
            ("3 S", None),
        ] {
            assert_eq!(asked(&headers(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_timeout_is_said_in_digits_that_are_allowed() {
        assert_eq!(say(Duration::from_secs(2)), "2000m");
        assert_eq!(say(Duration::from_secs(100_000)), "100000S");
    }

    #[test]
    fn what_is_asked_for_is_capped_and_then_less_the_offset() {
        let most = MaxStreamDuration {
            duration: Limit::Off,
            grpc_header_max: millis(1000),
            grpc_header_offset: millis(200),
        };
        let times = StreamTimes { max_stream_duration: Some(most), ..StreamTimes::default() };
        for (text, expected, said) in [
            ("3S", Limit::After(Duration::from_millis(800)), "800m"),
            ("500m", Limit::After(Duration::from_millis(300)), "300m"),
            ("100m", Limit::After(Duration::ZERO), "0m"),
            ("bad", Limit::Off, "bad"),
        ] {
            let mut headers = headers(text);
            assert_eq!(stream_limits(&times, true, &mut headers).duration, expected, "{text}");
            assert_eq!(headers[GRPC_TIMEOUT], said, "{text}");
        }
    }

    #[test]
    fn the_older_way_takes_the_offset_first_and_only_where_something_is_left() {
        let times = StreamTimes {
            max_grpc_timeout: millis(2000),
            grpc_timeout_offset: millis(500),
            ..StreamTimes::default()
        };
        for (text, expected) in
            [("3S", 2000), ("1S", 500), ("400m", 400), ("bad", 2000), ("0m", 2000)]
        {
            assert_eq!(
                grpc_timeout(&times, true, &headers(text)),
                Some(millis(expected)),
                "{text}"
            );
        }
        assert_eq!(grpc_timeout(&times, false, &headers("1S")), None);
    }
}
