//! The bodies of the fuzz targets: plain functions, which panic where a property does not hold.
//!
//! The fuzzer of `tests/fuzz` calls them with inputs of its own making, and the test `fuzz` with each
//! file of its corpus.

mod capture;
mod packet;
mod rule;

pub use self::{capture::capture, packet::packet, rule::rule};
