//! The lookup tables, as arrays that the kernel program and the host read alike.
//!
//! A table says what holds for each address of a family: nothing, or a number. In the orders' table it
//! is the number, from 1, of the first of a run of [`Clause`]s; in the table of places it is the number of
//! a [`PlaceRecord`]: the [`Place`], which is what the operator and the registries say of an address, its
//! never-block [`Scope`] above all, and the rules and buckets that it comes under.
//!
//! The upper bits of an address choose a *root*: of IPv4 the upper 18; of IPv6, within 2000::/3, the 16
//! that follow the first three, and one root for all the rest. Under a root lie *rows*, sorted by where
//! they begin. A row holds from its start to the start of the next, or for a power of two of addresses,
//! beyond which nothing holds; so a prefix that stands alone costs one row. Starts are kept apart from
//! values, so that a search walks through two bytes a row, or eight: [`Base`], the starts, [`RowValue`].
//! IPv6 rows count by the upper 64 bits; where more than one thing is said within those, the row leads
//! to a group of [`Deep`] rows that count by the lower 64.
//!
//! Before all that stands a first stage, in which clean traffic leaves after one read: for IPv4 a bit for
//! each /24 in which anything is listed, for IPv6 a Bloom filter.
//!
//! - [`search`] finds the row of an address;
//! - [`first`] is the first stage;
//! - [`row`] says how a row is written;
//! - [`place`] says what holds for an address beside the orders;
//! - [`clause`] says under which conditions a listed address is blocked.

mod clause;
mod first;
mod place;
mod row;
mod search;

pub use clause::{Clause, ClauseFlags, End, Subject};
pub use first::{
    FILTER_WORDS, Filter, GRAIN_MAX, MARK_WORDS, Marks, Open, filter_key, is_marked, mark,
};
pub use place::{Place, PlaceRecord, Special};
pub use row::{Base, Deep, RowValue};
pub use search::{Rows4, Rows6, UnderRoot, find4, find6, under_root4, under_root6};

/// Bits of an IPv4 address below its root.
pub const ROOT_SHIFT_4: u32 = 14;

/// Roots of an IPv4 table: one for each value of the upper 18 bits.
pub const ROOTS_4: usize = 1 << (32 - ROOT_SHIFT_4);

/// Roots of an IPv6 table: that of all addresses outside 2000::/3, then one for each value of the 16 bits
/// that follow those three.
pub const ROOTS_6: usize = 1 + (1 << 16);

/// Words of [`Base`] in an IPv4 table: one for each root and one past the last that says where it ends, up
/// to an even number.
pub const BASES_4: usize = ROOTS_4 + 2;

/// Words of [`Base`] in an IPv6 table.
pub const BASES_6: usize = ROOTS_6 + 1;

/// Rows that a table can address: its numbers of rows have 24 bits.
pub const ROWS_MAX: usize = 1 << 24;

/// The root of an IPv4 address.
#[inline(always)]
#[must_use]
pub const fn root4(address: u32) -> u32 {
    address >> ROOT_SHIFT_4
}

/// The root of an IPv6 address, by its upper 64 bits.
#[inline(always)]
#[must_use]
pub const fn root6(high: u64) -> u32 {
    if high >> 61 == 1 {
        1 + (high >> ROOT_SHIFT_6 & 0xffff) as u32
    } else {
        0
    }
}

/// The upper 64 bits of an IPv6 address that lie below its root within 2000::/3.
pub const ROOT_SHIFT_6: u32 = 45;

/// How far a never-block entry protects an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Scope {
    /// No order can drop a packet for this end of it.
    Lists = 1,
    /// A packet with this end always passes.
    All = 2,
}
