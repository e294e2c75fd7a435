//! Every map and load-time constant, under the names of [`filter_common::abi`].
//!
//! The controller creates and pins the maps, with sizes that follow its configuration, and this object
//! is loaded over them: the sizes here are only those of the smallest configuration. Where it runs the
//! program for itself it lets the loader create them as they are declared here, so kind and flags are
//! those that it would give them. All are written by the controller and read here, except the counters
//! and the scratch window, which is the other way round.

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    macros::map,
    maps::{Array, PerCpuArray},
};
use filter_common::{
    abi::{
        BASES4_CAPACITY, BASES6_CAPACITY, ClockReading, Control, FILTER_CAPACITY, HALVES,
        MARKS_CAPACITY, OPENED_BYTES, OPENED_ENTRIES, PLACE_DEEP_CAPACITY, PLACE4_ROWS_CAPACITY,
        PLACE6_ROWS_CAPACITY, POLICY_SETS, SCRATCH_BYTES, SETTINGS_CAPACITY, STARTS_PER_ELEMENT,
        VLANS_CAPACITY, WORDS_PER_ELEMENT,
    },
    counters::{Counter, VERDICT_COUNTERS},
    limits::{CLAUSES_MAX, SLOTS_MAX},
    policy::PolicySet,
    settings::InterfaceSettings,
    table::{Clause, Deep},
};

const HALVES_U32: u32 = HALVES as u32;

/// Words of 32 bits, packed.
pub(crate) type Words = Array<[u32; WORDS_PER_ELEMENT]>;
/// Starts of IPv4 rows, packed.
pub(crate) type Starts = Array<[u16; STARTS_PER_ELEMENT]>;

const fn words(half: usize) -> Words {
    Array::with_max_entries((HALVES * half / WORDS_PER_ELEMENT) as u32, BPF_F_MMAPABLE)
}

const fn starts(half: usize) -> Starts {
    Array::with_max_entries((HALVES * half / STARTS_PER_ELEMENT) as u32, BPF_F_MMAPABLE)
}

#[map]
pub(crate) static CONTROL: Array<Control> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
pub(crate) static SETTINGS: Array<InterfaceSettings> =
    Array::with_max_entries(HALVES_U32 * SETTINGS_CAPACITY as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static POLICIES: Array<PolicySet> =
    Array::with_max_entries(HALVES_U32 * POLICY_SETS as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static VLANS: Array<u64> =
    Array::with_max_entries(HALVES_U32 * VLANS_CAPACITY as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static V4_MARKS: Array<u64> =
    Array::with_max_entries(HALVES_U32 * MARKS_CAPACITY as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static V4_BASES: Words = words(BASES4_CAPACITY);
#[map]
pub(crate) static V4_STARTS: Starts = starts(STARTS_PER_ELEMENT);
#[map]
pub(crate) static V4_VALUES: Words = words(WORDS_PER_ELEMENT);
#[map]
pub(crate) static V6_FILTER: Array<u64> =
    Array::with_max_entries(HALVES_U32 * FILTER_CAPACITY as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static V6_BASES: Words = words(BASES6_CAPACITY);
#[map]
pub(crate) static V6_STARTS: Array<u64> = Array::with_max_entries(HALVES_U32, BPF_F_MMAPABLE);
#[map]
pub(crate) static V6_VALUES: Words = words(WORDS_PER_ELEMENT);
#[map]
pub(crate) static V6_DEEP: Array<Deep> = Array::with_max_entries(HALVES_U32, BPF_F_MMAPABLE);
#[map]
pub(crate) static PLACE4_BASES: Words = words(BASES4_CAPACITY);
#[map]
pub(crate) static PLACE4_STARTS: Starts = starts(PLACE4_ROWS_CAPACITY);
#[map]
pub(crate) static PLACE4_VALUES: Words = words(PLACE4_ROWS_CAPACITY);
#[map]
pub(crate) static PLACE6_BASES: Words = words(BASES6_CAPACITY);
#[map]
pub(crate) static PLACE6_STARTS: Array<u64> =
    Array::with_max_entries(HALVES_U32 * PLACE6_ROWS_CAPACITY as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static PLACE6_VALUES: Words = words(PLACE6_ROWS_CAPACITY);
#[map]
pub(crate) static PLACE6_DEEP: Array<Deep> =
    Array::with_max_entries(HALVES_U32 * PLACE_DEEP_CAPACITY as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static CLAUSES: Array<Clause> =
    Array::with_max_entries(HALVES_U32 * CLAUSES_MAX as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static VERDICTS: PerCpuArray<Counter> =
    PerCpuArray::with_max_entries(VERDICT_COUNTERS as u32, 0);
#[map]
pub(crate) static SLOTS: PerCpuArray<Counter> = PerCpuArray::with_max_entries(SLOTS_MAX as u32, 0);
#[map]
pub(crate) static SCRATCH: PerCpuArray<[u8; SCRATCH_BYTES]> = PerCpuArray::with_max_entries(1, 0);
#[map]
pub(crate) static OPENED: PerCpuArray<[u64; OPENED_BYTES / 8]> =
    PerCpuArray::with_max_entries(OPENED_ENTRIES as u32, 0);
#[map]
pub(crate) static CLOCK: PerCpuArray<ClockReading> = PerCpuArray::with_max_entries(1, 0);

#[unsafe(no_mangle)]
static INTERFACE: u32 = 0;
#[unsafe(no_mangle)]
static V4_ROWS_CAPACITY: u32 = 1;
#[unsafe(no_mangle)]
static V6_ROWS_CAPACITY: u32 = 1;
#[unsafe(no_mangle)]
static V6_DEEP_CAPACITY: u32 = 1;

/// The number of the interface this instance of the program is attached to.
#[inline(always)]
pub(crate) fn interface() -> u32 {
    load(&INTERFACE)
}

/// Rows of one half of the IPv4 orders.
#[inline(always)]
pub(crate) fn v4_rows_capacity() -> u32 {
    load(&V4_ROWS_CAPACITY)
}

/// Rows of one half of the IPv6 orders.
#[inline(always)]
pub(crate) fn v6_rows_capacity() -> u32 {
    load(&V6_ROWS_CAPACITY)
}

/// Deep rows of one half of the IPv6 orders.
#[inline(always)]
pub(crate) fn v6_deep_capacity() -> u32 {
    load(&V6_DEEP_CAPACITY)
}

#[inline(always)]
fn load(constant: &'static u32) -> u32 {
    // SAFETY: a valid, aligned reference; volatile because the loader writes the value that the
    // compiler would otherwise take from the initialiser.
    unsafe { core::ptr::read_volatile(constant) }
}
