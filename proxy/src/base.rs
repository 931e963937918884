//! Small things with no opinion about proxies.

pub mod alarm;
pub mod bell;
pub mod clock;
pub mod drain;
pub mod latch;
pub mod memory;
pub mod random;
pub mod task;
pub mod watch;
