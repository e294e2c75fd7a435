//! The search for the row of an address.
//!
//! The kernel has no conditional moves, and a branch that falls this way or that costs more than the
//! whole step; so each step of the search is arithmetic, and the only branch ends it.

use super::{Base, Deep, Filter, ROOT_SHIFT_4, RowValue, filter_key, root4, root6};
use crate::address::Address;

/// Bounded reads of an IPv4 table. An index out of bounds yields `None`, never a fault.
pub trait Rows4 {
    /// The base with this index.
    fn base(&self, index: u32) -> Option<Base>;
    /// The bits below the root of the first address of a row.
    fn start(&self, row: u32) -> Option<u16>;
    /// What the row says.
    fn value(&self, row: u32) -> Option<RowValue>;
}

/// Bounded reads of an IPv6 table.
pub trait Rows6 {
    /// The base with this index.
    fn base(&self, index: u32) -> Option<Base>;
    /// The upper 64 bits of the first address of a row.
    fn start(&self, row: u32) -> Option<u64>;
    /// What the row says.
    fn value(&self, row: u32) -> Option<RowValue>;
    /// A deep row.
    fn deep(&self, row: u32) -> Option<Deep>;
}

/// The rows of a root: the first, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnderRoot {
    /// The index of the first.
    pub first: u32,
    /// From 1.
    pub count: u32,
}

/// The rows under the root of an IPv4 address; `None` where there are none, so nothing holds.
///
/// Takes two reads.
#[inline(always)]
pub fn under_root4<R: Rows4>(rows: &R, address: u32) -> Option<UnderRoot> {
    let root = root4(address);
    let first = rows.base(root)?.index();
    let count = rows.base(root + 1)?.index().wrapping_sub(first);
    (count != 0).then_some(UnderRoot { first, count })
}

/// The rows under the root of an IPv6 address; `None` where there are none or where the first stage knows
/// nothing of it, so nothing holds.
///
/// Takes three reads.
#[inline(always)]
pub fn under_root6<R: Rows6, F: Filter>(rows: &R, filter: &F, high: u64) -> Option<UnderRoot> {
    let root = root6(high);
    let base = rows.base(root)?;
    let first = base.index();
    let count = rows.base(root + 1)?.index().wrapping_sub(first);
    if count == 0 {
        return None;
    }
    if base.grain() != 0 {
        let (index, bits) = filter_key(high, base.grain());
        if filter.word(index)? & bits != bits {
            return None;
        }
    }
    Some(UnderRoot { first, count })
}

/// What the rows under its root say of an IPv4 address; 0 for nothing.
///
/// Takes at most 16 reads.
#[inline(always)]
pub fn find4<R: Rows4>(rows: &R, under: UnderRoot, address: u32) -> u32 {
    found4(rows, under, address).unwrap_or(0)
}

#[inline(always)]
fn found4<R: Rows4>(rows: &R, under: UnderRoot, address: u32) -> Option<u32> {
    let key = u64::from(address & ((1 << ROOT_SHIFT_4) - 1));
    let start = |row| rows.start(row).map(u64::from);
    let (row, distance) = last_at_or_before::<STEPS_4>(&start, under, key)?;
    let value = rows.value(row)?;
    value.reaches(distance).then_some(value.number())
}

/// What the rows under its root say of an IPv6 address; 0 for nothing.
///
/// Takes at most 26 reads, and as many again where a row leads to deep rows.
#[inline(always)]
pub fn find6<R: Rows6>(rows: &R, under: UnderRoot, address: Address) -> u32 {
    found6(rows, under, address).unwrap_or(0)
}

#[inline(always)]
fn found6<R: Rows6>(rows: &R, under: UnderRoot, address: Address) -> Option<u32> {
    let start = |row| rows.start(row);
    let (row, distance) = last_at_or_before::<STEPS_6>(&start, under, address.high)?;
    let value = rows.value(row)?;
    if !value.reaches(distance) {
        return None;
    }
    if !value.is_deep() {
        return Some(value.number());
    }
    let first = value.number();
    let count = rows.deep(first)?.rows;
    let start = |row| rows.deep(row).map(|row| row.low);
    let under = UnderRoot { first, count };
    let (row, distance) = last_at_or_before::<STEPS_6>(&start, under, address.low)?;
    let value = RowValue::from_bits(rows.deep(row)?.value);
    value.reaches(distance).then_some(value.number())
}

/// Steps that halve the rows of an IPv4 root, of which there are at most as many as addresses, to one.
const STEPS_4: usize = ROOT_SHIFT_4 as usize;

/// Steps that halve as many rows as a table can address, 2^24, to one.
const STEPS_6: usize = 24;

/// The last of the rows that begins at or before `key`, and the distance from its start; `None` if there
/// is none.
#[inline(always)]
fn last_at_or_before<const STEPS: usize>(
    start: &impl Fn(u32) -> Option<u64>,
    UnderRoot { first, count }: UnderRoot,
    key: u64,
) -> Option<(u32, u64)> {
    // The row is among the `left` from `row` on, if there is one.
    let (mut row, mut left) = (first, count);
    for _ in 0..STEPS {
        if left <= 1 {
            break;
        }
        let half = left / 2;
        let middle = start(row.wrapping_add(half))?;
        row = row.wrapping_add(half & mask_if_not_before(key, middle));
        left -= half;
    }
    let start = start(row)?;
    (start <= key).then(|| (row, key.wrapping_sub(start)))
}

/// All ones if `key` is not before `start`, else 0: the borrow of their difference.
#[inline(always)]
const fn mask_if_not_before(key: u64, start: u64) -> u32 {
    let borrow = (!key & start | (!key | start) & key.wrapping_sub(start)) >> 63;
    (borrow as u32).wrapping_sub(1)
}
