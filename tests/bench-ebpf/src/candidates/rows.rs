//! Sorted rows under 2^16 roots: one row for each change of value, found by a binary search.
//!
//! This is the table that Levee had first, kept here to be measured against what replaced it.

/// Roots of a table: one for each value of the upper 16 bits.
pub(crate) const ROOTS: usize = 1 << 16;

/// A root has 65,536 addresses, so at most 65,535 rows begin past its first.
const STEPS: usize = 16;

/// Where to search the rows of one value of the upper 16 bits.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Root {
    /// Rows that begin under this root, past its first address.
    pub(crate) rows: u32,
    /// The value of the whole root where `rows` is 0; else the index of the row that covers its first
    /// address, which the `rows` rows follow.
    pub(crate) first: u32,
}

/// The beginning of an interval and its value.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Row {
    /// The first address.
    pub(crate) start: u32,
    /// What holds up to the start of the next row; 0 for nothing.
    pub(crate) value: u32,
}

/// Bounded reads. An index out of bounds yields `None`.
pub(crate) trait Rows {
    /// The root for the upper 16 bits of an address.
    fn root(&self, index: u32) -> Option<Root>;
    /// A row.
    fn row(&self, index: u32) -> Option<Row>;
}

/// The value of the interval that holds the address; 0 where nothing is listed.
#[inline(always)]
pub(crate) fn find<R: Rows>(table: &R, address: u32) -> u32 {
    let Some(root) = table.root(address >> 16) else {
        return 0;
    };
    if root.rows == 0 {
        return root.first;
    }
    let mut base = root.first;
    let mut left = root.rows;
    for _ in 0..STEPS {
        if left == 0 {
            break;
        }
        let half = left.div_ceil(2);
        let Some(row) = table.row(base.wrapping_add(half)) else {
            return 0;
        };
        if address < row.start {
            left = half - 1;
        } else {
            base = base.wrapping_add(half);
            left -= half;
        }
    }
    match table.row(base) {
        Some(row) => row.value,
        None => 0,
    }
}
