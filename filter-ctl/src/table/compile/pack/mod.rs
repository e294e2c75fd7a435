//! From intervals to the rows that the kernel reads, and to the first stage before them.
//!
//! - [`v4`] and [`v6`]: the rows of each family, root by root;
//! - [`marks`] and [`filter`]: the first stages.

mod filter;
mod marks;
mod v4;
mod v6;

use filter_common::table::RowValue;

pub(super) use self::{
    marks::marks,
    v4::rows_v4,
    v6::{rows_v6, rows_v6_with_filter},
};

/// How a piece of the address space is written, and whether a row must follow that ends it.
///
/// `followed`: where the piece ends, something else begins to hold, or the root ends.
fn written(number: u32, length: u128, followed: bool) -> (RowValue, bool) {
    if followed {
        (RowValue::to_the_next(number), false)
    } else if length.is_power_of_two() && length.ilog2() < 64 {
        (RowValue::for_power_of_two(number, length.ilog2()), false)
    } else {
        (RowValue::to_the_next(number), true)
    }
}

/// An index of a row; capacities are far below 2^32.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Makes the roots up to `root` begin at the row that comes next, unless they have begun.
fn begin_roots(bases: &mut Vec<u32>, root: u32, next: usize) {
    let roots = root as usize + 1;
    if bases.len() < roots {
        bases.resize(roots, number(next));
    }
}
