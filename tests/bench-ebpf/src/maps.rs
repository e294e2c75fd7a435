//! The maps. The bench gives each the size that it needs; here are the smallest.

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    macros::map,
    maps::{Array, HashMap, LpmTrie, PerCpuArray, ProgramArray},
};
use filter_common::table::{BASES_4 as BASES_COUNT, MARK_WORDS};

use crate::{
    candidates::{
        buckets::Line,
        rows::{ROOTS, Root, Row},
    },
    names::{Cursor, count::ODD},
};

/// The addresses that frames come from, in network byte order; an IPv4 address in the first four bytes.
#[map]
pub(crate) static SOURCES: Array<[u8; 16]> = Array::with_max_entries(1, BPF_F_MMAPABLE);
/// Where a CPU is in its sources.
#[map]
pub(crate) static CURSOR: PerCpuArray<Cursor> = PerCpuArray::with_max_entries(1, 0);
/// When the next frame is due, in nanoseconds of CLOCK_MONOTONIC.
#[map]
pub(crate) static DUE: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);
/// What is added to only to keep reads in order.
#[map]
pub(crate) static BARRIER: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);
/// The program that `run` goes on with.
#[map]
pub(crate) static UNDER_TEST: ProgramArray = ProgramArray::with_max_entries(1, 0);
#[map]
pub(crate) static COUNTS: PerCpuArray<u64> = PerCpuArray::with_max_entries(ODD + 1, 0);

#[map]
pub(crate) static LPM_V4: LpmTrie<[u8; 4], u32> = LpmTrie::with_max_entries(1, 0);
#[map]
pub(crate) static LPM_V6: LpmTrie<[u8; 16], u32> = LpmTrie::with_max_entries(1, 0);
#[map]
pub(crate) static HASH_V4: HashMap<[u8; 4], u32> = HashMap::with_max_entries(1, 0);
#[map]
pub(crate) static HASH_V6: HashMap<[u8; 16], u32> = HashMap::with_max_entries(1, 0);
#[map]
pub(crate) static ROOT: Array<Root> = Array::with_max_entries(ROOTS as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static ROWS: Array<Row> = Array::with_max_entries(1, BPF_F_MMAPABLE);
/// The rows beside the buckets, for what is no host.
#[map]
pub(crate) static PREFIX_ROOT: Array<Root> = Array::with_max_entries(ROOTS as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static PREFIX_ROWS: Array<Row> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
pub(crate) static BUCKET_KEYS: Array<Line> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
pub(crate) static BUCKET_VALUES: Array<Line> = Array::with_max_entries(1, BPF_F_MMAPABLE);

#[map]
pub(crate) static MARKS: Array<u64> = Array::with_max_entries(MARK_WORDS as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static BASES: Array<[u32; 2]> =
    Array::with_max_entries(BASES_COUNT.div_ceil(2) as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static STARTS: Array<[u16; 4]> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
pub(crate) static VALUES: Array<[u32; 2]> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// The interface that frames are sent out of.
#[unsafe(no_mangle)]
static SEND_TO: u32 = 0;
/// Nanoseconds from one frame to the next; 0 for as fast as it goes.
#[unsafe(no_mangle)]
static PERIOD: u32 = 0;
/// The logarithm of the number of lines of the buckets.
#[unsafe(no_mangle)]
static BUCKET_BITS: u32 = 1;
/// 0, of which the processor learns only when it reads it.
#[unsafe(no_mangle)]
static ZERO: u32 = 0;

#[inline(always)]
pub(crate) fn send_to() -> u32 {
    load(&SEND_TO)
}

#[inline(always)]
pub(crate) fn period() -> u32 {
    load(&PERIOD)
}

#[inline(always)]
pub(crate) fn bucket_bits() -> u32 {
    load(&BUCKET_BITS)
}

#[inline(always)]
pub(crate) fn zero() -> u32 {
    load(&ZERO)
}

#[inline(always)]
fn load(constant: &'static u32) -> u32 {
    // SAFETY: a valid, aligned reference; volatile because the loader writes the value that the
    // compiler would otherwise take from the initialiser.
    unsafe { core::ptr::read_volatile(constant) }
}
