//! Where what arrives lies until it is judged: a file each, so that memory holds a window of it only.
//!
//! ```text
//! spool/NUMBER    something on its way in; nothing in here outlives the process that received it
//! ```
//!
//! All ways in share one bound on the number of files and one on their bytes. Room is taken before the first
//! byte, for the most that may come, so two that are half received never wait for each other. The limit of the way
//! holds while bytes come in, not after.
//!
//! - here: room, and files;
//! - `receive`: bytes that come in.
//!
//! What is complete becomes an [`Input`](crate::order::Input): admission reads it through a map, and a commit
//! renames it. Whatever is dropped before is removed.

mod receive;
#[cfg(test)]
mod tests;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::receive::Receiving;
use crate::durable::{self, DurableError};

/// Things that arrive at a time, by all ways together.
pub const SPOOL_FILES_MAX: usize = 8;
/// Bytes that all of them may come to: four of the longest bundles.
pub const SPOOL_BYTES_MAX: u64 = 1 << 30;
/// Of either bound, the part that fetched feeds may take: publishers that hang leave room for those who send.
const FETCHED_SHARE: usize = 2;
/// The unit in which room is counted, in bytes.
const UNIT: u64 = 64 << 10;

/// How something arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Somebody sends it, or put it into a directory.
    Sent,
    /// It is fetched.
    Fetched,
}

/// Why something was not received.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// There is more of it than may come.
    #[error("more than {max} bytes arrive: expected no more")]
    TooLong {
        /// How many may come.
        max: u64,
    },
    /// The spool cannot be written.
    #[error(transparent)]
    File(#[from] DurableError),
}

/// The spool. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Spool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    all: Bounds,
    fetched: Bounds,
    next: AtomicU64,
}

#[derive(Debug)]
struct Bounds {
    files: Arc<Semaphore>,
    units: Arc<Semaphore>,
    units_max: u32,
}

/// Room in the spool, taken for as long as this lives.
#[derive(Debug)]
pub struct Room {
    bytes_max: u64,
    _held: Vec<OwnedSemaphorePermit>,
}

/// A file in the spool. It goes with this value, unless it was renamed.
#[derive(Debug)]
pub(crate) struct SpoolFile {
    path: PathBuf,
    _room: Room,
}

impl Spool {
    /// The spool below a state directory. Nothing is made or removed yet.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        Self(Arc::new(Inner {
            directory: state_dir.join("spool"),
            all: Bounds::new(SPOOL_FILES_MAX, SPOOL_BYTES_MAX),
            fetched: Bounds::new(
                SPOOL_FILES_MAX / FETCHED_SHARE,
                SPOOL_BYTES_MAX / FETCHED_SHARE as u64,
            ),
            next: AtomicU64::new(0),
        }))
    }

    /// Makes the directory, and removes what an earlier process has left in it.
    pub fn clear(&self) -> Result<(), DurableError> {
        let directory = &self.0.directory;
        durable::create_directory(directory)?;
        let failed = || DurableError::at("read", directory);
        for entry in fs::read_dir(directory).map_err(failed())? {
            durable::remove(&entry.map_err(failed())?.path())?;
        }
        Ok(())
    }

    /// Waits for room for as many bytes; more than all can never be had, and counts as all.
    pub async fn room(&self, way: Way, bytes_max: u64) -> Room {
        let Inner { all, fetched, .. } = &*self.0;
        let mut held = Vec::new();
        if way == Way::Fetched {
            fetched.take(bytes_max, &mut held).await;
        }
        all.take(bytes_max, &mut held).await;
        Room {
            bytes_max,
            _held: held,
        }
    }

    /// Begins a file, which gets no longer than there was asked room for.
    pub async fn receive(&self, room: Room) -> Result<Receiving, SpoolError> {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let path = self.0.directory.join(number.to_string());
        let bytes_max = room.bytes_max;
        let file = SpoolFile { path, _room: room };
        Ok(Receiving::begin(file, bytes_max).await?)
    }
}

impl Bounds {
    fn new(files: usize, bytes: u64) -> Self {
        let units_max = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX);
        Self {
            files: Arc::new(Semaphore::new(files)),
            units: Arc::new(Semaphore::new(units_max as usize)),
            units_max,
        }
    }

    /// Files first, then bytes, by everybody in this order. The semaphores are never closed.
    async fn take(&self, bytes: u64, held: &mut Vec<OwnedSemaphorePermit>) {
        held.extend(Arc::clone(&self.files).acquire_owned().await);
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let units = units.min(self.units_max);
        held.extend(Arc::clone(&self.units).acquire_many_owned(units).await);
    }
}

impl SpoolFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.path.display(), %error, "cannot remove what has arrived");
            }
            _ => {}
        }
    }
}
