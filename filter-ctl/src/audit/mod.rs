//! The audit log: who changed what, when, and what it did to the generation in force.
//!
//! One JSON document per line, appended and synced. Each names the hash of the one before, so that a
//! line cannot be changed, removed or inserted without every later hash being wrong. A line that a
//! crash tore is cut off at the next opening, which the log records.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::order::hex;

/// The file below the state directory.
pub const FILE: &str = "audit.log";

/// The hash before the first record.
const GENESIS: [u8; 32] = [0; 32];

/// Bytes of a detail's text; longer text is cut, and says so.
const DETAIL_BYTES_MAX: usize = 4096;

/// Something that is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    actor: String,
    action: &'static str,
    object: String,
    details: BTreeMap<&'static str, String>,
}

impl Event {
    /// Who did what to which thing.
    #[must_use]
    pub fn new(actor: &str, action: &'static str, object: impl Into<String>) -> Self {
        Self {
            actor: actor.to_owned(),
            action,
            object: object.into(),
            details: BTreeMap::new(),
        }
    }

    /// Adds a detail; nothing if it is empty.
    #[must_use]
    pub fn detail(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        let mut value = value.to_string();
        if value.len() > DETAIL_BYTES_MAX {
            let end = (0..=DETAIL_BYTES_MAX)
                .rev()
                .find(|end| value.is_char_boundary(*end));
            value.truncate(end.unwrap_or(0));
            value.push_str(" [cut]");
        }
        if !value.is_empty() {
            self.details.insert(name, value);
        }
        self
    }
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its number, from 1.
    pub n: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To which thing.
    pub object: String,
    /// Everything else.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
    /// The hash of the record before, in hexadecimal; zeros before the first.
    pub prev: String,
}

/// What is wrong with the log.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is no record.
    #[error("{} line {line}: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What was found, and what was expected.
        what: String,
    },
}

/// The log, open for appending.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    file: File,
    next: u64,
    prev: [u8; 32],
}

impl Audit {
    /// Opens the log below the state directory and finds its end.
    ///
    /// Only the last line is read; [`verify`] reads them all.
    pub fn open(state_dir: &Path) -> Result<Self, AuditError> {
        let path = state_dir.join(FILE);
        let io_error = |action, path: &Path| {
            let path = path.to_owned();
            move |source| AuditError::Io {
                action,
                path,
                source,
            }
        };
        let content = match fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(io_error("read", &path)(source)),
        };
        let whole = content
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o640)
            .open(&path)
            .map_err(io_error("open", &path))?;
        let last = content[..whole].strip_suffix(b"\n").map(|lines| {
            let start = lines
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |end| end + 1);
            &lines[start..]
        });
        let (next, prev) = match last {
            None => (1, GENESIS),
            Some(line) => {
                let lines = content[..whole].split(|byte| *byte == b'\n').count() as u64 - 1;
                let record = parse(&path, lines, line)?;
                (record.n + 1, hash(line))
            }
        };
        let mut audit = Self {
            path,
            file,
            next,
            prev,
        };
        if whole < content.len() {
            audit
                .file
                .set_len(whole as u64)
                .map_err(io_error("cut the torn end of", &audit.path))?;
            let torn = content.len() - whole;
            audit.append(
                Event::new("filter-ctl", "audit_repaired", FILE).detail("bytes_cut", torn),
            )?;
        }
        Ok(audit)
    }

    /// Appends a record and waits until it is on disk.
    pub fn append(&mut self, event: Event) -> Result<(), AuditError> {
        let Event {
            actor,
            action,
            object,
            details,
        } = event;
        let record = Record {
            n: self.next,
            at: Timestamp::now(),
            actor,
            action: action.to_owned(),
            object,
            details: details
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            prev: hex::encode(&self.prev),
        };
        let io_error = |action| {
            let path = self.path.clone();
            move |source| AuditError::Io {
                action,
                path,
                source,
            }
        };
        let mut line = serde_json::to_vec(&record)
            .map_err(|error| io_error("write")(io::Error::other(error)))?;
        let hash = hash(&line);
        line.push(b'\n');
        let end = self.file.metadata().map_err(io_error("inspect"))?.len();
        if let Err(error) = self
            .file
            .write_all(&line)
            .and_then(|()| self.file.sync_data())
        {
            // Half a line would hide all that follow it. If even this fails, the next opening cuts it.
            let _best_effort = self.file.set_len(end);
            return Err(io_error("append to")(error));
        }
        self.next += 1;
        self.prev = hash;
        Ok(())
    }
}

/// Reads the whole log and checks every link of the chain.
pub fn verify(state_dir: &Path) -> Result<Vec<Record>, AuditError> {
    let path = state_dir.join(FILE);
    let content = fs::read(&path).map_err(|source| AuditError::Io {
        action: "read",
        path: path.clone(),
        source,
    })?;
    let mut records = Vec::new();
    let mut prev = GENESIS;
    for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let number = index as u64 + 1;
        if line.is_empty() && number > 1 || content.is_empty() {
            continue;
        }
        let record = parse(&path, number, line)?;
        let expected = hex::encode(&prev);
        if record.prev != expected || record.n != number {
            return Err(AuditError::Damaged {
                path,
                line: number,
                what: format!(
                    "record {} follows {}, expected record {number} to follow {expected}: the log \
                     was changed",
                    record.n, record.prev
                ),
            });
        }
        prev = hash(line);
        records.push(record);
    }
    Ok(records)
}

fn parse(path: &Path, line: u64, bytes: &[u8]) -> Result<Record, AuditError> {
    serde_json::from_slice(bytes).map_err(|error| AuditError::Damaged {
        path: path.to_owned(),
        line,
        what: format!("no audit record: {error}"),
    })
}

fn hash(line: &[u8]) -> [u8; 32] {
    Sha256::digest(line).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for number in 0..5 {
            let mut audit = Audit::open(directory.path()).expect("opens");
            audit
                .append(Event::new("root", "withdraw", format!("order {number}")))
                .expect("appends");
        }
        let path = directory.path().join(FILE);
        (directory, path)
    }

    #[test]
    fn an_untouched_log_verifies() {
        let (directory, _) = log();
        assert_eq!(verify(directory.path()).expect("verifies").len(), 5);
    }

    #[test]
    fn any_changed_byte_of_an_earlier_record_is_found() {
        let (directory, path) = log();
        let good = fs::read(&path).expect("reads");
        let last = good[..good.len() - 1]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .expect("lines");
        for position in 0..last {
            let mut bad = good.clone();
            bad[position] ^= 1;
            fs::write(&path, &bad).expect("writes");
            assert!(
                verify(directory.path()).is_err(),
                "byte {position} was changed unnoticed"
            );
        }
    }

    #[test]
    fn a_removed_record_is_found() {
        let (directory, path) = log();
        let good = fs::read_to_string(&path).expect("reads");
        let without: Vec<&str> = good
            .lines()
            .enumerate()
            .filter(|(line, _)| *line != 2)
            .map(|(_, text)| text)
            .collect();
        fs::write(&path, without.join("\n") + "\n").expect("writes");
        assert!(matches!(
            verify(directory.path()),
            Err(AuditError::Damaged { line: 3, .. })
        ));
    }

    #[test]
    fn a_torn_end_is_cut_and_recorded() {
        let (directory, path) = log();
        let good = fs::read(&path).expect("reads");
        fs::write(&path, &good[..good.len() - 7]).expect("writes");
        Audit::open(directory.path()).expect("opens");
        let records = verify(directory.path()).expect("verifies");
        assert_eq!(records.len(), 5);
        assert_eq!(records[4].action, "audit_repaired");
    }
}
