//! Outrigger: a sidecar and edge proxy that runs Envoy's own configuration files.
//!
//! The modules stand in the order of their layers, from the outside in; each may use only those below it
//! (`ARCHITECTURE.md` tells the layers, a test keeps them). To follow one request, read `hcm/stream.rs`.

pub mod server;

pub mod admin;
pub mod explain;

pub mod listener;

pub mod hcm;
pub mod network;

pub mod router;

pub mod filter;

pub mod access_log;
pub mod route;
pub mod upstream;

pub mod message;
pub mod overload;
pub mod transport;

pub mod config;

pub mod formatter;

pub mod stats;
pub mod stream_info;

pub mod base;
