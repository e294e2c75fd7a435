//! Admission of signed deltas on a base under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| levee_tests::fuzz::delta(data));
