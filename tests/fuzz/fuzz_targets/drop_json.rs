//! Spamhaus DROP in JSON lines under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| levee_tests::fuzz::drop_json(data));
