//! Files that are whole or not there: what is written here survives a crash, a full disk and a power
//! cut as either the old bytes or the new ones.
//!
//! A new file is written under a temporary name in the same directory, synchronised, renamed over the
//! old one, and the directory is synchronised. Every error names the path; after one the old file is as
//! it was. A crash can leave a temporary file, which [`is_temporary`] recognises.
//!
//! As such a file never changes after it has its name, it can be mapped instead of read: [`map`].

mod mapped;

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

pub use self::mapped::map;

/// The mode of files, unless another is asked for.
pub const FILE_MODE: u32 = 0o640;
/// The mode of directories.
pub const DIRECTORY_MODE: u32 = 0o750;

const TEMPORARY_SUFFIX: &str = ".tmp";

/// A file operation that failed, and where.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct DurableError {
    /// What was tried: `write`, `read`, `create`, `remove` ...
    pub action: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// Why it failed.
    #[source]
    pub source: io::Error,
}

impl DurableError {
    /// For `map_err`.
    pub fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self {
            action,
            path,
            source,
        }
    }
}

/// Puts `bytes` in place of the file at `path`, with mode [`FILE_MODE`].
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), DurableError> {
    write_atomic_with_mode(path, bytes, FILE_MODE)
}

/// Puts `bytes` in place of the file at `path`.
pub fn write_atomic_with_mode(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DurableError> {
    let temporary = temporary_path(path)?;
    let written = write_new(&temporary, bytes, mode)
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(DurableError::at("write", path));
    if let Err(error) = written {
        // The first error is the one to report; a file left over is swept later.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_parent(path)
}

/// Puts a complete file of the same file system in place of the one at `path`: it is synchronised and renamed.
pub fn adopt(from: &Path, path: &Path) -> Result<(), DurableError> {
    File::open(from)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(from, path))
        .map_err(DurableError::at("write", path))?;
    sync_parent(path)
}

/// Gives a file that never changes another name on the same file system; a file that has that name already stays.
pub fn link(from: &Path, path: &Path) -> Result<(), DurableError> {
    let linked = File::open(from)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::hard_link(from, path));
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(DurableError::at("link", path)(error))
        }
        _ => sync_parent(path),
    }
}

/// Writes a file that must not exist yet.
pub fn write_new_with_mode(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DurableError> {
    match write_new(path, bytes, mode) {
        Ok(()) => sync_parent(path),
        Err(error) => {
            if error.kind() != io::ErrorKind::AlreadyExists {
                let _ = fs::remove_file(path);
            }
            Err(DurableError::at("create", path)(error))
        }
    }
}

/// Makes a directory, and those above it that are missing, with mode [`DIRECTORY_MODE`].
pub fn create_directory(path: &Path) -> Result<(), DurableError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = parent(path) {
        create_directory(parent)?;
    }
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => {
            Err(DurableError::at("create", path)(error))
        }
        _ => sync_parent(path),
    }
}

/// Removes a file; it is no error if there is none.
pub fn remove(path: &Path) -> Result<(), DurableError> {
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(DurableError::at("remove", path)(error)),
    }
}

/// Whether the name is that of a file which a crash left half written.
#[must_use]
pub fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(TEMPORARY_SUFFIX)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A name in the same directory that nobody else uses.
fn temporary_path(path: &Path) -> Result<PathBuf, DurableError> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name() else {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "expected the path of a file");
        return Err(DurableError::at("write", path)(error));
    };
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}-{count}{TEMPORARY_SUFFIX}", process::id()));
    Ok(path.with_file_name(temporary))
}

fn sync_parent(path: &Path) -> Result<(), DurableError> {
    let directory = parent(path).unwrap_or(Path::new("."));
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(DurableError::at("synchronise", directory))
}

fn parent(path: &Path) -> Option<&Path> {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("a directory");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let mut names: Vec<_> = entries
            .map(|entry| name(entry).into_string().expect("a name"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a/b/file");
        create_directory(path.parent().expect("a parent")).expect("created");
        write_atomic(&path, b"old").expect("written");
        write_atomic(&path, b"new").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"new");
        let mode = fs::metadata(&path).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777 & !FILE_MODE, 0);
        assert_eq!(names(path.parent().expect("a parent")), ["file"]);
        remove(&path).expect("removed");
        remove(&path).expect("nothing to remove is no error");
    }

    #[test]
    fn a_failed_write_names_the_path_and_leaves_the_old_file() {
        let directory = tempfile::tempdir().expect("a directory");
        // A directory in the file's place cannot be renamed over.
        let path = directory.path().join("file");
        create_directory(&path).expect("created");
        let error = write_atomic(&path, b"new").expect_err("refused");
        assert!(
            error.to_string().contains(&path.display().to_string()),
            "{error}"
        );
        assert_eq!(names(directory.path()), ["file"]);

        let error = write_atomic(&directory.path().join("none/file"), b"new").expect_err("refused");
        assert!(error.to_string().contains("none/file"), "{error}");
        write_atomic(Path::new("/"), b"new").expect_err("refused");
    }

    #[test]
    fn a_new_file_never_replaces_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("key");
        write_new_with_mode(&path, b"secret", 0o600).expect("written");
        let error = write_new_with_mode(&path, b"other", 0o600).expect_err("exists");
        assert_eq!(error.source.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).expect("read"), b"secret");
    }

    #[test]
    fn temporary_names_are_known() {
        let path = temporary_path(Path::new("/state/mark.json")).expect("a name");
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        assert!(is_temporary(name), "{name}");
        assert!(!is_temporary("mark.json"));
    }
}
