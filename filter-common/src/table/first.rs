//! The first stage of the orders' tables: what it says is clean is not looked for any further.
//!
//! It must never say so of a listed address. Of a clean one it may fail to, which costs the search of the
//! rows and nothing else.

/// Words of the marks: one bit for each IPv4 /24.
pub const MARK_WORDS: usize = 1 << (24 - 6);

/// Words of the Bloom filter of the IPv6 orders.
///
/// Half a million keys in 2^22 bits let about one clean address in thirty through.
pub const FILTER_WORDS: usize = 1 << 16;

/// The greatest grain, see [`super::Base::with_grain`]: one key for each /32.
pub const GRAIN_MAX: u8 = 33;

/// Bounded reads of the marks.
pub trait Marks {
    /// The word with this index.
    fn word(&self, index: u32) -> Option<u64>;
}

/// Bounded reads of the filter.
pub trait Filter {
    /// The word with this index.
    fn word(&self, index: u32) -> Option<u64>;
}

/// A filter that lets all through, for tables that have none.
#[derive(Clone, Copy, Debug)]
pub struct Open;

impl Filter for Open {
    #[inline(always)]
    fn word(&self, _: u32) -> Option<u64> {
        Some(u64::MAX)
    }
}

/// The word and the bit of an IPv4 address's /24.
#[inline(always)]
#[must_use]
pub const fn mark(address: u32) -> (u32, u64) {
    (address >> 14, 1 << (address >> 8 & 63))
}

/// Whether anything is listed in the address's /24.
#[inline(always)]
pub fn is_marked<M: Marks>(marks: &M, address: u32) -> bool {
    let (index, bit) = mark(address);
    match marks.word(index) {
        Some(word) => word & bit != 0,
        None => true,
    }
}

/// The word and the bits that stand for an IPv6 address, by its upper 64 bits, at a grain from 1 on.
///
/// A Bloom filter blocked by words: three bits of one word, so that it takes one read.
#[inline(always)]
#[must_use]
pub const fn filter_key(high: u64, grain: u32) -> (u32, u64) {
    // Multiplication spreads the key upwards: the upper half of the product depends on all of it.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let hash = (high >> (grain.wrapping_sub(1) & 63)).wrapping_mul(SPREAD);
    let bits = 1 << (hash >> 42 & 63) | 1 << (hash >> 36 & 63) | 1 << (hash >> 30 & 63);
    ((hash >> 48) as u32, bits)
}
