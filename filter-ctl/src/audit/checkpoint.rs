//! Signed checkpoints: what the log said at a time, in a file of its own.
//!
//! A checkpoint says that record `n` has this hash and ends at this byte of the log. Since the hash covers
//! all that came before, one checkpoint holds all records up to its own.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use minisign_verify::{PublicKey, Signature};
use serde::{Deserialize, Serialize};

use super::{Audit, AuditError};
use crate::{
    appliance::Appliance,
    order::{hex, sign::read_public_key_file},
};

/// The file below the state directory.
pub const FILE: &str = "audit.checkpoints";
/// Records after which a checkpoint is made.
pub const CHECKPOINT_EVERY: u64 = 100;
/// The time after which a checkpoint is made, if there is any new record.
pub const CHECKPOINT_TIME: Duration = Duration::from_mins(1);
/// Bytes of a checkpoint's line.
const LINE_BYTES_MAX: u64 = 4096;

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The number of the record.
    pub n: u64,
    /// Its hash, in hexadecimal.
    pub hash: String,
    /// Bytes of the log up to its end.
    pub bytes: u64,
    /// When.
    pub at: Timestamp,
    /// The id of the key.
    pub key: String,
    /// The text of a minisign signature file over [`Checkpoint::text`].
    pub signature: String,
}

impl Checkpoint {
    /// What is signed: five lines.
    #[must_use]
    pub fn text(&self) -> String {
        let Self {
            n, hash, bytes, at, ..
        } = self;
        format!("levee audit checkpoint\nrecord {n}\nhash {hash}\nbytes {bytes}\nat {at}\n")
    }

    /// Whether the key made it.
    #[must_use]
    pub fn verifies(&self, key: &PublicKey) -> bool {
        Signature::decode(&self.signature)
            .is_ok_and(|signature| key.verify(self.text().as_bytes(), &signature, true).is_ok())
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// Reads the public key in a file.
#[must_use]
pub fn public_key(path: &Path) -> Option<PublicKey> {
    let (_, text) = read_public_key_file(path).ok()?;
    PublicKey::from_base64(&text).ok()
}

/// The last whole checkpoint of a state directory, and how long the file is up to its end. A torn line
/// behind it counts for nothing: the record that it was about is in the log.
pub(super) fn last(state_dir: &Path) -> Result<(Option<Checkpoint>, u64), AuditError> {
    let path = state_dir.join(FILE);
    let io_error = |action| AuditError::at(action, &path);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((None, 0)),
        Err(source) => return Err(io_error("open")(source)),
    };
    let length = file.metadata().map_err(io_error("inspect"))?.len();
    let from = length.saturating_sub(2 * LINE_BYTES_MAX);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(from))
        .and_then(|_| file.read_to_end(&mut tail))
        .map_err(io_error("read"))?;
    let newline = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n');
    let damaged = |what: String| AuditError::Damaged {
        path: path.clone(),
        line: 0,
        what,
    };
    let Some(end) = newline(&tail) else {
        return if from == 0 {
            Ok((None, 0))
        } else {
            Err(damaged("its end is no checkpoint".to_owned()))
        };
    };
    let start = newline(&tail[..end]).map_or(0, |before| before + 1);
    let checkpoint = Checkpoint::parse(&tail[start..end])
        .map_err(|error| damaged(format!("its last line is no checkpoint: {error}")))?;
    Ok((Some(checkpoint), from + end as u64 + 1))
}

/// Makes checkpoints.
pub struct Sealer {
    path: PathBuf,
    file: File,
    appliance: Appliance,
    sealed: u64,
    sealed_at: Timestamp,
}

impl Sealer {
    /// Opens the file below a state directory, and the appliance's key. Cuts a torn line off its end.
    pub fn open(state_dir: &Path) -> Result<Self, AuditError> {
        let appliance =
            Appliance::open(state_dir).map_err(|error| AuditError::Sign(error.to_string()))?;
        let (last, whole) = last(state_dir)?;
        let path = state_dir.join(FILE);
        let io_error = |action| AuditError::at(action, &path);
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o640)
            .open(&path)
            .map_err(io_error("open"))?;
        file.set_len(whole)
            .map_err(io_error("cut the torn end of"))?;
        Ok(Self {
            file,
            appliance,
            sealed: last.as_ref().map_or(0, |last| last.n),
            sealed_at: last.map_or(Timestamp::UNIX_EPOCH, |last| last.at),
            path,
        })
    }

    /// The key that checkpoints are signed with.
    pub(super) fn public_key(&self) -> Result<PublicKey, AuditError> {
        PublicKey::from_base64(self.appliance.public_key())
            .map_err(|error| AuditError::Sign(error.to_string()))
    }

    /// The record of the last checkpoint; 0 before the first.
    pub(super) const fn sealed(&self) -> u64 {
        self.sealed
    }

    /// Whether a checkpoint is due: [`CHECKPOINT_EVERY`] records after the last, or [`CHECKPOINT_TIME`]
    /// with any.
    #[must_use]
    pub fn is_due(&self, audit: &Audit, now: Timestamp) -> bool {
        let new = audit.last().saturating_sub(self.sealed);
        let waited = now.duration_since(self.sealed_at);
        // A clock that was set back must not keep it from being made.
        let long = waited.is_negative() || waited.unsigned_abs() >= CHECKPOINT_TIME;
        new >= CHECKPOINT_EVERY || new > 0 && long
    }

    /// Signs what the log says now, if it says anything new.
    pub fn seal(&mut self, audit: &Audit, now: Timestamp) -> Result<(), AuditError> {
        if audit.last() <= self.sealed {
            return Ok(());
        }
        let mut checkpoint = Checkpoint {
            n: audit.last(),
            hash: hex::encode(audit.hash()),
            bytes: audit.bytes(),
            at: now,
            key: self.appliance.id().to_string(),
            signature: String::new(),
        };
        checkpoint.signature = self
            .appliance
            .sign(checkpoint.text().as_bytes(), "levee audit checkpoint")
            .map_err(|error| AuditError::Sign(error.to_string()))?;
        let io_error = |source| AuditError::Io {
            action: "append to",
            path: self.path.clone(),
            source,
        };
        let mut line =
            serde_json::to_vec(&checkpoint).map_err(|error| AuditError::Sign(error.to_string()))?;
        line.push(b'\n');
        let end = self.file.metadata().map_err(io_error)?.len();
        let written = self
            .file
            .write_all(&line)
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a line is cut at the next opening, if this fails.
            let _best_effort = self.file.set_len(end);
            return Err(io_error(error));
        }
        self.sealed = checkpoint.n;
        self.sealed_at = now;
        Ok(())
    }
}
