//! The fuzz target `format`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::format(bytes));
