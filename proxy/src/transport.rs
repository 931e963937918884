//! Byte streams, and the sockets they come from.

pub mod dns;
pub mod peek;
pub mod socket;
mod stream;

pub use self::stream::{Meter, Stream};
