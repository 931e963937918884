//! `cargo mesh`.
fn main() {}
