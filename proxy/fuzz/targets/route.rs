//! The fuzz target `route`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::route(bytes));
