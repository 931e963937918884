//! The fuzz target `v1_yaml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::v1_yaml(bytes));
