//! Filters: the steps between a connection and what answers it.

pub mod http;
