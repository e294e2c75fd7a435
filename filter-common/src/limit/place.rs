//! Where the bucket of a destination and class lies.
//!
//! Destinations in networks that are small enough have a line of [`DENSE_WORDS`] buckets each, by their
//! number in the network. All others share a table of sets of [`KEYED_WAYS`] buckets, a cache line each: a
//! keyed hash of address and class chooses the set, and a tag the bucket in it. A bucket that nobody has used
//! for so long that it is empty is anybody's; where none is, a destination shares the bucket that its tag
//! falls on, and that is counted.

use super::{Tick, Use};
use crate::address::Address;

/// Words of the line of a destination: one for each class, and room.
pub const DENSE_WORDS: usize = 8;

/// Buckets of a set.
pub const KEYED_WAYS: usize = 8;

/// The hash of a destination and a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// With a secret that whoever sends the packets does not know, so that nobody can aim at a set.
    ///
    /// Multiplications and shifts in the manner of a finaliser (splitmix64): each bit of address, class and
    /// secret changes half of the bits.
    #[inline(always)]
    #[must_use]
    pub const fn new(secret: u64, address: Address, class: u32) -> Self {
        const fn mix(word: u64) -> u64 {
            let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^ word >> 31
        }
        let word = mix(address.low ^ secret);
        let word = mix(word.wrapping_add(address.high) ^ secret.rotate_left(32));
        Self(mix(word.wrapping_add(class as u64)))
    }

    /// Which of `sets` it falls into; `sets` is a power of two.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "cut to the number of sets")]
    pub const fn set(self, sets: u32) -> u32 {
        self.0 as u32 & sets.wrapping_sub(1)
    }

    /// What tells it from others of the set; never 0, which is nobody's.
    #[inline(always)]
    #[must_use]
    pub const fn tag(self) -> u16 {
        let tag = (self.0 >> 48) as u16;
        tag | (tag == 0) as u16
    }

    /// The bucket that it shares where none is free.
    #[inline(always)]
    #[must_use]
    pub const fn shared_way(self) -> usize {
        (self.0 >> 40) as usize & (KEYED_WAYS - 1)
    }
}

/// Which bucket of a set is for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Its own.
    Own(usize),
    /// One that nobody uses: to be taken by writing the tag over what was read.
    Free(usize),
    /// That of somebody else.
    Shared(usize),
}

/// Finds the bucket for a key in a set, of which `word` gives the words. A bucket is free after a second.
///
/// What is carried through the loop goes through `forget`, see [`crate::packet::Source::forget_number`]. Takes
/// [`KEYED_WAYS`] reads of one cache line.
#[inline(always)]
pub fn find_way(
    key: Key,
    tick: Tick,
    word: impl Fn(usize) -> u64,
    forget: impl Fn(usize) -> usize,
) -> Way {
    let mut own = KEYED_WAYS;
    let mut free = KEYED_WAYS;
    for way in 0..KEYED_WAYS {
        let found = Use::from_bits(word(way));
        if found.tag() == key.tag() {
            own = way;
        }
        if found.tag() == 0 || found.age(tick) > u64::from(tick.per_second()) {
            free = way;
        }
        own = forget(own);
        free = forget(free);
    }
    if own < KEYED_WAYS {
        Way::Own(own)
    } else if free < KEYED_WAYS {
        Way::Free(free)
    } else {
        Way::Shared(key.shared_way())
    }
}
