//! A private instance: pinned nowhere, attached to nothing, gone with the process.

use std::os::fd::{AsFd as _, OwnedFd};

use aya::{Ebpf, maps::Map};
use filter_common::abi::map;

use super::{
    KernelError,
    attach::{Constants, LoadedProgram, Time},
    instance::{Instance, Maps},
    mapped::Mapped,
    shape::{self, CheckError},
    sys::MapSpec,
    ticks,
};
use crate::table::{compile::Capacity, host::Buckets};

/// Which ticks limits go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticks {
    /// Those of the kernel.
    Kernel,
    /// Those that a [`SimulatedClock`] shows.
    Simulated,
}

/// The clock of programs that go by [`Ticks::Simulated`].
#[derive(Debug)]
pub struct SimulatedClock(Mapped<u64>);

impl SimulatedClock {
    /// That of the programs over these maps.
    pub fn of(instance: &Instance) -> Result<Self, KernelError> {
        Ok(Self(instance.array(map::TICK, 1)?))
    }

    /// Sets it, in ticks of [`Buckets::TICK_UNITS`].
    pub fn set(&mut self, ticks: u64) {
        self.0.write(0, &[ticks]);
    }
}

/// Makes maps of this capacity and loads the program over them, as if for the interface of that number.
///
/// aya takes maps that exist already by the path of their pin only. So here it is the other way round:
/// aya makes the maps that the object declares, in the sizes that are wanted, and the instance adopts
/// them. The other ways need more: a BPF file system that is mounted nowhere needs CAP_SYS_ADMIN, and
/// maps put into the program's instructions by hand would not be the loading that the service does.
pub fn load(
    capacity: Capacity,
    object: &[u8],
    interface: u32,
    ticks: Ticks,
) -> Result<(Instance, LoadedProgram), KernelError> {
    let specs = shape::specs(capacity)?;
    let time = match ticks {
        Ticks::Kernel => Time::Kernel {
            tick_units: ticks::units()?,
            secret: Buckets::SECRET,
        },
        Ticks::Simulated => Time::Simulated,
    };
    let constants = Constants::new(capacity, interface, time);
    let mut loader = constants.loader();
    for spec in &specs {
        loader.map_max_entries(spec.name, spec.entries);
    }
    let ebpf = loader
        .load(object)
        .map_err(|error| KernelError::aya("cannot load the object", error))?;
    let mut maps = Maps::new();
    for spec in specs {
        let map = if spec.name == map::INFO {
            shape::create(spec)?
        } else {
            declared(&ebpf, spec)?
        };
        maps.insert(spec.name, map);
    }
    let instance = Instance::private(maps, capacity)?;
    Ok((instance, LoadedProgram::verified(ebpf)?))
}

/// A map that aya has made for the program, if it is what the controller would have made.
fn declared(ebpf: &Ebpf, spec: MapSpec) -> Result<OwnedFd, KernelError> {
    let Some(Map::Array(data) | Map::PerCpuArray(data) | Map::RingBuf(data)) = ebpf.map(spec.name)
    else {
        return Err(KernelError::NoMap(spec.name));
    };
    let map = data.fd().as_fd();
    shape::check(map, spec).map_err(|error| match error {
        CheckError::Shape(what) => KernelError::ObjectMap {
            name: spec.name,
            what,
        },
        other => KernelError::aya(format!("cannot inspect map {}", spec.name), other),
    })?;
    map.try_clone_to_owned()
        .map_err(|source| KernelError::Syscall {
            call: "fcntl(F_DUPFD_CLOEXEC)",
            what: format!("map {}", spec.name),
            source,
        })
}
