//! What a numbered directory of the pin directory holds, whoever left it there.

use std::{io, os::fd::AsFd as _, path::Path};

use filter_common::abi::{ABI_VERSION, STABLE_SINCE, instance_state, map};

use super::{
    KernelError,
    instance::Instance,
    pins::pins_error,
    stable::{Stable, identity},
    sys,
};

/// A set of pinned maps, as a controller of this version sees it.
pub enum Found {
    /// Half made or half removed: no interface relies on it.
    Unfinished,
    /// Finished, of this version.
    Ready(Box<Instance>),
    /// Finished by an older version. Of its maps this version reads what is stable; nothing, if it is
    /// older than that.
    Older {
        /// Its version.
        abi: u32,
        /// What can be read.
        stable: Option<Box<Stable>>,
    },
    /// Finished by a newer version.
    Newer {
        /// Its version.
        abi: u32,
    },
}

impl Found {
    /// Looks at the maps that are pinned below `directory`. Changes nothing.
    ///
    /// An error may pass, and what it is about may be in force.
    pub fn look(directory: &Path) -> Result<Self, KernelError> {
        match Self::inspect(directory) {
            // One that lacks a pin was being made or removed when its controller ended: the first thing
            // that is removed, and the last that is made, is the record.
            Err(KernelError::Pins { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(Self::Unfinished)
            }
            found => found,
        }
    }

    fn inspect(directory: &Path) -> Result<Self, KernelError> {
        let path = directory.join(map::INFO);
        let info = sys::open_pin(&path).map_err(pins_error("open", &path))?;
        let identity = identity(info.as_fd())?;
        if identity.abi == 0 || identity.state != instance_state::READY {
            return Ok(Self::Unfinished);
        }
        match identity.abi {
            ABI_VERSION => Ok(Self::Ready(Box::new(Instance::open(directory)?))),
            abi if abi > ABI_VERSION => Ok(Self::Newer { abi }),
            abi if abi < STABLE_SINCE => Ok(Self::Older { abi, stable: None }),
            abi => Ok(Self::Older {
                abi,
                stable: Some(Box::new(Stable::open(directory)?)),
            }),
        }
    }
}
