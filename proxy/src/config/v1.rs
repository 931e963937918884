//! v1, Envoy's JSON form of 2018: read strictly and rewritten as v3's, every value keeping the place it had in its file.
//!
//! All that has a v3 form is rewritten; whether that is supported is then decided once, for both forms. A key without
//! a v3 form is refused by name.

mod access_log;
mod address;
mod bootstrap;
mod build;
mod cluster;
mod cors;
mod discovery;
mod hcm;
mod header;
mod health_check;
mod hints;
mod http_filter;
mod listener;
mod network_filter;
mod object;
mod ports;
mod rate_limit;
mod regex;
mod route;
mod route_table;
mod tcp_proxy;
mod tls;
mod tracing;

#[cfg(test)]
mod tests;

pub(super) use self::bootstrap::{KEYS as BOOTSTRAP, convert, joined};
