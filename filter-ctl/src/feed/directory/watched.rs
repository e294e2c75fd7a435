//! The files of a watched directory, which others may write to while they are handled.
//!
//! Who delivers bundles can put a link where a file was expected, and need not be trusted for anything else.
//! So the directory is opened once a look; whatever is opened, made or moved below it is named relative to
//! what was opened, and a symbolic link in its place is an error, never followed. What is read is the very file
//! that was looked at.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::{self, File, Metadata},
    io::{self, Read as _, Write as _},
    os::{fd::OwnedFd, unix::fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, openat, renameat},
    sys::stat::{Mode, mkdirat},
    unistd::{UnlinkatFlags, unlinkat},
};

/// Files looked at; past it the rest is not seen until files are taken away, which the log says.
pub(super) const FILES_MAX: usize = 10_000;
/// The note of a reason on its way to its name.
const UNFINISHED: &str = ".reason";

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    pub(super) length: u64,
    modified: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// A watched directory that was opened.
pub(super) struct Watched {
    path: PathBuf,
    directory: File,
}

impl Watched {
    /// Opens it. The path is the configuration's, so links on the way to it are followed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            directory: File::open(path)?,
        })
    }

    /// The regular files in it.
    pub(super) fn files(&self) -> io::Result<BTreeMap<OsString, Stamp>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if files.len() == FILES_MAX {
                let directory = self.path.display();
                tracing::warn!(%directory, limit = FILES_MAX, "too many files; some are not seen");
                break;
            }
            match entry.metadata() {
                Ok(metadata) if metadata.is_file() => {
                    files.insert(entry.file_name(), Stamp::of(&metadata));
                }
                // What is taken away meanwhile is not there.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(files)
    }

    /// Opens a file; `None` if it is no longer the one that was looked at.
    pub(super) fn open_seen(&self, name: &OsStr, seen: Stamp) -> io::Result<Option<File>> {
        // Not blocking, because a pipe in its place would never be opened.
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = match open_below(&self.directory, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::ELOOP | Errno::ENOENT | Errno::ENXIO) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let is_seen = Stamp::of(&file.metadata()?) == seen;
        Ok(is_seen.then_some(file))
    }

    /// Reads a file; `None` if it is no longer the one that was looked at.
    pub(super) fn read(&self, name: &OsStr, seen: Stamp) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open_seen(name, seen)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        (&file)
            .take(seen.length.saturating_add(1))
            .read_to_end(&mut bytes)?;
        let same = bytes.len() as u64 == seen.length && Stamp::of(&file.metadata()?) == seen;
        Ok(same.then_some(bytes))
    }

    /// Moves files into the directory of that name below this one, with a note beside the first of them if
    /// there is one.
    pub(super) fn put_away<'a>(
        &self,
        target: &str,
        mut names: impl Iterator<Item = &'a OsStr>,
        note: Option<&str>,
    ) -> io::Result<()> {
        match mkdirat(&self.directory, target, Mode::from_bits_truncate(0o755)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let directory = open_below(&self.directory, OsStr::new(target), flags, Mode::empty())
            .map_err(|error| {
                let error = io::Error::from(error);
                io::Error::new(
                    error.kind(),
                    format!("{target}: {error}: expected a directory"),
                )
            })?;
        let first = names.next();
        for name in first.into_iter().chain(names) {
            renameat(&self.directory, name, &directory, name)?;
        }
        if let Some((note, name)) = note.zip(first) {
            let mut noted = name.to_owned();
            noted.push(".reason");
            write_note(&directory, &noted, note)?;
        }
        Ok(())
    }
}

/// By a rename, because whoever waits for the note reads it as soon as it is there.
fn write_note(directory: &OwnedFd, name: &OsStr, note: &str) -> io::Result<()> {
    // A crash may have left one; and whoever delivers may have put something there.
    match unlinkat(directory, UNFINISHED, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
    let mode = Mode::from_bits_truncate(0o644);
    let file = open_below(directory, OsStr::new(UNFINISHED), flags, mode)?;
    File::from(file).write_all(note.as_bytes())?;
    Ok(renameat(directory, UNFINISHED, directory, name)?)
}

/// Opens what lies in a directory, unless it is a symbolic link.
fn open_below(
    directory: impl std::os::fd::AsFd,
    name: &OsStr,
    flags: OFlag,
    mode: Mode,
) -> nix::Result<OwnedFd> {
    openat(
        directory,
        name,
        flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
        mode,
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Room {
        directory: tempfile::TempDir,
    }

    impl Room {
        /// A directory with a bundle in it, and beside it a file that must stay as it is.
        fn new() -> Self {
            let room = Self {
                directory: tempfile::tempdir().expect("a directory"),
            };
            fs::create_dir(room.path("in")).expect("made");
            fs::write(room.path("in/b.jsonl"), "junk").expect("written");
            fs::write(room.path("mark.json"), "the mark").expect("written");
            room
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn watched(&self) -> Watched {
            Watched::open(&self.path("in")).expect("opened")
        }

        fn refuse(&self) -> io::Result<()> {
            let names = [OsStr::new("b.jsonl")].into_iter();
            self.watched().put_away("refused", names, Some("bad\n"))
        }

        fn check_mark(&self) {
            let mark = fs::read_to_string(self.path("mark.json")).expect("the mark");
            assert_eq!(mark, "the mark");
        }
    }

    #[test]
    fn a_refused_bundle_lies_beside_its_reason() {
        let room = Room::new();
        room.refuse().expect("moved");
        let read = |name| fs::read_to_string(room.path(name)).expect("a file");
        assert_eq!(read("in/refused/b.jsonl"), "junk");
        assert_eq!(read("in/refused/b.jsonl.reason"), "bad\n");
    }

    #[test]
    fn a_link_in_place_of_a_note_is_replaced_and_not_written_through() {
        for name in [".reason", "b.jsonl.reason", "b.jsonl"] {
            let room = Room::new();
            fs::create_dir(room.path("in/refused")).expect("made");
            let link = room.path("in/refused").join(name);
            symlink(room.path("mark.json"), link).expect("linked");
            room.refuse().expect("moved");
            room.check_mark();
            let note = fs::read_to_string(room.path("in/refused/b.jsonl.reason"));
            assert_eq!(note.expect("a note"), "bad\n", "{name}");
        }
    }

    #[test]
    fn nothing_is_moved_through_a_link_in_place_of_a_directory() {
        let room = Room::new();
        fs::create_dir(room.path("state")).expect("made");
        symlink(room.path("state"), room.path("in/refused")).expect("linked");
        let error = room.refuse().expect_err("refused");
        assert!(error.to_string().starts_with("refused: "), "{error}");
        assert!(room.path("in/b.jsonl").is_file());
        assert_eq!(fs::read_dir(room.path("state")).expect("read").count(), 0);
    }

    #[test]
    fn only_the_very_file_that_was_looked_at_is_read() {
        let room = Room::new();
        let name = OsStr::new("b.jsonl");
        let watched = room.watched();
        let seen = watched.files().expect("looked")[name];
        let read = || watched.read(name, seen).expect("no error");
        assert_eq!(read().as_deref(), Some(&b"junk"[..]));
        fs::write(room.path("in/b.jsonl"), "junk, and more").expect("written");
        assert_eq!(read(), None);
        fs::remove_file(room.path("in/b.jsonl")).expect("removed");
        assert_eq!(read(), None);
        symlink(room.path("mark.json"), room.path("in/b.jsonl")).expect("linked");
        assert_eq!(read(), None);
        assert!(!watched.files().expect("looked").contains_key(name));
    }
}
