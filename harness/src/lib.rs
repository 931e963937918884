//! Test bench for meshes: brings gateway, sidecar and app up, breaks them on purpose and says what a client sees.

pub mod admin;
pub mod binaries;
pub mod cargo;
pub mod cli;
pub mod client;
pub mod engine;
pub mod error;
pub mod eventually;
pub mod failure_bundle;
pub mod images;
pub mod launch;
pub mod load;
pub mod mesh;
pub mod node;
pub mod origin;
pub mod reaper;
pub mod settings;
pub mod topology;
pub mod trial;
