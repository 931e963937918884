//! Test bench for meshes.
