//! The pin directory: its lock, its instances, its links.
//!
//! ```text
//! /sys/fs/bpf/levee/
//!   1/CONTROL, 1/V4_ROWS ...     the maps of an instance; a higher number is newer
//!   links/native/eth0            the link that holds the program on an interface, by mode
//!   links/generic/eth1
//! ```

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::{fd::AsFd as _, unix::fs::DirBuilderExt as _},
    path::{Path, PathBuf},
};

use filter_common::abi::map;

use super::{KernelError, attach::Mode, sys};

/// Where the BPF file system belongs, and may be mounted if it is not.
const BPFFS: &str = "/sys/fs/bpf";

/// The directory in which everything that outlives the controller is pinned.
#[derive(Debug)]
pub struct PinDir {
    path: PathBuf,
    /// Held while this controller may change what is pinned.
    _lock: Option<File>,
}

impl PinDir {
    /// Opens the directory for a controller: creates it if need be and takes its lock, which the
    /// kernel releases when the process ends in whatever way.
    ///
    /// Mounts the BPF file system where it belongs if nobody has, but not inside a private mount
    /// namespace, where the pins would vanish with the process.
    pub fn lock(path: &Path) -> Result<Self, KernelError> {
        ensure_bpffs(path)?;
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(path).map_err(pins_error("create", path))?;
        let directory = File::open(path).map_err(pins_error("open", path))?;
        if !sys::try_lock(directory.as_fd()).map_err(pins_error("lock", path))? {
            return Err(KernelError::Locked(path.to_owned()));
        }
        let links = Self {
            path: path.to_owned(),
            _lock: Some(directory),
        };
        for mode in Mode::ALL {
            let directory = links.path.join("links").join(mode.name());
            builder
                .create(&directory)
                .map_err(pins_error("create", &directory))?;
        }
        Ok(links)
    }

    /// Opens the directory to look at it, or to set the kill switch, whoever holds the lock.
    pub fn look(path: &Path) -> Result<Self, KernelError> {
        match fs::metadata(path) {
            Ok(_) => Ok(Self {
                path: path.to_owned(),
                _lock: None,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(KernelError::NothingPinned(path.to_owned()))
            }
            Err(error) => Err(pins_error("open", path)(error)),
        }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The numbers of the instances, oldest first.
    pub fn instances(&self) -> Result<Vec<u32>, KernelError> {
        let mut numbers: Vec<u32> = names(&self.path)?
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The directory of an instance.
    #[must_use]
    pub fn instance(&self, number: u32) -> PathBuf {
        self.path.join(number.to_string())
    }

    /// Unpins the maps of an instance. A program that still uses them keeps them alive.
    ///
    /// The record goes first: whatever happens then, the next controller finds something unfinished and
    /// removes it.
    pub fn remove_instance(&self, number: u32) -> Result<(), KernelError> {
        let directory = self.instance(number);
        let mut names = names(&directory)?;
        names.sort_by_key(|name| name != map::INFO);
        for name in names {
            let pin = directory.join(name);
            fs::remove_file(&pin).map_err(pins_error("unpin", &pin))?;
        }
        fs::remove_dir(&directory).map_err(pins_error("remove", &directory))
    }

    /// Where the link of an interface is pinned.
    ///
    /// The file system reserves names with dots, which VLAN interfaces have.
    #[must_use]
    pub fn link(&self, mode: Mode, interface: &str) -> PathBuf {
        let name = interface.replace('%', "%25").replace('.', "%2e");
        self.path.join("links").join(mode.name()).join(name)
    }

    /// The interfaces that have a pinned link, with its mode.
    pub fn links(&self) -> Result<Vec<(Mode, String)>, KernelError> {
        let mut links = Vec::new();
        for mode in Mode::ALL {
            let directory = self.path.join("links").join(mode.name());
            if !directory.exists() {
                continue;
            }
            for name in names(&directory)? {
                links.push((mode, name.replace("%2e", ".").replace("%25", "%")));
            }
        }
        Ok(links)
    }
}

fn names(directory: &Path) -> Result<Vec<String>, KernelError> {
    let read = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    };
    read().map_err(pins_error("list", directory))
}

fn ensure_bpffs(path: &Path) -> Result<(), KernelError> {
    let existing = path
        .ancestors()
        .find(|ancestor| ancestor.exists())
        .unwrap_or(Path::new("/"));
    if sys::is_bpffs(existing).map_err(pins_error("inspect", existing))? {
        return Ok(());
    }
    let root = Path::new(BPFFS);
    let of_init = fs::read_link("/proc/1/ns/mnt").ok();
    let private = of_init.is_none() || fs::read_link("/proc/self/ns/mnt").ok() != of_init;
    if !path.starts_with(root) || existing != root || private {
        return Err(KernelError::NotBpffs(path.to_owned()));
    }
    sys::mount_bpffs(root).map_err(pins_error("mount a BPF file system on", root))
}

pub(super) fn pins_error<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> KernelError + 'a {
    move |source| KernelError::Pins {
        action,
        path: path.to_owned(),
        source,
    }
}
