//! The `date` header, made once a second.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

use crate::base::clock;

thread_local! {
    static LAST: RefCell<Option<(u64, HeaderValue)>> = const { RefCell::new(None) };
}

/// The `date` header of this second (RFC 9110 §5.6.7).
pub fn now() -> HeaderValue {
    let wall = clock::wall();
    let second = wall.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    LAST.with_borrow_mut(|last| match last {
        Some((when, value)) if *when == second => value.clone(),
        _ => {
            let value = format(wall);
            *last = Some((second, value.clone()));
            value
        }
    })
}

fn format(wall: SystemTime) -> HeaderValue {
    HeaderValue::try_from(httpdate::fmt_http_date(wall))
        .unwrap_or_else(|_| HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))
}
