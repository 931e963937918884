//! Chooses which host gets the next request.

mod edf;
mod round_robin;

pub use self::round_robin::RoundRobin;
