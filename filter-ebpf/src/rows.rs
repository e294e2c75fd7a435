//! One half of the maps of a lookup table, as the search reads them.

use aya_ebpf::maps::Array;
use filter_common::{
    abi::{
        BASES4_CAPACITY, BASES6_CAPACITY, FILTER_CAPACITY, MARKS_CAPACITY, PLACE_DEEP_CAPACITY,
        PLACE4_ROWS_CAPACITY, PLACE6_ROWS_CAPACITY, STARTS_PER_ELEMENT, WORDS_PER_ELEMENT,
    },
    table::{Base, Deep, Filter, Marks, RowValue, Rows4, Rows6},
};

use crate::maps::{self, Starts, Words};

/// The marks of the IPv4 orders.
pub(crate) struct V4Marks {
    half: u32,
}

/// The filter of the IPv6 orders.
pub(crate) struct V6Filter {
    half: u32,
}

/// An IPv4 table.
pub(crate) struct HalfV4 {
    bases: &'static Words,
    starts: &'static Starts,
    values: &'static Words,
    first_base: u32,
    first_row: u32,
}

/// An IPv6 table.
pub(crate) struct HalfV6 {
    bases: &'static Words,
    starts: &'static Array<u64>,
    values: &'static Words,
    deep: &'static Array<Deep>,
    first_base: u32,
    first_row: u32,
    first_deep: u32,
}

impl V4Marks {
    #[inline(always)]
    pub(crate) fn new(half: u32) -> Self {
        Self { half }
    }
}

impl V6Filter {
    #[inline(always)]
    pub(crate) fn new(half: u32) -> Self {
        Self { half }
    }
}

impl HalfV4 {
    /// The orders.
    #[inline(always)]
    pub(crate) fn orders(half: u32) -> Self {
        Self {
            bases: &maps::V4_BASES,
            starts: &maps::V4_STARTS,
            values: &maps::V4_VALUES,
            first_base: half * BASES4_CAPACITY as u32,
            first_row: half * maps::v4_rows_capacity(),
        }
    }

    /// The places.
    #[inline(always)]
    pub(crate) fn places(half: u32) -> Self {
        Self {
            bases: &maps::PLACE4_BASES,
            starts: &maps::PLACE4_STARTS,
            values: &maps::PLACE4_VALUES,
            first_base: half * BASES4_CAPACITY as u32,
            first_row: half * PLACE4_ROWS_CAPACITY as u32,
        }
    }
}

impl HalfV6 {
    /// The orders.
    #[inline(always)]
    pub(crate) fn orders(half: u32) -> Self {
        Self {
            bases: &maps::V6_BASES,
            starts: &maps::V6_STARTS,
            values: &maps::V6_VALUES,
            deep: &maps::V6_DEEP,
            first_base: half * BASES6_CAPACITY as u32,
            first_row: half * maps::v6_rows_capacity(),
            first_deep: half * maps::v6_deep_capacity(),
        }
    }

    /// The places.
    #[inline(always)]
    pub(crate) fn places(half: u32) -> Self {
        Self {
            bases: &maps::PLACE6_BASES,
            starts: &maps::PLACE6_STARTS,
            values: &maps::PLACE6_VALUES,
            deep: &maps::PLACE6_DEEP,
            first_base: half * BASES6_CAPACITY as u32,
            first_row: half * PLACE6_ROWS_CAPACITY as u32,
            first_deep: half * PLACE_DEEP_CAPACITY as u32,
        }
    }
}

impl Marks for V4Marks {
    #[inline(always)]
    fn word(&self, index: u32) -> Option<u64> {
        let index = self.half * MARKS_CAPACITY as u32 + index;
        maps::V4_MARKS.get(index).copied()
    }
}

impl Filter for V6Filter {
    #[inline(always)]
    fn word(&self, index: u32) -> Option<u64> {
        let index = self.half * FILTER_CAPACITY as u32 + index;
        maps::V6_FILTER.get(index).copied()
    }
}

impl Rows4 for HalfV4 {
    #[inline(always)]
    fn base(&self, index: u32) -> Option<Base> {
        word(self.bases, self.first_base + index).map(Base::from_bits)
    }

    #[inline(always)]
    fn start(&self, row: u32) -> Option<u16> {
        const LANES: u32 = STARTS_PER_ELEMENT as u32;
        let row = self.first_row + row;
        let starts = self.starts.get(row / LANES)?;
        Some(starts[(row % LANES) as usize])
    }

    #[inline(always)]
    fn value(&self, row: u32) -> Option<RowValue> {
        word(self.values, self.first_row + row).map(RowValue::from_bits)
    }
}

impl Rows6 for HalfV6 {
    #[inline(always)]
    fn base(&self, index: u32) -> Option<Base> {
        word(self.bases, self.first_base + index).map(Base::from_bits)
    }

    #[inline(always)]
    fn start(&self, row: u32) -> Option<u64> {
        self.starts.get(self.first_row + row).copied()
    }

    #[inline(always)]
    fn value(&self, row: u32) -> Option<RowValue> {
        word(self.values, self.first_row + row).map(RowValue::from_bits)
    }

    #[inline(always)]
    fn deep(&self, row: u32) -> Option<Deep> {
        self.deep.get(self.first_deep + row).copied()
    }
}

/// A word of a map that packs them.
#[inline(always)]
fn word(words: &'static Words, index: u32) -> Option<u32> {
    const LANES: u32 = WORDS_PER_ELEMENT as u32;
    let words = words.get(index / LANES)?;
    Some(words[(index % LANES) as usize])
}
