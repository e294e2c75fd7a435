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
    maps::{Array, PerCpuArray, RingBuf},
};
use filter_common::{
    abi::{
        BASES4_CAPACITY, BASES6_CAPACITY, ClockReading, Control, FILTER_CAPACITY, HALVES,
        LIMITS_CAPACITY, MARKS_CAPACITY, OPENED_BYTES, OPENED_ENTRIES, PLACE_DEEP_CAPACITY,
        PLACE4_ROWS_CAPACITY, PLACE6_ROWS_CAPACITY, PLACES_CAPACITY, POLICY_SETS, REFLECTOR_WORDS,
        RULE_BITS_CAPACITY, RULE_HEADERS, RULE_LABELS_CAPACITY, RULES_CAPACITY, SCRATCH_BYTES,
        SETTINGS_CAPACITY, SHARED_SETS, STARTS_PER_ELEMENT, VLANS_CAPACITY, WORDS_PER_ELEMENT,
    },
    counters::{Counter, RuleCounter, TALLIES as TALLIES_MAX, VERDICT_COUNTERS},
    limit::{DENSE_WORDS, KEYED_WAYS, Limit},
    limits::{CLAUSES_MAX, REASONS_MAX, RULE_SLOTS_MAX, SLOTS_MAX},
    meter::{GROUP_METERS as GROUPS, METER_SETS, Meter, MeterSet},
    policy::PolicySet,
    rule::{FIELD_CLASSES, RuleBits, RuleRecord, RuleSetHeader},
    sample::{RING_BYTES, Sampling},
    settings::InterfaceSettings,
    table::{Clause, Deep, PlaceRecord},
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
pub(crate) static PLACES: Array<PlaceRecord> =
    Array::with_max_entries(HALVES_U32 * PLACES_CAPACITY as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static RULE_HEADER: Array<RuleSetHeader> =
    Array::with_max_entries(HALVES_U32 * RULE_HEADERS as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static RULE_CLASSES: Starts = starts(FIELD_CLASSES);
#[map]
pub(crate) static RULE_LABELS: Words = words(RULE_LABELS_CAPACITY);
#[map]
pub(crate) static RULE_BITS: Array<RuleBits> =
    Array::with_max_entries(HALVES_U32 * RULE_BITS_CAPACITY as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static RULES: Array<RuleRecord> =
    Array::with_max_entries(HALVES_U32 * RULES_CAPACITY as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static LIMITS: Array<Limit> =
    Array::with_max_entries(HALVES_U32 * LIMITS_CAPACITY as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static REFLECTORS: Array<u64> =
    Array::with_max_entries(HALVES_U32 * REFLECTOR_WORDS as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static RULE_BUCKETS: Array<u64> =
    Array::with_max_entries(RULE_SLOTS_MAX as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static RULE_COUNTS: PerCpuArray<RuleCounter> =
    PerCpuArray::with_max_entries(RULE_SLOTS_MAX as u32, 0);
#[map]
pub(crate) static LINES: Array<[u64; DENSE_WORDS]> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
pub(crate) static SHARED: Array<[u64; KEYED_WAYS]> =
    Array::with_max_entries(SHARED_SETS as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static METERS: PerCpuArray<MeterSet> =
    PerCpuArray::with_max_entries(METER_SETS as u32, 0);
#[map]
pub(crate) static GROUP_METERS: PerCpuArray<Meter> =
    PerCpuArray::with_max_entries(GROUPS as u32, 0);
#[map]
pub(crate) static TALLIES: PerCpuArray<u64> = PerCpuArray::with_max_entries(TALLIES_MAX as u32, 0);
#[map]
pub(crate) static TICK: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
pub(crate) static SAMPLING: Array<Sampling> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
pub(crate) static SAMPLE_LIMITS: Array<u64> = Array::with_max_entries(REASONS_MAX, BPF_F_MMAPABLE);
#[map]
pub(crate) static SAMPLES: RingBuf = RingBuf::with_byte_size(RING_BYTES as u32, 0);
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
#[unsafe(no_mangle)]
static TICK_UNITS: u32 = 12;
#[unsafe(no_mangle)]
static SIMULATED: u32 = 0;
#[unsafe(no_mangle)]
static SECRET: u64 = 0;

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

/// Units of a tick, see [`filter_common::limit::Tick`].
#[inline(always)]
pub(crate) fn tick_units() -> u32 {
    load(&TICK_UNITS)
}

/// Whether ticks are those of a simulation.
#[inline(always)]
pub(crate) fn is_simulated() -> bool {
    load(&SIMULATED) != 0
}

/// The secret by which destinations are spread over sets of buckets and meters.
#[inline(always)]
pub(crate) fn secret() -> u64 {
    load(&SECRET)
}

#[inline(always)]
fn load<T: Copy>(constant: &'static T) -> T {
    // SAFETY: a valid, aligned reference; volatile because the loader writes the value that the
    // compiler would otherwise take from the initialiser.
    unsafe { core::ptr::read_volatile(constant) }
}
