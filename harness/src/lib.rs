//! Test bench for meshes: brings gateway, sidecar and app up, breaks them on purpose and says what a client sees.

pub mod binaries;
pub mod cli;
pub mod error;
pub mod eventually;
pub mod launch;
pub mod node;
pub mod settings;
