//! One set of maps, created or opened.

use std::{
    collections::BTreeMap,
    fs, io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use aya::maps::{Array, Map, MapData};
use filter_common::abi::{
    ABI_VERSION, Control, HALVES, INFO_RECORD, InfoHeader, InfoInterface, instance_state, map,
};

use super::{
    KernelError,
    mapped::{Mapped, Record},
    pins::pins_error,
    record::{decode_header, decode_interface, encode_header, encode_interface},
    shape,
    stable::Stable,
    sys,
};
use crate::table::{clock::BootClock, compile::Capacity};

/// One set of maps. They live as long as it, as their pins, and as the programs that use them.
pub struct Instance {
    /// Where they are pinned; `None` for those that nobody else is to find.
    directory: Option<PathBuf>,
    maps: Maps,
    capacity: Capacity,
    pub(super) stable: Stable,
    info: Array<MapData, [u8; INFO_RECORD]>,
}

/// The maps of an instance, by name.
pub(super) type Maps = BTreeMap<&'static str, OwnedFd>;

/// A generation that is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Its number.
    pub generation: u64,
    /// The digest it was published with.
    pub digest: [u8; 32],
    /// Unix time in seconds of its publication.
    pub published: i64,
    /// The clocks by which its deadlines were set.
    pub clock: BootClock,
}

impl Instance {
    /// Creates all maps and pins them below `directory`, which must not exist.
    ///
    /// The instance counts as unfinished, and is removed by the next controller, until
    /// [`Instance::finish`].
    pub fn create(directory: &Path, capacity: Capacity, nonce: u64) -> Result<Self, KernelError> {
        fs::create_dir(directory).map_err(pins_error("create", directory))?;
        let mut maps = Maps::new();
        for spec in shape::specs(capacity)? {
            let map = MapData::from_fd(shape::create(spec)?).map_err(|error| {
                KernelError::aya(format!("cannot use map {}", spec.name), error)
            })?;
            let path = directory.join(spec.name);
            map.pin(&path).map_err(|error| {
                KernelError::aya(format!("cannot pin {}", path.display()), error)
            })?;
            maps.insert(spec.name, open_pin(&path)?);
        }
        Self::begin(Some(directory.to_owned()), maps, capacity, nonce)
    }

    /// Takes maps that nobody else knows: they are gone with this instance and the program over them.
    pub(super) fn private(maps: Maps, capacity: Capacity) -> Result<Self, KernelError> {
        Self::begin(None, maps, capacity, 0)
    }

    fn begin(
        directory: Option<PathBuf>,
        maps: Maps,
        capacity: Capacity,
        nonce: u64,
    ) -> Result<Self, KernelError> {
        let mut instance = Self::over(directory, maps, capacity, nonce)?;
        instance.write_header(&InfoHeader {
            abi: ABI_VERSION,
            state: instance_state::BUILDING,
            instance: nonce,
            v4_prefixes: capacity.v4_prefixes,
            v6_prefixes: capacity.v6_prefixes,
            digests: [[0; 32]; HALVES],
            published: [0; HALVES],
            clocks: [0; HALVES],
            limit_lines: capacity.limit_lines,
            reserved: [0; 4],
        })?;
        Ok(instance)
    }

    /// Opens the maps that are pinned below `directory` and checks that they are what their names say.
    pub fn open(directory: &Path) -> Result<Self, KernelError> {
        let path = directory.join(map::INFO);
        let header = header(&info_map(open_pin(&path)?)?)?;
        if header.abi != ABI_VERSION {
            return Err(KernelError::abi(directory, header.abi));
        }
        let capacity = Capacity {
            v4_prefixes: header.v4_prefixes,
            v6_prefixes: header.v6_prefixes,
            limit_lines: header.limit_lines,
        };
        let mut maps = Maps::new();
        for spec in shape::specs(capacity)? {
            maps.insert(spec.name, shape::open_pinned(directory, spec)?);
        }
        Self::over(Some(directory.to_owned()), maps, capacity, header.instance)
    }

    fn over(
        directory: Option<PathBuf>,
        maps: Maps,
        capacity: Capacity,
        nonce: u64,
    ) -> Result<Self, KernelError> {
        let stable = Stable::over(
            nonce,
            duplicate(&maps, map::INFO)?,
            &duplicate(&maps, map::CONTROL)?,
            [
                duplicate(&maps, map::VERDICTS)?,
                duplicate(&maps, map::SLOTS)?,
            ],
            Some(duplicate(&maps, map::RULE_COUNTS)?),
        )?;
        Ok(Self {
            capacity,
            stable,
            info: info_map(duplicate(&maps, map::INFO)?)?,
            directory,
            maps,
        })
    }

    /// Where its maps are pinned, if they are.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// The rows that fit.
    #[must_use]
    pub const fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// What of it is the same in every version: identity, kill switch, counters.
    #[must_use]
    pub const fn stable(&self) -> &Stable {
        &self.stable
    }

    /// Lets go of the tables: what is left is counted until every interface has left these maps.
    #[must_use]
    pub fn into_stable(self) -> Stable {
        self.stable
    }

    /// Maps both halves of a table map, of `half` elements each.
    pub(super) fn mapped<T: Record>(
        &self,
        name: &'static str,
        half: usize,
    ) -> Result<Mapped<T>, KernelError> {
        self.array(name, HALVES * half)
    }

    /// Maps an array of so many elements that has no halves.
    pub(super) fn array<T: Record>(
        &self,
        name: &'static str,
        elements: usize,
    ) -> Result<Mapped<T>, KernelError> {
        Mapped::new(map_named(&self.maps, name)?, elements).map_err(mmap_error(name))
    }

    /// One of its maps, for a reader of its own.
    pub(super) fn data(&self, name: &'static str) -> Result<MapData, KernelError> {
        MapData::from_fd(duplicate(&self.maps, name)?)
            .map_err(|error| KernelError::aya(format!("cannot use map {name}"), error))
    }

    /// The generation in force, if any.
    pub fn live(&self) -> Result<Option<Live>, KernelError> {
        let word = self.stable.control.live();
        let Some(generation) = Control::generation(word) else {
            return Ok(None);
        };
        let header = self.header()?;
        let half = Control::half(word) as usize;
        Ok(Some(Live {
            generation,
            digest: header.digests[half],
            published: header.published[half],
            clock: BootClock {
                boottime_at_unix_0: header.clocks[half],
            },
        }))
    }

    /// Whether the kill switch is on.
    #[must_use]
    pub fn bypass(&self) -> bool {
        self.stable.control.bypass()
    }

    /// Sets the kill switch: one store, in force for the next packet.
    pub fn set_bypass(&self, on: bool) {
        self.stable.control.set_bypass(on);
    }

    /// The record that describes the instance.
    pub fn header(&self) -> Result<InfoHeader, KernelError> {
        header(&self.info)
    }

    pub(super) fn write_header(&mut self, header: &InfoHeader) -> Result<(), KernelError> {
        self.write_info(0, encode_header(header))
    }

    /// Whether it is complete, see [`Instance::finish`].
    pub fn is_finished(&self) -> Result<bool, KernelError> {
        Ok(self.header()?.state == instance_state::READY)
    }

    /// Marks the instance as complete: it is the one that counts from now on.
    pub fn finish(&mut self) -> Result<(), KernelError> {
        let header = self.header()?;
        self.write_header(&InfoHeader {
            state: instance_state::READY,
            ..header
        })
    }

    /// The record of an interface, by number.
    pub fn interface(&self, number: u32) -> Result<InfoInterface, KernelError> {
        let record = self
            .info
            .get(&(number + 1), 0)
            .map_err(|error| KernelError::aya("cannot read INFO", error))?;
        Ok(decode_interface(&record))
    }

    pub(super) fn write_interface(
        &mut self,
        number: u32,
        record: &InfoInterface,
    ) -> Result<(), KernelError> {
        self.write_info(number + 1, encode_interface(record))
    }

    fn write_info(&mut self, index: u32, record: [u8; INFO_RECORD]) -> Result<(), KernelError> {
        self.info
            .set(index, record, 0)
            .map_err(|error| KernelError::aya("cannot write INFO", error))
    }
}

fn map_named<'a>(maps: &'a Maps, name: &'static str) -> Result<BorrowedFd<'a>, KernelError> {
    let map = maps.get(name).ok_or(KernelError::NoMap(name))?;
    Ok(map.as_fd())
}

fn duplicate(maps: &Maps, name: &'static str) -> Result<OwnedFd, KernelError> {
    let map = map_named(maps, name)?.try_clone_to_owned();
    map.map_err(|source| KernelError::Syscall {
        call: "fcntl(F_DUPFD_CLOEXEC)",
        what: format!("map {name}"),
        source,
    })
}

fn open_pin(path: &Path) -> Result<OwnedFd, KernelError> {
    sys::open_pin(path).map_err(pins_error("open", path))
}

fn info_map(fd: OwnedFd) -> Result<Array<MapData, [u8; INFO_RECORD]>, KernelError> {
    let data =
        MapData::from_fd(fd).map_err(|error| KernelError::aya("cannot read map INFO", error))?;
    Map::Array(data)
        .try_into()
        .map_err(|error| KernelError::aya("cannot read map INFO", error))
}

fn header(info: &Array<MapData, [u8; INFO_RECORD]>) -> Result<InfoHeader, KernelError> {
    let record = info
        .get(&0, 0)
        .map_err(|error| KernelError::aya("cannot read INFO", error))?;
    Ok(decode_header(&record))
}

fn mmap_error(name: &'static str) -> impl FnOnce(io::Error) -> KernelError {
    move |source| KernelError::Syscall {
        call: "mmap",
        what: format!("map {name}"),
        source,
    }
}
