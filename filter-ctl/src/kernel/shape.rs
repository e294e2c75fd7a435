//! Which maps an instance has, and of what kind and size each is.

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
};

use aya::maps::{MapData, MapError};
use filter_common::{
    abi::{
        CLAUSES_CAPACITY, Control, HALVES, INFO_RECORD, OPENED_BYTES, OPENED_ENTRIES,
        PLACE_ROWS_CAPACITY, POLICY_SETS, ROOT_CAPACITY, SCRATCH_BYTES, SETTINGS_CAPACITY,
        VLANS_CAPACITY, map,
    },
    counters::{Counter, VERDICT_COUNTERS},
    limits::{INTERFACES_MAX, SLOTS_MAX},
    policy::PolicySet,
    settings::InterfaceSettings,
    table::{Clause, Root, Row4, Row6},
};

use super::{
    KernelError,
    sys::{self, MapSpec},
};
use crate::table::compile::Capacity;

/// Every map of an instance.
pub(super) fn specs(capacity: Capacity) -> Result<Vec<MapSpec>, KernelError> {
    let array = |name, value_size: usize, elements: usize| -> Result<MapSpec, KernelError> {
        Ok(MapSpec {
            name,
            kind: sys::BPF_MAP_TYPE_ARRAY,
            value_size: entries(value_size, name)?,
            entries: entries(elements, name)?,
            flags: sys::BPF_F_MMAPABLE,
        })
    };
    let per_cpu = |name, value_size: usize, elements: usize| -> Result<MapSpec, KernelError> {
        Ok(MapSpec {
            kind: sys::BPF_MAP_TYPE_PERCPU_ARRAY,
            flags: 0,
            ..array(name, value_size, elements)?
        })
    };
    Ok(vec![
        array(map::CONTROL, size_of::<Control>(), 1)?,
        array(
            map::SETTINGS,
            size_of::<InterfaceSettings>(),
            HALVES * SETTINGS_CAPACITY,
        )?,
        array(map::POLICIES, size_of::<PolicySet>(), HALVES * POLICY_SETS)?,
        array(map::VLANS, size_of::<u64>(), HALVES * VLANS_CAPACITY)?,
        array(map::V4_ROOT, size_of::<Root>(), HALVES * ROOT_CAPACITY)?,
        array(
            map::V4_ROWS,
            size_of::<Row4>(),
            HALVES * capacity.v4_rows as usize,
        )?,
        array(map::V6_ROOT, size_of::<Root>(), HALVES * ROOT_CAPACITY)?,
        array(
            map::V6_ROWS,
            size_of::<Row6>(),
            HALVES * capacity.v6_rows as usize,
        )?,
        array(map::PLACE4_ROOT, size_of::<Root>(), HALVES * ROOT_CAPACITY)?,
        array(
            map::PLACE4_ROWS,
            size_of::<Row4>(),
            HALVES * PLACE_ROWS_CAPACITY,
        )?,
        array(map::PLACE6_ROOT, size_of::<Root>(), HALVES * ROOT_CAPACITY)?,
        array(
            map::PLACE6_ROWS,
            size_of::<Row6>(),
            HALVES * PLACE_ROWS_CAPACITY,
        )?,
        array(map::CLAUSES, size_of::<Clause>(), HALVES * CLAUSES_CAPACITY)?,
        per_cpu(map::VERDICTS, size_of::<Counter>(), VERDICT_COUNTERS)?,
        per_cpu(map::SLOTS, size_of::<Counter>(), SLOTS_MAX)?,
        per_cpu(map::SCRATCH, SCRATCH_BYTES, 1)?,
        per_cpu(map::OPENED, OPENED_BYTES, OPENED_ENTRIES)?,
        MapSpec {
            flags: 0,
            ..array(map::INFO, INFO_RECORD, 1 + INTERFACES_MAX)?
        },
    ])
}

/// Creates one.
pub(super) fn create(spec: MapSpec) -> Result<OwnedFd, KernelError> {
    sys::create_map(spec).map_err(|source| KernelError::Syscall {
        call: "bpf(BPF_MAP_CREATE)",
        what: format!("map {} of {} elements", spec.name, spec.entries),
        source,
    })
}

/// Whether a map has the kind and the size that were asked for; an error in words if not.
pub(super) fn check(map: BorrowedFd<'_>, spec: MapSpec) -> Result<(), CheckError> {
    let data = MapData::from_fd(map.try_clone_to_owned()?)?;
    let info = data.info()?;
    let kind = info.map_type().map_or(u32::MAX, |kind| kind as u32);
    for (what, found, expected) in [
        ("type", kind, spec.kind),
        ("key size", info.key_size(), 4),
        ("value size", info.value_size(), spec.value_size),
        ("number of elements", info.max_entries(), spec.entries),
        ("flags", info.map_flags(), spec.flags),
    ] {
        if found != expected {
            let what = format!("its {what} is {found}, expected {expected}");
            return Err(CheckError::Shape(what));
        }
    }
    Ok(())
}

/// A map that is not what its name says, or that cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    /// Which property differs, with both values.
    #[error("{0}")]
    Shape(String),
    /// It cannot be inspected.
    #[error(transparent)]
    Map(#[from] MapError),
    /// Its descriptor cannot be used twice.
    #[error(transparent)]
    Descriptor(#[from] io::Error),
}

fn entries(count: usize, what: &'static str) -> Result<u32, KernelError> {
    u32::try_from(count).map_err(|_| KernelError::Capacity {
        what,
        needed: count,
        available: u32::MAX as usize,
    })
}
