//! The date-time service.
fn main() {}
