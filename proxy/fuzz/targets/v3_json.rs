//! The fuzz target `v3_json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::v3_json(bytes));
