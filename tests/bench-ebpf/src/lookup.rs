//! One lookup of the source address in each structure, behind the same smallest parser.

use aya_ebpf::{
    maps::{Array, lpm_trie::Key},
    programs::XdpContext,
};
use filter_common::table::{Base, Marks, RowValue, Rows4, find4, is_marked, under_root4};

use crate::{
    candidates::{
        buckets::{self, Buckets, Line, PLACES},
        rows::{self, Root, Row, Rows},
    },
    frame::{Source, source},
    load, maps,
};

/// What a structure says of a source: 0 for nothing; `None` for a packet without one.
pub(crate) type Found = Option<u32>;

/// The parser alone.
#[inline(always)]
pub(crate) fn parse(ctx: &XdpContext) -> Found {
    match source(ctx) {
        Source::V4([.., last]) => Some(u32::from(last) & maps::zero()),
        Source::V6([.., last]) => Some(u32::from(last) & maps::zero()),
        Source::None => None,
    }
}

/// The parser, and a wait for what it reads.
#[inline(always)]
pub(crate) fn touch(ctx: &XdpContext) -> Found {
    let found = parse(ctx);
    load::barrier();
    found
}

/// The kernel's trie of prefixes.
#[inline(always)]
pub(crate) fn lpm(ctx: &XdpContext) -> Found {
    let found = match source(ctx) {
        Source::V4(source) => maps::LPM_V4.get(Key::new(32, source)),
        Source::V6(source) => maps::LPM_V6.get(Key::new(128, source)),
        Source::None => return None,
    };
    Some(found.copied().unwrap_or(0))
}

/// The kernel's hash table, which knows hosts only.
#[inline(always)]
pub(crate) fn hash(ctx: &XdpContext) -> Found {
    let found = match source(ctx) {
        // SAFETY: nobody writes the map while it is read.
        Source::V4(source) => unsafe { maps::HASH_V4.get(source) },
        // SAFETY: as above.
        Source::V6(source) => unsafe { maps::HASH_V6.get(source) },
        Source::None => return None,
    };
    Some(found.copied().unwrap_or(0))
}

/// Sorted rows under roots.
#[inline(always)]
pub(crate) fn rows(ctx: &XdpContext) -> Found {
    match source(ctx) {
        Source::V4(source) => Some(rows::find(&ALL, u32::from_be_bytes(source))),
        _ => None,
    }
}

/// Levee's own table.
#[inline(always)]
pub(crate) fn stretches(ctx: &XdpContext) -> Found {
    let Source::V4(source) = source(ctx) else {
        return None;
    };
    let address = u32::from_be_bytes(source);
    if !is_marked(&Stretches, address) {
        return Some(0);
    }
    Some(match under_root4(&Stretches, address) {
        Some(rows) => find4(&Stretches, rows, address),
        None => 0,
    })
}

/// Buckets of hosts, and rows for what is in none.
#[inline(always)]
pub(crate) fn buckets(ctx: &XdpContext) -> Found {
    let Source::V4(source) = source(ctx) else {
        return None;
    };
    let address = u32::from_be_bytes(source);
    match buckets::find(&Hosts, address) {
        0 => Some(rows::find(&PREFIXES, address)),
        found => Some(found),
    }
}

/// Rows in two maps.
struct Mapped {
    root: &'static Array<Root>,
    rows: &'static Array<Row>,
}

/// The rows of a whole list.
const ALL: Mapped = Mapped {
    root: &maps::ROOT,
    rows: &maps::ROWS,
};
/// The rows of what is in no bucket.
const PREFIXES: Mapped = Mapped {
    root: &maps::PREFIX_ROOT,
    rows: &maps::PREFIX_ROWS,
};

impl Rows for Mapped {
    #[inline(always)]
    fn root(&self, index: u32) -> Option<Root> {
        self.root.get(index).copied()
    }

    #[inline(always)]
    fn row(&self, index: u32) -> Option<Row> {
        self.rows.get(index).copied()
    }
}

/// Buckets in their maps.
struct Hosts;

impl Buckets for Hosts {
    #[inline(always)]
    fn bits(&self) -> u32 {
        maps::bucket_bits()
    }

    #[inline(always)]
    fn keys(&self, line: u32) -> Option<&Line> {
        maps::BUCKET_KEYS.get(line)
    }

    #[inline(always)]
    fn value(&self, line: u32, place: usize) -> Option<u32> {
        let values = maps::BUCKET_VALUES.get(line)?;
        Some(values[place % PLACES])
    }
}

/// Levee's own table in maps like Levee's.
struct Stretches;

impl Marks for Stretches {
    #[inline(always)]
    fn word(&self, index: u32) -> Option<u64> {
        maps::MARKS.get(index).copied()
    }
}

impl Rows4 for Stretches {
    #[inline(always)]
    fn base(&self, index: u32) -> Option<Base> {
        Some(Base::from_bits(
            maps::BASES.get(index / 2)?[(index % 2) as usize],
        ))
    }

    #[inline(always)]
    fn start(&self, row: u32) -> Option<u16> {
        Some(maps::STARTS.get(row / 4)?[(row % 4) as usize])
    }

    #[inline(always)]
    fn value(&self, row: u32) -> Option<RowValue> {
        Some(RowValue::from_bits(
            maps::VALUES.get(row / 2)?[(row % 2) as usize],
        ))
    }
}
