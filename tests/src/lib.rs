//! What the fuzzer and the tests share: properties that must hold of every input.

pub mod fuzz;
