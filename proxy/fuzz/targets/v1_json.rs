//! The fuzz target `v1_json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::v1_json(bytes));
