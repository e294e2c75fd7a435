//! The whole log, against its own hashes and its signed checkpoints.

use std::path::Path;

use jiff::Timestamp;
use minisign_verify::PublicKey;
use serde::Serialize;

use super::{
    AuditError, FILE, Record,
    checkpoint::{self, Checkpoint},
    read::{Line, Lines},
    record::{GENESIS, Hash, hash},
};
use crate::order::hex;

/// Damages that are listed; further ones are only counted.
pub const DAMAGES_MAX: usize = 20;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Lines of the log that are records.
    pub records: u64,
    /// Checkpoints whose signature and hash are right.
    pub checkpoints: u64,
    /// The last record that such a checkpoint covers; those after it are held by their hashes only.
    pub sealed: u64,
    /// When the first record was made.
    pub first: Option<Timestamp>,
    /// When the last record was made.
    pub last: Option<Timestamp>,
    /// The hash of the last line, to be kept elsewhere.
    pub hash: Option<String>,
    /// Whether the log is as it was written.
    pub intact: bool,
    /// What is wrong, at most [`DAMAGES_MAX`] of it.
    pub damages: Vec<Damage>,
    /// How much is wrong.
    pub damages_total: u64,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// The file, below the state directory.
    pub file: String,
    /// Its line, from 1.
    pub line: u64,
    /// What was found, and what was expected.
    pub what: String,
}

/// Reads the log below a state directory and checks every link of the chain, and every checkpoint with the
/// key. Streams both files. An error is a file that cannot be read; whatever is wrong in it is in the answer.
pub fn verify(state_dir: &Path, key: &PublicKey) -> Result<Verified, AuditError> {
    // First the checkpoints: what is appended while this runs is then not missed in the log.
    let checkpoints = Lines::open(&state_dir.join(checkpoint::FILE))?;
    let mut log = Lines::open(&state_dir.join(FILE))?;
    let mut checking = Checking {
        found: Verified::default(),
        checkpoints,
        key,
        due: None,
        sealed: 0,
        prev: GENESIS,
        lines: 0,
    };
    checking.next_checkpoint()?;
    while let Some(lines) = &mut log {
        match lines.next_line() {
            Ok(Some(line)) => checking.line(&line)?,
            Ok(None) => break,
            Err(AuditError::Damaged { line, what, .. }) => {
                checking.damage(FILE, line, what);
                break;
            }
            Err(error) => return Err(error),
        }
    }
    checking.finish()
}

struct Checking<'a> {
    found: Verified,
    checkpoints: Option<Lines>,
    key: &'a PublicKey,
    /// The next checkpoint, with its line.
    due: Option<(u64, Checkpoint)>,
    /// The record of the last checkpoint that was read, right or wrong.
    sealed: u64,
    prev: Hash,
    lines: u64,
}

impl Checking<'_> {
    fn damage(&mut self, file: &str, line: u64, what: String) {
        self.found.damages_total += 1;
        if self.found.damages.len() < DAMAGES_MAX {
            let file = file.to_owned();
            self.found.damages.push(Damage { file, line, what });
        }
    }

    /// Reads on to the next checkpoint that the key has made.
    fn next_checkpoint(&mut self) -> Result<(), AuditError> {
        self.due = None;
        while let Some(lines) = &mut self.checkpoints {
            let line = match lines.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(()),
                Err(AuditError::Damaged { line, what, .. }) => {
                    self.checkpoints = None;
                    self.damage(checkpoint::FILE, line, what);
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            let what = match Checkpoint::parse(&line.bytes) {
                _ if !line.whole => "it is cut off in the middle".to_owned(),
                Err(error) => format!("no checkpoint: {error}"),
                Ok(checkpoint) if !checkpoint.verifies(self.key) => {
                    "its signature does not verify with this key".to_owned()
                }
                Ok(checkpoint) if checkpoint.n <= self.sealed => {
                    let (n, before) = (checkpoint.n, self.sealed);
                    format!("it is about record {n}, and follows one about record {before}")
                }
                Ok(checkpoint) => {
                    self.sealed = checkpoint.n;
                    self.due = Some((line.number, checkpoint));
                    return Ok(());
                }
            };
            self.damage(checkpoint::FILE, line.number, what);
        }
        Ok(())
    }

    fn line(&mut self, line: &Line) -> Result<(), AuditError> {
        self.lines = line.number;
        let own = hash(&line.bytes);
        match serde_json::from_slice::<Record>(&line.bytes) {
            _ if !line.whole => {
                let what = "it is cut off in the middle; after a crash the next start of the \
                            service repairs this";
                self.damage(FILE, line.number, what.to_owned());
            }
            Err(error) => self.damage(FILE, line.number, format!("no audit record: {error}")),
            Ok(record) => {
                self.found.records += 1;
                self.found.first = self.found.first.or(Some(record.at));
                self.found.last = Some(record.at);
                let expected = hex::encode(&self.prev);
                if record.n != line.number {
                    let what = format!("it is record {}: expected {}", record.n, line.number);
                    self.damage(FILE, line.number, what);
                } else if record.prev != expected {
                    let what = format!(
                        "it follows a record with the hash {}, and the line before has {expected}: \
                         one of the two was changed",
                        record.prev
                    );
                    self.damage(FILE, line.number, what);
                }
            }
        }
        self.prev = own;
        self.found.hash = Some(hex::encode(&own));
        while let Some((at, checkpoint)) = &self.due {
            if checkpoint.n > line.number {
                break;
            }
            let right = checkpoint.n == line.number
                && checkpoint.hash == hex::encode(&own)
                && checkpoint.bytes == line.end;
            if right {
                self.found.checkpoints += 1;
                self.found.sealed = checkpoint.n;
            } else {
                let what = format!(
                    "this, or something before, is not what the checkpoint in line {at} of {} was \
                     signed over: the log was rewritten",
                    checkpoint::FILE
                );
                self.damage(FILE, line.number, what);
            }
            self.next_checkpoint()?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Verified, AuditError> {
        let mut expected = 0;
        while let Some((_, checkpoint)) = &self.due {
            expected = checkpoint.n;
            self.next_checkpoint()?;
        }
        if expected > 0 {
            let (line, found) = (self.lines + 1, self.lines);
            let what = format!(
                "the log was cut off: {found} lines, expected at least {expected}, as the last \
                 checkpoint says"
            );
            self.damage(FILE, line, what);
        }
        self.found.intact = self.found.damages_total == 0;
        Ok(self.found)
    }
}
