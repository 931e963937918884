//! Outrigger: a sidecar and edge proxy that runs Envoy's own configuration files.

pub mod config;
