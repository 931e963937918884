//! Byte streams, and the sockets they come from.

pub mod dns;
pub mod own_address;
pub mod peek;
pub mod proxy_protocol;
pub mod relay;
pub mod socket;
mod stream;
pub mod tls;

pub use self::stream::{Meter, Raw, Socket, Stream};
