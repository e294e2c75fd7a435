//! The whole log, against its own hashes and its signed checkpoints.
//!
//! What is read, and what is known of it, is said here; `checking` goes through it line by line.

mod checking;

use std::{io::ErrorKind, path::Path};

use jiff::Timestamp;
use minisign_verify::PublicKey;
use serde::Serialize;

use self::checking::Checking;
use super::{
    Audit, AuditError, FILE,
    checkpoint::{self, Sealer},
    read::Lines,
    record::Hash,
};

/// Damages that are listed; further ones are only counted.
pub const DAMAGES_MAX: usize = 20;

/// Tries to open the log while no checkpoint is made.
const OPEN_TRIES: u32 = 8;

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
    Verification::open(state_dir, key.clone())?.run(|_| ())
}

/// The same with a copy of the checkpoints that was kept elsewhere: what was recorded after the last of them is held
/// by the chain alone.
pub fn verify_against(
    state_dir: &Path,
    kept: &Path,
    key: PublicKey,
) -> Result<Verified, AuditError> {
    let checkpoints = Lines::open(kept)?;
    if checkpoints.is_none() {
        return Err(AuditError::at("open", kept)(ErrorKind::NotFound.into()));
    }
    let verification = Verification {
        checkpoints,
        log: Lines::open(&state_dir.join(FILE))?,
        key,
        covers: Covers::Old,
    };
    verification.run(|_| ())
}

/// The files of a log as long as they were when they were opened: what is appended since is not looked at.
#[derive(Debug)]
pub struct Verification {
    checkpoints: Option<Lines>,
    log: Option<Lines>,
    key: PublicKey,
    covers: Covers,
}

/// How far the checkpoints go.
#[derive(Debug)]
enum Covers {
    /// As far as they did when they were copied.
    Old,
    /// As far as the service makes them.
    Due,
    /// As far as whoever writes the log has signed it.
    Written(Written),
}

/// What whoever writes the log knows of it.
#[derive(Debug)]
struct Written {
    /// The last record, its hash, and the bytes up to its end.
    n: u64,
    hash: Hash,
    bytes: u64,
    /// The record of the last checkpoint.
    sealed: u64,
}

impl Verification {
    /// Opens the files below a state directory.
    pub fn open(state_dir: &Path, key: PublicKey) -> Result<Self, AuditError> {
        let [log_path, path] = [FILE, checkpoint::FILE].map(|name| state_dir.join(name));
        // First the checkpoints: what they cover is then in the log. A checkpoint that is made in between must
        // not be missing where the log has gone on.
        let mut checkpoints = Lines::open(&path)?;
        let mut log = Lines::open(&log_path)?;
        for _ in 0..OPEN_TRIES {
            let again = Lines::open(&path)?;
            let same = again.as_ref().map(Lines::left) == checkpoints.as_ref().map(Lines::left);
            checkpoints = again;
            if same {
                break;
            }
            log = Lines::open(&log_path)?;
        }
        Ok(Self {
            checkpoints,
            log,
            key,
            covers: Covers::Due,
        })
    }

    /// The same by who has them open to write them: they have to end as it has written them.
    pub fn of_open(state_dir: &Path, audit: &Audit, sealer: &Sealer) -> Result<Self, AuditError> {
        let mut opened = Self::open(state_dir, sealer.public_key()?)?;
        opened.covers = Covers::Written(Written {
            n: audit.last(),
            hash: *audit.hash(),
            bytes: audit.bytes(),
            sealed: sealer.sealed(),
        });
        Ok(opened)
    }

    /// Reads both files once. `pace` is told of the bytes of each line, and may wait.
    pub fn run(self, mut pace: impl FnMut(u64)) -> Result<Verified, AuditError> {
        let Self {
            checkpoints,
            mut log,
            key,
            covers,
        } = self;
        let mut checking = Checking::new(checkpoints, key)?;
        while let Some(lines) = &mut log {
            match lines.next_line() {
                Ok(Some(line)) => {
                    pace(line.end - checking.end());
                    checking.line(&line)?;
                }
                Ok(None) => break,
                Err(AuditError::Damaged { line, what, .. }) => {
                    checking.damage(FILE, line, what);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        checking.finish(&covers)
    }
}
