//! What arrived: bytes that are in one place, hashed once, and given a name for good without being written again.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::{
    durable::{self, DurableError},
    spool::SpoolFile,
};

/// Bytes with their SHA-256, which is taken of them once, where they come in.
pub struct Input {
    bytes: Bytes,
    sha256: [u8; 32],
    place: Place,
}

/// Where the bytes lie.
enum Place {
    /// Nowhere but in memory.
    Memory,
    /// In the spool, which they leave when they are dropped or kept.
    Spool(SpoolFile),
    /// Among what is kept, where nobody changes them.
    Kept(PathBuf),
}

impl Input {
    /// A file of the spool that is complete, mapped, with the digest that was taken while it came in.
    pub(crate) fn spooled(file: SpoolFile, sha256: [u8; 32]) -> Result<Self, DurableError> {
        Ok(Self {
            bytes: durable::map(file.path())?.unwrap_or_default(),
            sha256,
            place: Place::Spool(file),
        })
    }

    /// A file that is kept, mapped; `None` if there is none.
    pub fn kept(path: &Path) -> Result<Option<Self>, DurableError> {
        let bytes = durable::map(path)?;
        Ok(bytes.map(|bytes| Self {
            sha256: Sha256::digest(&bytes).into(),
            bytes,
            place: Place::Kept(path.to_owned()),
        }))
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub const fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// Gives the bytes a name for good: what is spooled moves there, and nothing is written twice.
    pub fn keep_at(&mut self, path: &Path) -> Result<(), DurableError> {
        match &self.place {
            Place::Kept(kept) if kept == path => return Ok(()),
            Place::Kept(kept) => durable::link(kept, path)?,
            Place::Spool(file) => durable::adopt(file.path(), path)?,
            Place::Memory => durable::write_atomic(path, &self.bytes)?,
        }
        self.place = Place::Kept(path.to_owned());
        Ok(())
    }

    /// Gives the bytes one more name, wherever they lie.
    pub fn link_at(&self, path: &Path) -> Result<(), DurableError> {
        match &self.place {
            Place::Kept(kept) => durable::link(kept, path),
            Place::Spool(file) => durable::link(file.path(), path),
            Place::Memory => durable::write_atomic(path, &self.bytes),
        }
    }
}

impl From<Vec<u8>> for Input {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            sha256: Sha256::digest(&bytes).into(),
            bytes: bytes.into(),
            place: Place::Memory,
        }
    }
}

/// The file stays with the first: a copy has the bytes only.
impl Clone for Input {
    fn clone(&self) -> Self {
        Self {
            bytes: self.bytes.clone(),
            sha256: self.sha256,
            place: Place::Memory,
        }
    }
}

impl Default for Input {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl PartialEq for Input {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Input {}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = super::hex::encode(&self.sha256);
        write!(f, "{} bytes with SHA-256 {digest}", self.bytes.len())
    }
}
