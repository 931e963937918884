//! Network filters: what may stop a connection before it is served, and what serves it that is not HTTP.

mod connection_limit;
mod direct;
mod filter;
mod local_ratelimit;
mod tcp_proxy;

pub use self::connection_limit::Admitted;
pub use self::direct::{echo, respond};
pub use self::filter::{Filter, Verdict};
pub use self::tcp_proxy::TcpProxy;
