//! The lookup tables, as arrays that the kernel program and the host read alike.
//!
//! A table cuts the address space of a family into intervals: [`Row4`] and [`Row6`] say where one
//! begins and what holds in it, sorted by that beginning. A [`Root`] for each value of the upper 16
//! address bits narrows the search to the rows that begin under it, or answers at once where none
//! does. The value of a row is 0 for nothing; in the orders' table it is the number, from 1, of the
//! first of a run of [`Clause`]s; in the table of places it is a [`Place`]: what the operator and the
//! registries say of an address, its never-block [`Scope`] above all.
//!
//! - [`search`] finds the row of an address;
//! - [`place`] says what holds for an address beside the orders;
//! - [`clause`] says under which conditions a listed address is blocked.

mod clause;
mod place;
mod search;

pub use clause::{Clause, ClauseFlags, End, Subject};
pub use place::{Place, Special};
pub use search::{Intervals, Key, Key4, Key6, find};

/// Roots of a table: one for each value of the upper 16 address bits.
pub const ROOTS: usize = 1 << 16;

/// Where to search the rows of one value of the upper 16 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Root {
    /// Rows that begin under this root, past its first address.
    pub rows: u32,
    /// The value of the whole root where `rows` is 0; else the index of the row that covers its first
    /// address, which the `rows` rows follow.
    pub first: u32,
}

/// The beginning of an IPv4 interval and its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Row4 {
    /// The first address.
    pub start: u32,
    /// What holds up to the start of the next row.
    pub value: u32,
}

/// The beginning of an IPv6 interval and its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Row6 {
    /// The upper 64 bits of the first address.
    pub high: u64,
    /// The lower 64 bits.
    pub low: u64,
    /// What holds up to the start of the next row.
    pub value: u32,
    /// Zero.
    pub reserved: u32,
}

/// How far a never-block entry protects an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Scope {
    /// No order can drop a packet for this end of it.
    Lists = 1,
    /// A packet with this end always passes.
    All = 2,
}

const _: () = {
    assert!(size_of::<Root>() == 8);
    assert!(size_of::<Row4>() == 8);
    assert!(size_of::<Row6>() == 24);
};
