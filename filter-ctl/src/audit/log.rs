//! The log, open for appending.
//!
//! Opening reads the records since the last checkpoint and no others, so that it takes the same time however
//! long the log has become.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{
    AuditError, Event, FILE, LINE_BYTES_MAX, Record,
    checkpoint::{self, Checkpoint},
    record::{GENESIS, Hash, hash},
};
use crate::{appliance::Appliance, order::hex};

/// The log.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    file: File,
    next: u64,
    prev: Hash,
    bytes: u64,
}

/// Where the log ends.
struct End {
    next: u64,
    prev: Hash,
    bytes: u64,
    torn: u64,
}

impl Audit {
    /// Opens the log below the state directory, checks it from its last checkpoint on, and cuts off a line
    /// that a crash tore, which the log then records. [`super::verify`] reads all of it.
    pub fn open(state_dir: &Path) -> Result<Self, AuditError> {
        let path = state_dir.join(FILE);
        let (checkpoint, _) = checkpoint::last(state_dir)?;
        if let Some(checkpoint) = &checkpoint {
            check_signature(state_dir, checkpoint)?;
        }
        let io_error = |action| AuditError::at(action, &path);
        let end = match File::open(&path) {
            Ok(file) => find_end(&path, file, checkpoint.as_ref())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => match checkpoint {
                None => End::START,
                Some(checkpoint) => {
                    let what = format!("it is gone: expected {} records", checkpoint.n);
                    return Err(damaged(&path, what));
                }
            },
            Err(source) => return Err(io_error("read")(source)),
        };
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o640)
            .open(&path)
            .map_err(io_error("open"))?;
        let mut audit = Self {
            path: path.clone(),
            file,
            next: end.next,
            prev: end.prev,
            bytes: end.bytes,
        };
        if end.torn > 0 {
            audit
                .file
                .set_len(end.bytes)
                .map_err(io_error("cut the torn end of"))?;
            let repaired = Event::new("filter-ctl", "audit_repaired", FILE);
            audit.append(repaired.detail("bytes_cut", end.torn))?;
        }
        Ok(audit)
    }

    /// The number of the last record; 0 before the first.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.next - 1
    }

    pub(super) const fn hash(&self) -> &Hash {
        &self.prev
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends a record and waits until it is on disk.
    pub fn append(&mut self, event: Event) -> Result<(), AuditError> {
        let record = Record::new(event, self.next, Timestamp::now(), &self.prev);
        let io_error = |source| AuditError::Io {
            action: "append to",
            path: self.path.clone(),
            source,
        };
        let mut line =
            serde_json::to_vec(&record).map_err(|error| io_error(io::Error::other(error)))?;
        if line.len() >= LINE_BYTES_MAX {
            let what = format!("the record has more than {LINE_BYTES_MAX} bytes");
            return Err(io_error(io::Error::other(what)));
        }
        let hash = hash(&line);
        line.push(b'\n');
        let written = self
            .file
            .write_all(&line)
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a line would hide all that follow it. If even this fails, the next opening cuts it.
            let _best_effort = self.file.set_len(self.bytes);
            return Err(io_error(error));
        }
        self.next += 1;
        self.prev = hash;
        self.bytes += line.len() as u64;
        Ok(())
    }
}

impl End {
    const START: Self = Self {
        next: 1,
        prev: GENESIS,
        bytes: 0,
        torn: 0,
    };
}

/// Without the public key nothing can be said about the signature, and the hashes still are checked.
fn check_signature(state_dir: &Path, checkpoint: &Checkpoint) -> Result<(), AuditError> {
    match checkpoint::public_key(&Appliance::public_path(state_dir)) {
        Some(key) if !checkpoint.verifies(&key) => Err(damaged(
            &state_dir.join(checkpoint::FILE),
            "the last checkpoint is not signed by the appliance's key".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// Finds the end, from the last checkpoint on; without one, from the beginning on.
fn find_end(
    path: &Path,
    mut file: File,
    checkpoint: Option<&Checkpoint>,
) -> Result<End, AuditError> {
    let io_error = |source| AuditError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let length = file.metadata().map_err(io_error)?.len();
    let mut end = match checkpoint {
        None => End::START,
        Some(checkpoint) => at_checkpoint(path, &mut file, length, checkpoint)?,
    };
    file.seek(SeekFrom::Start(end.bytes)).map_err(io_error)?;
    let mut reader = BufReader::new(file.take(length - end.bytes));
    loop {
        let mut line = Vec::new();
        let read = reader
            .by_ref()
            .take(LINE_BYTES_MAX as u64 + 1)
            .read_until(b'\n', &mut line)
            .map_err(io_error)?;
        if line.pop_if(|byte| *byte == b'\n').is_none() {
            end.torn = length - end.bytes;
            return Ok(end);
        }
        let record = Record::parse(path, end.next, &line)?;
        if record.n != end.next || record.prev != hex::encode(&end.prev) {
            let what = format!(
                "record {} does not follow record {}: expected one after {}",
                record.n,
                end.next - 1,
                hex::encode(&end.prev)
            );
            let path = path.to_owned();
            let line = end.next;
            return Err(AuditError::Damaged { path, line, what });
        }
        end.next += 1;
        end.prev = hash(&line);
        end.bytes += read as u64;
    }
}

/// Checks that the record of the checkpoint ends where it did, and is the one that was signed.
fn at_checkpoint(
    path: &Path,
    file: &mut File,
    length: u64,
    checkpoint: &Checkpoint,
) -> Result<End, AuditError> {
    let Checkpoint { n, bytes, .. } = *checkpoint;
    let damaged_at = |what: String| AuditError::Damaged {
        path: path.to_owned(),
        line: n,
        what,
    };
    if length < bytes {
        return Err(damaged_at(format!(
            "it was cut off: {length} bytes, expected at least {bytes} with {n} records, as the \
             last checkpoint says"
        )));
    }
    let from = bytes.saturating_sub(LINE_BYTES_MAX as u64 + 1);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(from))
        .and_then(|_| io::Read::take(&mut *file, bytes - from).read_to_end(&mut tail))
        .map_err(AuditError::at("read", path))?;
    let line = tail.strip_suffix(b"\n").map(|lines| {
        let start = lines.iter().rposition(|byte| *byte == b'\n');
        &lines[start.map_or(0, |before| before + 1)..]
    });
    let prev = line
        .map(hash)
        .filter(|hash| hex::encode(hash) == checkpoint.hash);
    let prev = prev.ok_or_else(|| {
        damaged_at(format!(
            "it is not record {n} that a checkpoint was signed over"
        ))
    })?;
    Ok(End {
        next: n + 1,
        prev,
        bytes,
        torn: 0,
    })
}

fn damaged(path: &Path, what: String) -> AuditError {
    AuditError::Damaged {
        path: path.to_owned(),
        line: 0,
        what,
    }
}
