//! The log and its checkpoints side by side, one line after the other.

use jiff::{SignedDuration, Timestamp};
use minisign_verify::PublicKey;

use super::{Covers, DAMAGES_MAX, Damage, Verified, Written};
use crate::{
    audit::{
        AuditError, FILE, Record, STOP,
        checkpoint::{self, CHECKPOINT_EVERY, CHECKPOINT_TIME, Checkpoint},
        read::{Line, Lines},
        record::{GENESIS, Hash, hash},
    },
    order::hex,
};

/// What was found so far, and what is expected next.
pub(super) struct Checking {
    found: Verified,
    checkpoints: Option<Lines>,
    key: PublicKey,
    /// The next checkpoint, with its line.
    due: Option<(u64, Checkpoint)>,
    /// The record of the last checkpoint that was read, right or wrong.
    sealed: u64,
    prev: Hash,
    lines: u64,
    /// The bytes up to the end of the last line.
    end: u64,
    /// When the first record after the last checkpoint was made.
    uncovered: Option<Timestamp>,
    /// Whether the last record says that the service stopped.
    stopped: bool,
}

impl Checking {
    pub(super) fn new(checkpoints: Option<Lines>, key: PublicKey) -> Result<Self, AuditError> {
        let mut checking = Self {
            found: Verified::default(),
            checkpoints,
            key,
            due: None,
            sealed: 0,
            prev: GENESIS,
            lines: 0,
            end: 0,
            uncovered: None,
            stopped: false,
        };
        checking.next_checkpoint()?;
        Ok(checking)
    }

    /// The bytes of the log up to the end of the last line.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn damage(&mut self, file: &str, line: u64, what: String) {
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
                Ok(checkpoint) if !checkpoint.verifies(&self.key) => {
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

    pub(super) fn line(&mut self, line: &Line) -> Result<(), AuditError> {
        self.lines = line.number;
        self.end = line.end;
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
                self.uncovered = self.uncovered.or(Some(record.at));
                self.stopped = record.action == STOP;
                let expected = hex::encode(&self.prev);
                if record.n != line.number {
                    let what = format!("it is record {}: expected {}", record.n, line.number);
                    self.damage(FILE, line.number, what);
                } else if record.prev != expected {
                    let what = format!(
                        "it follows a record with the hash {}, and the line before has {expected}: \
                         record {} or {} was changed",
                        record.prev,
                        record.n.saturating_sub(1),
                        record.n
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
            let checkpoint_n = checkpoint.n;
            let right = checkpoint_n == line.number
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
            if checkpoint_n == line.number {
                self.uncovered = None;
            }
            self.next_checkpoint()?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self, covers: &Covers) -> Result<Verified, AuditError> {
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
        } else if !matches!(covers, Covers::Old) {
            self.check_covered();
        }
        if let Covers::Written(written) = covers {
            self.check_written(written);
        }
        self.found.intact = self.found.damages_total == 0;
        Ok(self.found)
    }
    /// No record is appended while a checkpoint is due, and one is made when the service stops. So one that is
    /// missing was never signed, or taken away.
    fn check_covered(&mut self) {
        let (Some(since), Some(last)) = (self.uncovered, self.found.last) else {
            return;
        };
        let (records, sealed) = (self.lines - self.sealed, self.sealed);
        let time = SignedDuration::try_from(2 * CHECKPOINT_TIME).unwrap_or(SignedDuration::MAX);
        let (record, why) = if sealed == 0 && records > 1 {
            (
                1,
                "the first record is signed before a second is written".to_owned(),
            )
        } else if records > CHECKPOINT_EVERY {
            let why = format!("{CHECKPOINT_EVERY} records at most are without one");
            (sealed + CHECKPOINT_EVERY, why)
        } else if last.duration_since(since) > time {
            let why = format!(
                "a record is signed within {} seconds, and it is of {since}",
                CHECKPOINT_TIME.as_secs()
            );
            (sealed + 1, why)
        } else if self.stopped {
            (
                self.lines,
                "it says that the service stopped, which signs all".to_owned(),
            )
        } else {
            return;
        };
        let what = format!(
            "record {record} should be covered by a checkpoint, and the last checkpoint is of record {sealed}: {why}; \
             checkpoints were taken away, or could not be written (the alarm `audit_unsealed`, or a crash)"
        );
        self.damage(FILE, record, what);
    }

    fn check_written(&mut self, written: &Written) {
        let Written {
            n,
            hash,
            bytes,
            sealed,
        } = written;
        if (self.lines, &self.prev, self.end) != (*n, hash, *bytes) {
            let what = format!(
                "it does not end as the service wrote it: {} lines and {} bytes, expected {n} and {bytes}, the \
                 last with the hash {}",
                self.lines,
                self.end,
                hex::encode(hash)
            );
            self.damage(FILE, self.lines.min(*n), what);
        }
        if self.sealed < *sealed {
            let what = format!(
                "the last checkpoint is of record {}: expected {sealed}, as the service signed it",
                self.sealed
            );
            let line = self.found.checkpoints + 1;
            self.damage(checkpoint::FILE, line, what);
        }
    }
}
