//! The only door to the time.

use std::time::{Instant, SystemTime};

/// Monotonic time, for durations and deadlines.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn now() -> Instant {
    Instant::now()
}

/// Wall-clock time, for people and headers.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn wall() -> SystemTime {
    SystemTime::now()
}
