//! What the kernel program and the controller of Levee mean to each other.
//!
//! This crate is compiled twice: for the BPF target into the XDP program, and for the host into the
//! controller, the tests and the fuzzers. Both therefore parse and decide by the same source. It does
//! no I/O, allocates nothing, cannot panic and has no dependency.
//!
//! The way of a packet through it:
//!
//! - [`packet`] reads headers through a bounded [`packet::Source`] and yields a [`packet::Packet`],
//!   or the reason why the frame is none of the filter's business;
//! - [`decide`] looks both addresses up in [`table`] and returns a [`verdict::Verdict`];
//! - [`policy`] names what can be odd about a packet, and what is done about it;
//! - [`counters`] says where that verdict is counted.
//!
//! The contract of the maps:
//!
//! - [`abi`] names the maps, their records and the version of the whole;
//! - [`settings`] holds what an interface is told per generation;
//! - [`limits`] holds every bound, with what happens past it.
#![no_std]

pub mod abi;
pub mod address;
pub mod bits;
pub mod counters;
pub mod decide;
pub mod limit;
pub mod limits;
pub mod meter;
pub mod packet;
pub mod policy;
pub mod rule;
pub mod sample;
pub mod settings;
pub mod table;
pub mod verdict;
