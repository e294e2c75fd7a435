//! The trust file and its succession under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| levee_tests::fuzz::trust(data));
