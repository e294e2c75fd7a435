//! What can go wrong between the controller and the kernel.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

use filter_common::abi::ABI_VERSION;

use super::object::MissingObject;

/// A failed dealing with the kernel. The text says what was tried and, where there is one, the cure.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The program is not in this binary.
    #[error(transparent)]
    Object(#[from] MissingObject),
    /// A system call failed.
    #[error("{call} failed for {what}: {source}{}", hint(.source))]
    Syscall {
        /// The call's name.
        call: &'static str,
        /// What it was called for.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file operation on the pin directory failed.
    #[error("cannot {action} {}: {source}{}", .path.display(), hint(.source))]
    Pins {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The pin directory is not on a BPF file system.
    #[error("{} is not on a BPF file system; mount one with `mount -t bpf bpf /sys/fs/bpf`", .0.display())]
    NotBpffs(PathBuf),
    /// Another controller holds the pin directory.
    #[error("{} is in use by another filter-ctl; stop that one first", .0.display())]
    Locked(PathBuf),
    /// The pins were written by a version that this one cannot read.
    #[error(
        "the pinned maps in {} have ABI version {found}, this filter-ctl reads version {expected}; \
         they go on filtering as they are; use the filter-ctl that wrote them, or a newer one \
         (`filter-ctl detach` works on any version)",
        .path.display()
    )]
    Abi {
        /// The instance.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        expected: u32,
    },
    /// A pinned map is not what its name says.
    #[error("the pinned map {} has an unexpected shape: {what}", .path.display())]
    Shape {
        /// The map.
        path: PathBuf,
        /// Which property differs, with both values.
        what: String,
    },
    /// The object declares a map otherwise than this controller.
    #[error(
        "map {name} of the program is not what this filter-ctl expects: {what}; build both anew"
    )]
    ObjectMap {
        /// The map.
        name: &'static str,
        /// What differs.
        what: String,
    },
    /// There is no map of that name.
    #[error("map {0} does not exist")]
    NoMap(&'static str),
    /// The maps have no pins over which another program could be loaded.
    #[error("these maps are not pinned: only the program that they were made with can use them")]
    Unpinned,
    /// A frame was not counted as it should be.
    #[error("the program counted a frame under {0} verdicts, expected one")]
    Miscounted(usize),
    /// aya refused.
    #[error("{what}: {source}")]
    Aya {
        /// What was tried.
        what: String,
        /// What aya said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The interface does not exist.
    #[error("interface {0} does not exist")]
    NoInterface(String),
    /// The interface already carries another program.
    #[error(
        "interface {0} already carries an XDP program that is not Levee's; \
         see it with `ip link show dev {0}` and take it off with `ip link set dev {0} xdp off`"
    )]
    Occupied(String),
    /// The driver cannot do what was asked.
    #[error(
        "interface {name} cannot run XDP in {mode} mode: {source}; \
         set mode = \"generic\" for it if its driver has no native XDP"
    )]
    Mode {
        /// The interface.
        name: String,
        /// The mode that was configured.
        mode: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The interface is attached in the other mode, which cannot be changed without a gap.
    #[error(
        "interface {name} is attached in {attached} mode and configured for {wanted}; a change of mode \
         takes the program off for a moment, so it is not done silently: run `filter-ctl detach {name}` \
         first"
    )]
    ModeChange {
        /// The interface.
        name: String,
        /// The mode in force.
        attached: &'static str,
        /// The mode configured.
        wanted: &'static str,
    },
    /// A table does not fit the maps.
    #[error("{what} needs {needed} elements and the map has {available}")]
    Capacity {
        /// The table.
        what: &'static str,
        /// What it needs.
        needed: usize,
        /// What there is.
        available: usize,
    },
    /// There is nothing pinned.
    #[error("nothing is pinned in {}: Levee has not run here, or was detached", .0.display())]
    NothingPinned(PathBuf),
}

impl KernelError {
    /// Whether it is for want of privileges.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        let mut error: Option<&(dyn Error + 'static)> = Some(self);
        while let Some(cause) = error {
            let code = cause.downcast_ref().and_then(io::Error::raw_os_error);
            if matches!(code, Some(libc::EPERM | libc::EACCES)) {
                return true;
            }
            error = cause.source();
        }
        false
    }

    /// For pins of a version that this one cannot read.
    #[must_use]
    pub fn abi(path: &Path, found: u32) -> Self {
        Self::Abi {
            path: path.to_owned(),
            found,
            expected: ABI_VERSION,
        }
    }

    pub(super) fn aya(what: impl Into<String>, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Aya {
            what: what.into(),
            source: Box::new(source),
        }
    }
}

/// The cure of the commonest failure.
fn hint(error: &io::Error) -> &'static str {
    if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES)) {
        " (this needs root, or CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and write access to the pin directory)"
    } else {
        ""
    }
}
