//! Files in memory without a copy of them.

use std::{fs::File, io, path::Path};

use bytes::Bytes;
use memmap2::Mmap;

use super::DurableError;

/// Maps a file that was written by this module; `None` if there is none. Its pages are the page cache's, and
/// go when memory is short.
pub fn map(path: &Path) -> Result<Option<Bytes>, DurableError> {
    let failed = DurableError::at("read", path);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // SAFETY: what this module writes is complete before it has its name, and replaced by renaming only, so the
    // mapped file itself is never written to or cut. Only root and the service itself can do otherwise.
    let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
    Ok(Some(Bytes::from_owner(map)))
}
