//! What all versions of the maps have in common: which set they are, the kill switch, the counters.
//!
//! A controller of a newer version cannot read the tables of an older one, but it can go on from its
//! counts and find its kill switch as it was left, see [`STABLE_SINCE`].

use std::{
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::Path,
};

use aya::maps::{Map, MapData, PerCpuArray};
#[cfg(doc)]
use filter_common::abi::STABLE_SINCE;
use filter_common::{
    abi::{Control, map},
    limits::INTERFACES_MAX,
};

use super::{
    KernelError,
    count::RawCounter,
    mapped::Mapped,
    pins::pins_error,
    record::{Identity, decode_identity, decode_name},
    shape, sys,
};
use crate::table::compile::Capacity;

/// The part of a set of maps that is the same in every version.
pub struct Stable {
    nonce: u64,
    pub(super) control: Mapped<Control>,
    pub(super) verdicts: PerCpuArray<MapData, RawCounter>,
    pub(super) slots: PerCpuArray<MapData, RawCounter>,
    /// Absent in maps of a version that knew no rules.
    pub(super) rules: Option<PerCpuArray<MapData, RawCounter>>,
    info: OwnedFd,
}

impl Stable {
    /// Opens the pins below `directory` and checks that they are what their names say.
    pub fn open(directory: &Path) -> Result<Self, KernelError> {
        let path = directory.join(map::INFO);
        let info = sys::open_pin(&path).map_err(pins_error("open", &path))?;
        let nonce = identity(info.as_fd())?.nonce;
        // The size of these maps does not depend on it.
        let any = Capacity {
            v4_prefixes: 0,
            v6_prefixes: 0,
            limit_lines: 0,
        };
        let specs = shape::specs(any)?;
        let open = |name| {
            let spec = specs.iter().find(|spec| spec.name == name);
            shape::open_pinned(directory, *spec.ok_or(KernelError::NoMap(name))?)
        };
        let control = open(map::CONTROL)?;
        let rules = if directory.join(map::RULE_COUNTS).exists() {
            Some(open(map::RULE_COUNTS)?)
        } else {
            None
        };
        Self::over(
            nonce,
            info,
            &control,
            [open(map::VERDICTS)?, open(map::SLOTS)?],
            rules,
        )
    }

    /// Takes maps whose shape was checked.
    pub(super) fn over(
        nonce: u64,
        info: OwnedFd,
        control: &OwnedFd,
        [verdicts, slots]: [OwnedFd; 2],
        rules: Option<OwnedFd>,
    ) -> Result<Self, KernelError> {
        let control = Mapped::new(control.as_fd(), 1).map_err(|source| KernelError::Syscall {
            call: "mmap",
            what: format!("map {}", map::CONTROL),
            source,
        })?;
        Ok(Self {
            nonce,
            control,
            verdicts: counters(verdicts, map::VERDICTS)?,
            slots: counters(slots, map::SLOTS)?,
            rules: rules
                .map(|rules| counters(rules, map::RULE_COUNTS))
                .transpose()?,
            info,
        })
    }

    /// The random number that tells this set of maps from any other.
    #[must_use]
    pub const fn nonce(&self) -> u64 {
        self.nonce
    }

    /// The number of the generation in force, if any.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        Control::generation(self.control.live())
    }

    /// Whether the kill switch is on.
    #[must_use]
    pub fn bypass(&self) -> bool {
        self.control.bypass()
    }

    /// Sets the kill switch: one store, in force for the next packet.
    pub fn set_bypass(&self, on: bool) {
        self.control.set_bypass(on);
    }

    /// The names of the interfaces it has counted for, by number.
    pub fn interfaces(&self) -> Result<Vec<(u32, String)>, KernelError> {
        let mut names = Vec::new();
        for number in 0..u32::try_from(INTERFACES_MAX).unwrap_or(u32::MAX) {
            let record = read(self.info.as_fd(), number + 1)?;
            let name = decode_name(&record);
            if !name.is_empty() {
                names.push((number, name));
            }
        }
        Ok(names)
    }
}

/// The identity in an info map of any version.
pub(super) fn identity(info: BorrowedFd<'_>) -> Result<Identity, KernelError> {
    decode_identity(&read(info, 0)?).ok_or(KernelError::NoMap(map::INFO))
}

fn read(info: BorrowedFd<'_>, index: u32) -> Result<Vec<u8>, KernelError> {
    sys::read_element(info, index).map_err(|source| KernelError::Syscall {
        call: "bpf(BPF_MAP_LOOKUP_ELEM)",
        what: format!("map {}", map::INFO),
        source,
    })
}

fn counters(
    map: OwnedFd,
    name: &'static str,
) -> Result<PerCpuArray<MapData, RawCounter>, KernelError> {
    let data = MapData::from_fd(map)
        .map_err(|error| KernelError::aya(format!("cannot use map {name}"), error))?;
    Map::PerCpuArray(data)
        .try_into()
        .map_err(|error| KernelError::aya(format!("cannot use map {name}"), error))
}
