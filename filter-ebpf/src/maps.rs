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
        Control, HALVES, OPENED_BYTES, OPENED_ENTRIES, PLACE_ROWS_CAPACITY, POLICY_SETS,
        ROOT_CAPACITY, SCRATCH_BYTES, SETTINGS_CAPACITY, VLANS_CAPACITY,
    },
    counters::{Counter, VERDICT_COUNTERS},
    limits::{CLAUSES_MAX, SLOTS_MAX},
    policy::PolicySet,
    settings::InterfaceSettings,
    table::{Clause, Root, Row4, Row6},
};

const HALVES_U32: u32 = HALVES as u32;

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
pub(crate) static V4_ROOT: Array<Root> =
    Array::with_max_entries(HALVES_U32 * ROOT_CAPACITY as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static V4_ROWS: Array<Row4> = Array::with_max_entries(HALVES_U32, BPF_F_MMAPABLE);
#[map]
pub(crate) static V6_ROOT: Array<Root> =
    Array::with_max_entries(HALVES_U32 * ROOT_CAPACITY as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static V6_ROWS: Array<Row6> = Array::with_max_entries(HALVES_U32, BPF_F_MMAPABLE);
#[map]
pub(crate) static PLACE4_ROOT: Array<Root> =
    Array::with_max_entries(HALVES_U32 * ROOT_CAPACITY as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static PLACE4_ROWS: Array<Row4> =
    Array::with_max_entries(HALVES_U32 * PLACE_ROWS_CAPACITY as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static PLACE6_ROOT: Array<Root> =
    Array::with_max_entries(HALVES_U32 * ROOT_CAPACITY as u32, BPF_F_MMAPABLE);
#[map]
pub(crate) static PLACE6_ROWS: Array<Row6> =
    Array::with_max_entries(HALVES_U32 * PLACE_ROWS_CAPACITY as u32, BPF_F_MMAPABLE);
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

#[unsafe(no_mangle)]
static INTERFACE: u32 = 0;
#[unsafe(no_mangle)]
static V4_ROWS_CAPACITY: u32 = 1;
#[unsafe(no_mangle)]
static V6_ROWS_CAPACITY: u32 = 1;

/// The number of the interface this instance of the program is attached to.
#[inline(always)]
pub(crate) fn interface() -> u32 {
    load(&INTERFACE)
}

/// Rows of one half of [`V4_ROWS`].
#[inline(always)]
pub(crate) fn v4_rows_capacity() -> u32 {
    load(&V4_ROWS_CAPACITY)
}

/// Rows of one half of [`V6_ROWS`].
#[inline(always)]
pub(crate) fn v6_rows_capacity() -> u32 {
    load(&V6_ROWS_CAPACITY)
}

#[inline(always)]
fn load(constant: &'static u32) -> u32 {
    // SAFETY: a valid, aligned reference; volatile because the loader writes the value that the
    // compiler would otherwise take from the initialiser.
    unsafe { core::ptr::read_volatile(constant) }
}
