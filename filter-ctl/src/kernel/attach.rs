//! Puts the program on interfaces, and replaces it there without a gap.
//!
//! A link is created once and pinned; a new program takes the old one's place by `bpf_link_update`,
//! between two packets. Nothing here detaches but [`detach`].

use std::{fs, io, os::fd::AsFd as _, path::Path, time::Duration};

use aya::{
    Ebpf, EbpfLoader, TestRun as _, TestRunOptions, TestRunResult,
    programs::{
        ProgramError, Xdp, XdpMode,
        links::{FdLink, PinnedLink},
        xdp::XdpLink,
    },
};
use filter_common::abi::{InfoInterface, PROGRAM, global};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    KernelError,
    instance::Instance,
    links::{self, OnInterface},
    pins::{PinDir, pins_error},
    shape, sys, ticks,
};
use crate::table::{compile::Capacity, host::Buckets};

/// How the program is hooked into an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// In the driver, before the kernel allocates anything for the packet.
    Native,
    /// In the network core; works with every driver, at a fraction of the speed.
    Generic,
}

impl Mode {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Native, Self::Generic];

    /// The name in configuration and output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Native => Self::Generic,
            Self::Generic => Self::Native,
        }
    }
}

/// What became of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// The program was put on it.
    New,
    /// An older program on it was replaced.
    Replaced,
    /// It had this program already.
    Kept,
}

/// A program loaded over the maps of an instance, for one interface.
pub struct LoadedProgram {
    ebpf: Ebpf,
}

impl LoadedProgram {
    /// Loads the program over pinned maps. The verifier's complaint, if it has one, is in the error.
    pub fn load(instance: &Instance, object: &[u8], interface: u32) -> Result<Self, KernelError> {
        let capacity = instance.capacity();
        let directory = instance.directory().ok_or(KernelError::Unpinned)?;
        let time = Time::Kernel {
            tick_units: ticks::units()?,
            secret: instance.header()?.instance,
        };
        let constants = Constants::new(capacity, interface, time);
        let mut loader = constants.loader();
        for spec in shape::specs(capacity)? {
            // What the object does not declare is not looked for.
            loader.map_pin_path(spec.name, directory.join(spec.name));
        }
        let ebpf = loader
            .load(object)
            .map_err(|error| KernelError::aya("cannot load the object", error))?;
        Self::verified(ebpf)
    }

    /// Has the kernel verify the program of an object over its maps.
    pub(super) fn verified(mut ebpf: Ebpf) -> Result<Self, KernelError> {
        let program = program(&mut ebpf)?;
        uninterrupted(|| program.load(), was_interrupted)
            .map_err(|error| KernelError::aya("the kernel refuses the program", error))?;
        Ok(Self { ebpf })
    }

    /// The instructions that the verifier followed to accept the program: its budget is one million.
    pub fn verified_instructions(&mut self) -> Result<Option<u32>, KernelError> {
        let info = program(&mut self.ebpf)?
            .info()
            .map_err(|error| KernelError::aya("cannot inspect the program", error))?;
        Ok(info.verified_instruction_count())
    }

    /// The kernel's number of the program.
    fn id(&mut self) -> Result<u32, KernelError> {
        let info = program(&mut self.ebpf)?
            .info()
            .map_err(|error| KernelError::aya("cannot inspect the program", error))?;
        Ok(info.id())
    }

    /// Runs the program over a frame, without an interface. True if it drops it.
    pub fn test_run(&mut self, frame: &[u8]) -> Result<bool, KernelError> {
        self.run(TestRunOptions {
            data_in: Some(frame),
            ..TestRunOptions::new()
        })
    }

    /// Runs the program over a frame of which the first buffer holds only `linear` bytes, as some
    /// drivers leave it. At least 14; from Linux 6.18 on.
    pub fn test_run_split(&mut self, frame: &[u8], linear: usize) -> Result<bool, KernelError> {
        // `struct xdp_md`: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
        let mut context = [0; 24];
        let end = u32::try_from(linear).unwrap_or(u32::MAX);
        context[4..8].copy_from_slice(&end.to_ne_bytes());
        self.run(TestRunOptions {
            data_in: Some(frame),
            ctx_in: Some(&context),
            ..TestRunOptions::new()
        })
    }

    /// Runs the program over a frame many times without leaving the kernel. The mean time of a run.
    pub fn test_run_repeated(&mut self, frame: &[u8], times: u32) -> Result<Duration, KernelError> {
        let options = TestRunOptions {
            data_in: Some(frame),
            repeat: times,
            ..TestRunOptions::new()
        };
        Ok(self.result(options)?.duration)
    }

    fn run(&mut self, options: TestRunOptions<'_>) -> Result<bool, KernelError> {
        const XDP_DROP: u32 = 1;
        const XDP_PASS: u32 = 2;
        match self.result(options)?.return_value {
            XDP_DROP => Ok(true),
            XDP_PASS => Ok(false),
            other => Err(KernelError::Syscall {
                call: "bpf(BPF_PROG_TEST_RUN)",
                what: "a verdict".to_owned(),
                source: io::Error::other(format!("the program returned {other}")),
            }),
        }
    }

    fn result(&mut self, options: TestRunOptions<'_>) -> Result<TestRunResult, KernelError> {
        program(&mut self.ebpf)?
            .test_run(options)
            .map_err(|error| KernelError::aya("BPF_PROG_TEST_RUN failed", error))
    }
}

/// How often a verification is begun anew that a signal to this process has ended; past it the error stands,
/// and who asked for the program tries again later.
const LOAD_ATTEMPTS_MAX: usize = 5;

/// Loads, again where the kernel was interrupted: the verifier gives up at any signal.
fn uninterrupted<E>(
    mut load: impl FnMut() -> Result<(), E>,
    was_interrupted: impl Fn(&E) -> bool,
) -> Result<(), E> {
    for _ in 1..LOAD_ATTEMPTS_MAX {
        match load() {
            Err(error) if was_interrupted(&error) => {}
            result => return result,
        }
    }
    load()
}

fn was_interrupted(error: &ProgramError) -> bool {
    matches!(error, ProgramError::LoadError { io_error, .. }
        if io_error.raw_os_error() == Some(libc::EAGAIN))
}

/// The load-time constants of a program.
pub(super) struct Constants {
    interface: u32,
    v4_rows: u32,
    v6_rows: u32,
    v6_deep: u32,
    tick_units: u32,
    simulated: u32,
    secret: u64,
}

/// The time that limits go by, and the secret that spreads destinations over their buckets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Time {
    /// The kernel's count of ticks.
    Kernel {
        /// Of each, see [`filter_common::limit::Tick`].
        tick_units: u32,
        secret: u64,
    },
    /// Ticks of a simulation.
    Simulated,
}

impl Constants {
    pub(super) const fn new(capacity: Capacity, interface: u32, time: Time) -> Self {
        let (tick_units, simulated, secret) = match time {
            Time::Kernel { tick_units, secret } => (tick_units, 0, secret),
            Time::Simulated => (Buckets::TICK_UNITS, 1, Buckets::SECRET),
        };
        Self {
            tick_units,
            simulated,
            secret,
            interface,
            v4_rows: capacity.v4_rows(),
            v6_rows: capacity.v6_rows(),
            v6_deep: capacity.v6_deep(),
        }
    }

    /// Loads objects with these constants.
    pub(super) fn loader(&self) -> EbpfLoader<'_> {
        let mut loader = EbpfLoader::new();
        loader
            .override_global(global::INTERFACE, &self.interface, true)
            .override_global(global::V4_ROWS_CAPACITY, &self.v4_rows, true)
            .override_global(global::V6_ROWS_CAPACITY, &self.v6_rows, true)
            .override_global(global::V6_DEEP_CAPACITY, &self.v6_deep, true)
            .override_global(global::TICK_UNITS, &self.tick_units, true)
            .override_global(global::SIMULATED, &self.simulated, true)
            .override_global(global::SECRET, &self.secret, true);
        loader
    }
}

fn program(ebpf: &mut Ebpf) -> Result<&mut Xdp, KernelError> {
    ebpf.program_mut(PROGRAM)
        .ok_or_else(|| {
            KernelError::aya(
                "cannot use the object",
                io::Error::other("it has no XDP program"),
            )
        })?
        .try_into()
        .map_err(|error: ProgramError| KernelError::aya("cannot use the object", error))
}

/// Makes sure that the program of `object`, over the maps of `instance`, is on an interface.
///
/// An interface that has vanished and come back has lost its link and gets a new one; one that has got
/// another name has kept its link. A link whose program was made for another number, as after two
/// interfaces have swapped their names, gets the right one.
pub fn attach(
    pins: &PinDir,
    instance: &mut Instance,
    object: &[u8],
    name: &str,
    number: u32,
    mode: Mode,
) -> Result<Attached, KernelError> {
    let ifindex =
        sys::interface_index(name).ok_or_else(|| KernelError::NoInterface(name.to_owned()))?;
    let mut existing = links::open(pins, mode, name, ifindex)?;
    if existing.is_none() {
        // The interface may have had another name when its link was pinned.
        links::put_in_place(pins)?;
        existing = links::open(pins, mode, name, ifindex)?;
    }
    let other = mode.other();
    if existing.is_none() && links::open(pins, other, name, ifindex)?.is_some() {
        return Err(KernelError::ModeChange {
            name: name.to_owned(),
            attached: other.name(),
            wanted: mode.name(),
        });
    }
    let mut record = InfoInterface {
        name: [0; 16],
        mode: u32::from(mode == Mode::Generic),
        attached: 1,
        object: Sha256::digest(object).into(),
        program: existing.as_ref().map_or(0, |existing| existing.program),
        reserved: [0; 68],
    };
    for (to, from) in record.name.iter_mut().zip(name.bytes().take(15)) {
        *to = from;
    }
    if existing.is_some() && instance.interface(number)? == record {
        return Ok(Attached::Kept);
    }
    let mut loaded = LoadedProgram::load(instance, object, number)?;
    record.program = loaded.id()?;
    let attached = if let Some(OnInterface { link, .. }) = existing {
        replace(&mut loaded, link, name)?;
        Attached::Replaced
    } else {
        create(&mut loaded, ifindex, name, mode, &pins.link(mode, name))?;
        Attached::New
    };
    instance.write_interface(number, &record)?;
    Ok(attached)
}

/// Takes the program off an interface, before it returns; false if it was not on it.
pub fn detach(pins: &PinDir, name: &str) -> Result<bool, KernelError> {
    if Mode::ALL
        .iter()
        .all(|mode| !pins.link(*mode, name).exists())
    {
        // The interface may have had another name when its link was pinned.
        links::put_in_place(pins)?;
    }
    let mut detached = false;
    for mode in Mode::ALL {
        let path = pins.link(mode, name);
        if !path.exists() {
            continue;
        }
        // A link also ends with its last pin, but the kernel takes its time about that.
        let link = sys::open_pin(&path).map_err(pins_error("open", &path))?;
        sys::detach_link(link.as_fd()).map_err(pins_error("detach", &path))?;
        fs::remove_file(&path).map_err(pins_error("unpin", &path))?;
        detached = true;
    }
    Ok(detached)
}

/// Whether an interface carries the pinned link.
pub fn is_attached(pins: &PinDir, name: &str, mode: Mode) -> Result<bool, KernelError> {
    let Some(ifindex) = sys::interface_index(name) else {
        return Ok(false);
    };
    let link = links::look(pins, mode, name)?;
    Ok(link.is_some_and(|link| link.ifindex == ifindex))
}

fn replace(loaded: &mut LoadedProgram, link: PinnedLink, name: &str) -> Result<(), KernelError> {
    // The pin stays: only the descriptor is used.
    let link = XdpLink::try_from(FdLink::from(link)).map_err(|error| {
        KernelError::aya(format!("the link on {name} is not an XDP link"), error)
    })?;
    program(&mut loaded.ebpf)?
        .attach_to_link(link)
        .map_err(|error| {
            KernelError::aya(format!("cannot replace the program on {name}"), error)
        })?;
    Ok(())
}

fn create(
    loaded: &mut LoadedProgram,
    ifindex: u32,
    name: &str,
    mode: Mode,
    pin: &Path,
) -> Result<(), KernelError> {
    let program = program(&mut loaded.ebpf)?;
    let xdp_mode = match mode {
        Mode::Native => XdpMode::Driver,
        Mode::Generic => XdpMode::Skb,
    };
    let id = program
        .attach_to_if_index(ifindex, xdp_mode)
        .map_err(|error| attach_error(error, name, mode))?;
    let link = program
        .take_link(id)
        .map_err(|error| KernelError::aya(format!("cannot keep the link on {name}"), error))?;
    // aya falls back to netlink when the kernel refuses a link. Such an attachment ends with this
    // process, so it is undone by dropping it, and refused.
    let link = FdLink::try_from(link).map_err(|_| KernelError::Mode {
        name: name.to_owned(),
        mode: mode.name(),
        source: io::Error::other(
            "the kernel refused a BPF link, without which protection would end with this process",
        ),
    })?;
    link.pin(pin)
        .map_err(|error| KernelError::aya(format!("cannot pin the link on {name}"), error))?;
    Ok(())
}

fn attach_error(error: ProgramError, name: &str, mode: Mode) -> KernelError {
    if let ProgramError::SyscallError(error) = error {
        return match error.io_error.raw_os_error() {
            Some(libc::EBUSY | libc::EEXIST) => KernelError::Occupied(name.to_owned()),
            Some(libc::EPERM) => KernelError::Syscall {
                call: error.call,
                what: format!("interface {name}"),
                source: error.io_error,
            },
            _ => KernelError::Mode {
                name: name.to_owned(),
                mode: mode.name(),
                source: error.io_error,
            },
        };
    }
    KernelError::Mode {
        name: name.to_owned(),
        mode: mode.name(),
        source: io::Error::other(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails so often with this error, then succeeds. How many attempts were made, and the outcome.
    fn attempts(failures: usize, code: i32) -> (usize, bool) {
        let mut attempts = 0;
        let load = || {
            attempts += 1;
            if attempts > failures {
                Ok(())
            } else {
                Err(code)
            }
        };
        let outcome = uninterrupted(load, |code| *code == libc::EAGAIN);
        (attempts, outcome.is_ok())
    }

    #[test]
    fn a_verification_that_a_signal_ended_is_begun_anew_a_few_times() {
        assert_eq!(attempts(0, libc::EAGAIN), (1, true));
        assert_eq!(attempts(4, libc::EAGAIN), (5, true));
        assert_eq!(attempts(9, libc::EAGAIN), (LOAD_ATTEMPTS_MAX, false));
        assert_eq!(
            attempts(9, libc::EINVAL),
            (1, false),
            "no program gets better by waiting"
        );
    }
}
