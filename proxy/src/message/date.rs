//! The `date` header, made once a second.

use std::cell::RefCell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

use crate::base::clock;

thread_local! {
    static LAST: RefCell<Option<(Instant, HeaderValue)>> = const { RefCell::new(None) };
}

/// The `date` header of this second (RFC 9110 §5.6.7).
pub fn now() -> HeaderValue {
    at(clock::now())
}

/// The same, for who knows already that it is `now`: the wall clock is looked at only when its second is over.
pub fn at(now: Instant) -> HeaderValue {
    LAST.with_borrow_mut(|last| match last {
        Some((until, value)) if now < *until => value.clone(),
        _ => {
            let wall = clock::wall();
            let part = wall.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).subsec_nanos();
            let value = format(wall);
            *last = Some((
                now + Duration::from_secs(1) - Duration::from_nanos(part.into()),
                value.clone(),
            ));
            value
        }
    })
}

fn format(wall: SystemTime) -> HeaderValue {
    HeaderValue::try_from(httpdate::fmt_http_date(wall))
        .unwrap_or_else(|_| HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{at, now};
    use crate::base::clock;

    #[test]
    fn a_date_is_kept_for_its_second_only() {
        let start = clock::now();
        let first = at(start);
        let wall = httpdate::parse_http_date(first.to_str().unwrap()).unwrap();
        let age = clock::wall().duration_since(wall).unwrap();
        assert!(age < Duration::from_secs(60), "{age:?}");
        // The rest of the second is less than a second, so this looks at the wall clock again.
        let again = at(start + Duration::from_secs(1));
        let second = httpdate::parse_http_date(again.to_str().unwrap()).unwrap();
        assert!(second >= wall);
        assert!(!now().is_empty());
    }
}
