//! Levee's promises, tested from outside: real kernels, real packets, the real binary.
//!
//! One module per promise; [`support`] holds what they stand on. Tests that need root say so and are
//! skipped without it.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and says where"
)]

mod agree;
mod attach;
mod control;
mod defects;
mod devices;
mod fuzz;
mod generations;
mod holds;
mod limits;
mod networks;
mod policies;
mod profiles;
mod rules;
mod samples;
mod service;
mod simulate;
mod support;
mod swaps;
mod verdicts;
mod verifier;
