//! Listener: an address we accept on.
//!
//! The main thread binds, so that a bad address fails the start; the workers accept, each on a socket of its own.

mod accept;
mod chain;
mod chain_match;
mod connection;
mod filter;
pub mod manager;
mod stats;

pub use self::accept::{Acceptor, accept};
pub use self::chain::{Chain, Terminal};
pub use self::manager::{BindError, Listener, Manager};
