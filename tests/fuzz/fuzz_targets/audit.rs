//! The reader of the audit log and its checkpoints under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| levee_tests::fuzz::audit(data));
