//! `x-ratelimit-*`: what is left of the limits that a service told of.

use http::header::{HeaderName, HeaderValue};

use super::MOST;
use super::proto::Status;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The headers: of the limit of which least is left, and then all limits that have a window. Nothing if no limit was told.
pub(super) fn headers(statuses: &[Status]) -> Vec<(HeaderName, HeaderValue)> {
    let limited =
        statuses.iter().take(MOST).filter_map(|one| Some((one, one.current_limit.as_ref()?)));
    let Some((least, limit)) = limited.clone().min_by_key(|(one, _)| one.limit_remaining) else {
        return Vec::new();
    };
    let mut text = limit.requests_per_unit.to_string();
    for (_, limit) in limited {
        let Some(window) = limit.window() else { continue };
        text += &format!(", {};w={window}", limit.requests_per_unit);
        if !limit.name.is_empty() {
            text += &format!(";name=\"{}\"", limit.name);
        }
    }
    let reset = least.duration_until_reset.unwrap_or_default().seconds;
    let values =
        [(LIMIT, text), (REMAINING, least.limit_remaining.to_string()), (RESET, reset.to_string())];
    // What cannot be said is not: a name may be any text.
    let lines =
        values.into_iter().map(|(name, text)| Some((name, HeaderValue::try_from(text).ok()?)));
    lines.collect::<Option<_>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::proto::{Duration, Limit, Status};
    use super::headers;

    fn status(requests_per_unit: u32, unit: i32, remaining: u32, name: &str) -> Status {
        let name = name.to_owned();
        Status {
            current_limit: Some(Limit { requests_per_unit, unit, name }),
            limit_remaining: remaining,
            duration_until_reset: Some(Duration { seconds: i64::from(remaining) + 5 }),
        }
    }

    fn said(statuses: &[Status]) -> Vec<String> {
        let lines = headers(statuses);
        lines.iter().map(|(_, value)| value.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_limit_of_which_least_is_left_stands_first() {
        assert_eq!(said(&[]), Vec::<String>::new());
        assert_eq!(said(&[Status::default()]), Vec::<String>::new());
        assert_eq!(
            said(&[status(100, 3, 50, "hour"), status(3, 2, 1, ""), status(9, 0, 7, "")]),
            ["3, 100;w=3600;name=\"hour\", 3;w=60", "1", "6"]
        );
        assert_eq!(said(&[status(1, 1, 0, "a\nb")]), Vec::<String>::new());
    }
}
