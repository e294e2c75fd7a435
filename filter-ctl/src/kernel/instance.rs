//! One set of maps, created or opened.

use std::{
    fs, io,
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
};

use aya::maps::{Array, Map, MapData, PerCpuArray};
use filter_common::{
    abi::{
        ABI_VERSION, CLAUSES_CAPACITY, Control, HALVES, INFO_RECORD, InfoHeader, InfoInterface,
        OPENED_BYTES, OPENED_ENTRIES, PLACE_ROWS_CAPACITY, POLICY_SETS, ROOT_CAPACITY,
        SCRATCH_BYTES, SETTINGS_CAPACITY, VLANS_CAPACITY, instance_state, map,
    },
    counters::{Counter, VERDICT_COUNTERS},
    limits::{INTERFACES_MAX, SLOTS_MAX},
    policy::PolicySet,
    settings::InterfaceSettings,
    table::{Clause, Root, Row4, Row6},
};

use super::{
    KernelError,
    mapped::{Mapped, Record},
    pins::pins_error,
    sys::{self, MapSpec},
};
use crate::table::{clock::BootClock, compile::Capacity};

/// A per-CPU counter as the map holds it.
pub(super) type RawCounter = [u64; size_of::<Counter>() / 8];

/// One set of maps.
pub struct Instance {
    directory: PathBuf,
    capacity: Capacity,
    pub(super) control: Mapped<Control>,
    pub(super) verdicts: PerCpuArray<MapData, RawCounter>,
    pub(super) slots: PerCpuArray<MapData, RawCounter>,
    info: Array<MapData, [u8; INFO_RECORD]>,
}

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
        for spec in specs(capacity)? {
            let fd = sys::create_map(spec).map_err(|source| KernelError::Syscall {
                call: "bpf(BPF_MAP_CREATE)",
                what: format!("map {} of {} elements", spec.name, spec.entries),
                source,
            })?;
            let map = MapData::from_fd(fd).map_err(|error| {
                KernelError::aya(format!("cannot use map {}", spec.name), error)
            })?;
            let path = directory.join(spec.name);
            map.pin(&path).map_err(|error| {
                KernelError::aya(format!("cannot pin {}", path.display()), error)
            })?;
        }
        let mut instance = Self::open_maps(directory, capacity)?;
        instance.write_header(&InfoHeader {
            abi: ABI_VERSION,
            state: instance_state::BUILDING,
            instance: nonce,
            v4_rows: capacity.v4_rows,
            v6_rows: capacity.v6_rows,
            digests: [[0; 32]; HALVES],
            published: [0; HALVES],
            clocks: [0; HALVES],
            reserved: [0; 8],
        })?;
        Ok(instance)
    }

    /// Opens the maps that are pinned below `directory` and checks that they are what their names say.
    pub fn open(directory: &Path) -> Result<Self, KernelError> {
        let path = directory.join(map::INFO);
        let info = sys::open_pin(&path).map_err(pins_error("open", &path))?;
        let info = info_map(info, &path)?;
        let header = header(&info)?;
        if header.abi != ABI_VERSION {
            return Err(KernelError::Abi {
                path: directory.to_owned(),
                found: header.abi,
                expected: ABI_VERSION,
            });
        }
        Self::open_maps(
            directory,
            Capacity {
                v4_rows: header.v4_rows,
                v6_rows: header.v6_rows,
            },
        )
    }

    fn open_maps(directory: &Path, capacity: Capacity) -> Result<Self, KernelError> {
        for spec in specs(capacity)? {
            check_shape(&directory.join(spec.name), spec)?;
        }
        let open = |name: &str| {
            let path = directory.join(name);
            sys::open_pin(&path).map_err(pins_error("open", &path))
        };
        let control =
            Mapped::new(open(map::CONTROL)?.as_fd(), 1).map_err(mmap_error(map::CONTROL))?;
        Ok(Self {
            capacity,
            control,
            verdicts: counters(open(map::VERDICTS)?, map::VERDICTS)?,
            slots: counters(open(map::SLOTS)?, map::SLOTS)?,
            info: info_map(open(map::INFO)?, &directory.join(map::INFO))?,
            directory: directory.to_owned(),
        })
    }

    /// Where its maps are pinned.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The rows that fit.
    #[must_use]
    pub const fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// Maps all elements of a table map.
    pub(super) fn mapped<T: Record>(
        &self,
        name: &'static str,
        half: usize,
    ) -> Result<Mapped<T>, KernelError> {
        let path = self.directory.join(name);
        let fd = sys::open_pin(&path).map_err(pins_error("open", &path))?;
        Mapped::new(fd.as_fd(), HALVES * half).map_err(mmap_error(name))
    }

    /// The generation in force, if any.
    pub fn live(&self) -> Result<Option<Live>, KernelError> {
        let word = self.control.live();
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
        self.control.bypass()
    }

    /// Sets the kill switch: one store, in force for the next packet.
    pub fn set_bypass(&self, on: bool) {
        self.control.set_bypass(on);
    }

    /// The record that describes the instance.
    pub fn header(&self) -> Result<InfoHeader, KernelError> {
        header(&self.info)
    }

    pub(super) fn write_header(&mut self, header: &InfoHeader) -> Result<(), KernelError> {
        self.write_info(0, encode_header(header))
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

    /// The names of the interfaces it has counted for, by number.
    pub fn interfaces(&self) -> Result<Vec<(u32, String)>, KernelError> {
        let mut names = Vec::new();
        for number in 0..u32::try_from(INTERFACES_MAX).unwrap_or(u32::MAX) {
            let name = interface_name(&self.interface(number)?);
            if !name.is_empty() {
                names.push((number, name));
            }
        }
        Ok(names)
    }

    fn write_info(&mut self, index: u32, record: [u8; INFO_RECORD]) -> Result<(), KernelError> {
        self.info
            .set(index, record, 0)
            .map_err(|error| KernelError::aya("cannot write INFO", error))
    }
}

/// The name in an interface's record.
#[must_use]
pub fn interface_name(record: &InfoInterface) -> String {
    let bytes = record
        .name
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

fn specs(capacity: Capacity) -> Result<Vec<MapSpec>, KernelError> {
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

fn entries(count: usize, what: &'static str) -> Result<u32, KernelError> {
    u32::try_from(count).map_err(|_| KernelError::Capacity {
        what,
        needed: count,
        available: u32::MAX as usize,
    })
}

fn check_shape(path: &Path, spec: MapSpec) -> Result<(), KernelError> {
    let map = MapData::from_pin(path)
        .map_err(|error| KernelError::aya(format!("cannot open {}", path.display()), error))?;
    let info = map
        .info()
        .map_err(|error| KernelError::aya(format!("cannot inspect {}", path.display()), error))?;
    let kind = info.map_type().map_or(u32::MAX, |kind| kind as u32);
    for (what, found, expected) in [
        ("type", kind, spec.kind),
        ("key size", info.key_size(), 4),
        ("value size", info.value_size(), spec.value_size),
        ("number of elements", info.max_entries(), spec.entries),
        ("flags", info.map_flags(), spec.flags),
    ] {
        if found != expected {
            return Err(KernelError::Shape {
                path: path.to_owned(),
                what: format!("its {what} is {found}, expected {expected}"),
            });
        }
    }
    Ok(())
}

fn counters(fd: OwnedFd, name: &str) -> Result<PerCpuArray<MapData, RawCounter>, KernelError> {
    let data = MapData::from_fd(fd)
        .map_err(|error| KernelError::aya(format!("cannot use map {name}"), error))?;
    Map::PerCpuArray(data)
        .try_into()
        .map_err(|error| KernelError::aya(format!("cannot use map {name}"), error))
}

fn info_map(fd: OwnedFd, path: &Path) -> Result<Array<MapData, [u8; INFO_RECORD]>, KernelError> {
    let what = || format!("cannot read {}", path.display());
    let data = MapData::from_fd(fd).map_err(|error| KernelError::aya(what(), error))?;
    Map::Array(data)
        .try_into()
        .map_err(|error| KernelError::aya(what(), error))
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

/// A cursor over a record's bytes; the fields lie in declared order without padding.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_at(N);
        self.0 = rest;
        let mut bytes = [0; N];
        bytes.copy_from_slice(field);
        bytes
    }
}

fn encode_header(header: &InfoHeader) -> [u8; INFO_RECORD] {
    let InfoHeader {
        abi,
        state,
        instance,
        v4_rows,
        v6_rows,
        digests,
        published,
        clocks,
        reserved,
    } = header;
    let mut bytes = Vec::with_capacity(INFO_RECORD);
    bytes.extend(abi.to_ne_bytes());
    bytes.extend(state.to_ne_bytes());
    bytes.extend(instance.to_ne_bytes());
    bytes.extend(v4_rows.to_ne_bytes());
    bytes.extend(v6_rows.to_ne_bytes());
    bytes.extend(digests.iter().flatten());
    bytes.extend(published.iter().flat_map(|time| time.to_ne_bytes()));
    bytes.extend(clocks.iter().flat_map(|clock| clock.to_ne_bytes()));
    bytes.extend(reserved);
    Fields(&bytes).take()
}

fn decode_header(record: &[u8; INFO_RECORD]) -> InfoHeader {
    let mut fields = Fields(record);
    InfoHeader {
        abi: u32::from_ne_bytes(fields.take()),
        state: u32::from_ne_bytes(fields.take()),
        instance: u64::from_ne_bytes(fields.take()),
        v4_rows: u32::from_ne_bytes(fields.take()),
        v6_rows: u32::from_ne_bytes(fields.take()),
        digests: [fields.take(), fields.take()],
        published: [
            i64::from_ne_bytes(fields.take()),
            i64::from_ne_bytes(fields.take()),
        ],
        clocks: [
            i64::from_ne_bytes(fields.take()),
            i64::from_ne_bytes(fields.take()),
        ],
        reserved: fields.take(),
    }
}

fn encode_interface(interface: &InfoInterface) -> [u8; INFO_RECORD] {
    let InfoInterface {
        name,
        mode,
        attached,
        object,
        reserved,
    } = interface;
    let mut bytes = Vec::with_capacity(INFO_RECORD);
    bytes.extend(name);
    bytes.extend(mode.to_ne_bytes());
    bytes.extend(attached.to_ne_bytes());
    bytes.extend(object);
    bytes.extend(reserved);
    Fields(&bytes).take()
}

fn decode_interface(record: &[u8; INFO_RECORD]) -> InfoInterface {
    let mut fields = Fields(record);
    InfoInterface {
        name: fields.take(),
        mode: u32::from_ne_bytes(fields.take()),
        attached: u32::from_ne_bytes(fields.take()),
        object: fields.take(),
        reserved: fields.take(),
    }
}
