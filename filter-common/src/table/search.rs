//! The search for the interval of an address.

use super::Root;
use crate::address::Address;

/// An address as a table's key.
pub trait Key: Copy {
    /// Steps that a search takes at most: the rows of a root are halved this often.
    const STEPS: usize;

    /// The upper 16 bits.
    fn root(self) -> u32;

    /// Whether `self` comes before `other`.
    fn precedes(self, other: Self) -> bool;
}

/// An IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key4(pub u32);

impl Key for Key4 {
    // A root has 65,536 addresses, so at most 65,535 rows begin past its first.
    const STEPS: usize = 16;

    #[inline(always)]
    fn root(self) -> u32 {
        self.0 >> 16
    }

    #[inline(always)]
    fn precedes(self, other: Self) -> bool {
        self.0 < other.0
    }
}

/// An IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key6(pub Address);

impl Key for Key6 {
    // All rows may lie under one root; the compiler refuses 2^24 rows and more.
    const STEPS: usize = 24;

    #[inline(always)]
    fn root(self) -> u32 {
        (self.0.high >> 48) as u32
    }

    #[inline(always)]
    fn precedes(self, other: Self) -> bool {
        self.0.high < other.0.high || (self.0.high == other.0.high && self.0.low < other.0.low)
    }
}

/// Bounded reads of one table. An index out of bounds yields `None`, never a fault.
pub trait Intervals<K> {
    /// The root for the upper 16 bits of an address.
    fn root(&self, index: u32) -> Option<Root>;
    /// Where the row with this index begins.
    fn start(&self, index: u32) -> Option<K>;
    /// The value of the row with this index.
    fn value(&self, index: u32) -> Option<u32>;
}

/// The value of the interval that holds `key`; 0 where nothing is listed.
///
/// Takes one read for a root without rows, else at most `K::STEPS` + 2.
#[inline(always)]
pub fn find<K: Key, I: Intervals<K>>(table: &I, key: K) -> u32 {
    let Some(root) = table.root(key.root()) else {
        return 0;
    };
    if root.rows == 0 {
        return root.first;
    }
    // The answer is always among `base ..= base + left`, and `base` never begins past the key.
    let mut base = root.first;
    let mut left = root.rows;
    for _ in 0..K::STEPS {
        if left == 0 {
            break;
        }
        let half = left.div_ceil(2);
        let Some(start) = table.start(base.wrapping_add(half)) else {
            return 0;
        };
        if key.precedes(start) {
            left = half - 1;
        } else {
            base = base.wrapping_add(half);
            left -= half;
        }
    }
    table.value(base).unwrap_or(0)
}
