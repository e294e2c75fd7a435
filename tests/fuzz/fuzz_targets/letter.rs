//! A letter's list under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| levee_tests::fuzz::letter(data));
