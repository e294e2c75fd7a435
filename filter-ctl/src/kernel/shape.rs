//! Which maps an instance has, and of what kind and size each is.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::Path,
};

use aya::maps::{MapData, MapError};
use filter_common::{
    abi::{
        BASES4_CAPACITY, BASES6_CAPACITY, CLAUSES_CAPACITY, ClockReading, Control, FILTER_CAPACITY,
        HALVES, INFO_RECORD, LIMITS_CAPACITY, MARKS_CAPACITY, OPENED_BYTES, OPENED_ENTRIES,
        PLACE_DEEP_CAPACITY, PLACE4_ROWS_CAPACITY, PLACE6_ROWS_CAPACITY, PLACES_CAPACITY,
        POLICY_SETS, REFLECTOR_WORDS, RULE_BITS_CAPACITY, RULE_HEADERS, RULE_LABELS_CAPACITY,
        RULES_CAPACITY, SCRATCH_BYTES, SETTINGS_CAPACITY, SHARED_SETS, VLANS_CAPACITY, map,
    },
    counters::{Counter, RuleCounter, TALLIES, VERDICT_COUNTERS},
    limit::{DENSE_WORDS, KEYED_WAYS, Limit},
    limits::{INTERFACES_MAX, REASONS_MAX, RULE_SLOTS_MAX, SLOTS_MAX},
    meter::{GROUP_METERS, METER_SETS, Meter, MeterSet},
    policy::PolicySet,
    rule::{FIELD_CLASSES, RuleBits, RuleRecord, RuleSetHeader},
    sample::{RING_BYTES, Sampling},
    settings::InterfaceSettings,
    table::{Clause, Deep, PlaceRecord},
};

use super::{
    KernelError,
    pins::pins_error,
    sys::{self, MapSpec},
};
use crate::table::{compile::Capacity, elements::ELEMENTS};

/// A map of two halves, of which each generation fills one.
#[derive(Clone, Copy, Debug)]
pub(super) struct TableMap {
    pub(super) name: &'static str,
    pub(super) holds: Holds,
    /// Of what it holds, in one half.
    pub(super) half: usize,
}

/// What a table map holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Words16,
    Words32,
    Words64,
    Deep,
    Places,
    RuleHeader,
    RuleBits,
    Rules,
    Limits,
    Clauses,
    Settings,
    Policies,
}

impl Holds {
    const fn bytes(self) -> usize {
        match self {
            Self::Words16 => size_of::<u16>(),
            Self::Words32 => size_of::<u32>(),
            Self::Words64 => size_of::<u64>(),
            Self::Deep => size_of::<Deep>(),
            Self::Places => size_of::<PlaceRecord>(),
            Self::RuleHeader => size_of::<RuleSetHeader>(),
            Self::RuleBits => size_of::<RuleBits>(),
            Self::Rules => size_of::<RuleRecord>(),
            Self::Limits => size_of::<Limit>(),
            Self::Clauses => size_of::<Clause>(),
            Self::Settings => size_of::<InterfaceSettings>(),
            Self::Policies => size_of::<PolicySet>(),
        }
    }
}

/// The kernel keeps elements of an array at multiples of this.
const STRIDE: usize = 8;

/// Every table map of an instance.
pub(super) fn tables(capacity: Capacity) -> [TableMap; ELEMENTS + 1] {
    let table = |name, holds, half| TableMap { name, holds, half };
    let [v4, v6, deep] =
        [capacity.v4_rows(), capacity.v6_rows(), capacity.v6_deep()].map(|n| n as usize);
    [
        table(map::SETTINGS, Holds::Settings, SETTINGS_CAPACITY),
        table(map::POLICIES, Holds::Policies, POLICY_SETS),
        table(map::VLANS, Holds::Words64, VLANS_CAPACITY),
        table(map::V4_MARKS, Holds::Words64, MARKS_CAPACITY),
        table(map::V4_BASES, Holds::Words32, BASES4_CAPACITY),
        table(map::V4_STARTS, Holds::Words16, v4),
        table(map::V4_VALUES, Holds::Words32, v4),
        table(map::V6_FILTER, Holds::Words64, FILTER_CAPACITY),
        table(map::V6_BASES, Holds::Words32, BASES6_CAPACITY),
        table(map::V6_STARTS, Holds::Words64, v6),
        table(map::V6_VALUES, Holds::Words32, v6),
        table(map::V6_DEEP, Holds::Deep, deep),
        table(map::PLACE4_BASES, Holds::Words32, BASES4_CAPACITY),
        table(map::PLACE4_STARTS, Holds::Words16, PLACE4_ROWS_CAPACITY),
        table(map::PLACE4_VALUES, Holds::Words32, PLACE4_ROWS_CAPACITY),
        table(map::PLACE6_BASES, Holds::Words32, BASES6_CAPACITY),
        table(map::PLACE6_STARTS, Holds::Words64, PLACE6_ROWS_CAPACITY),
        table(map::PLACE6_VALUES, Holds::Words32, PLACE6_ROWS_CAPACITY),
        table(map::PLACE6_DEEP, Holds::Deep, PLACE_DEEP_CAPACITY),
        table(map::PLACES, Holds::Places, PLACES_CAPACITY),
        table(map::RULE_HEADER, Holds::RuleHeader, RULE_HEADERS),
        table(map::RULE_CLASSES, Holds::Words16, FIELD_CLASSES),
        table(map::RULE_LABELS, Holds::Words32, RULE_LABELS_CAPACITY),
        table(map::RULE_BITS, Holds::RuleBits, RULE_BITS_CAPACITY),
        table(map::RULES, Holds::Rules, RULES_CAPACITY),
        table(map::LIMITS, Holds::Limits, LIMITS_CAPACITY),
        table(map::REFLECTORS, Holds::Words64, REFLECTOR_WORDS),
        table(map::CLAUSES, Holds::Clauses, CLAUSES_CAPACITY),
    ]
}

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
    let mut specs = Vec::new();
    for TableMap { name, holds, half } in tables(capacity) {
        // What is smaller than an element of a map is packed into one.
        let packed = STRIDE.div_ceil(holds.bytes());
        let elements = (HALVES * half).div_ceil(packed);
        specs.push(array(name, packed * holds.bytes(), elements.max(1))?);
    }
    specs.extend([
        array(map::CONTROL, size_of::<Control>(), 1)?,
        per_cpu(map::VERDICTS, size_of::<Counter>(), VERDICT_COUNTERS)?,
        per_cpu(map::SLOTS, size_of::<Counter>(), SLOTS_MAX)?,
        per_cpu(map::SCRATCH, SCRATCH_BYTES, 1)?,
        per_cpu(map::OPENED, OPENED_BYTES, OPENED_ENTRIES)?,
        per_cpu(map::CLOCK, size_of::<ClockReading>(), 1)?,
        array(map::RULE_BUCKETS, size_of::<u64>(), RULE_SLOTS_MAX)?,
        per_cpu(map::RULE_COUNTS, size_of::<RuleCounter>(), RULE_SLOTS_MAX)?,
        array(
            map::LINES,
            DENSE_WORDS * size_of::<u64>(),
            capacity.limit_lines.max(1) as usize,
        )?,
        array(map::SHARED, KEYED_WAYS * size_of::<u64>(), SHARED_SETS)?,
        per_cpu(map::METERS, size_of::<MeterSet>(), METER_SETS)?,
        per_cpu(map::GROUP_METERS, size_of::<Meter>(), GROUP_METERS)?,
        per_cpu(map::TALLIES, size_of::<u64>(), TALLIES)?,
        array(map::TICK, size_of::<u64>(), 1)?,
        array(map::SAMPLING, size_of::<Sampling>(), 1)?,
        array(map::SAMPLE_LIMITS, size_of::<u64>(), REASONS_MAX as usize)?,
        MapSpec {
            name: map::SAMPLES,
            kind: sys::BPF_MAP_TYPE_RINGBUF,
            value_size: 0,
            entries: entries(RING_BYTES, map::SAMPLES)?,
            flags: 0,
        },
        MapSpec {
            flags: 0,
            ..array(map::INFO, INFO_RECORD, 1 + INTERFACES_MAX)?
        },
    ]);
    Ok(specs)
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
        ("key size", info.key_size(), spec.key_size()),
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

/// Opens the map that is pinned under its name below `directory`, if it is what that says.
pub(super) fn open_pinned(directory: &Path, spec: MapSpec) -> Result<OwnedFd, KernelError> {
    let path = directory.join(spec.name);
    let map = sys::open_pin(&path).map_err(pins_error("open", &path))?;
    check(map.as_fd(), spec).map_err(|error| match error {
        CheckError::Shape(what) => KernelError::Shape { path, what },
        other => KernelError::aya(format!("cannot inspect {}", path.display()), other),
    })?;
    Ok(map)
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
