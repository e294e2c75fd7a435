//! The audit log: who changed what, when, and what it did to the generation in force.
//!
//! One JSON document per line, appended and synced. Each names the hash of the one before, so that a
//! line cannot be changed, removed or inserted without every later hash being wrong. Beside it lies a file
//! of checkpoints, signed with the appliance's key, each over the hash of a record: who rewrites the log
//! and all its hashes cannot make those anew.
//!
//! - `record`: what is recorded, and the line it becomes;
//! - `log`: the log, open for appending;
//! - [`checkpoint`]: what is signed, and the file it lies in;
//! - [`read`]: the log line by line, in bounded memory;
//! - [`verify`]: the whole of it, against its checkpoints.

pub mod checkpoint;
mod log;
pub mod read;
mod record;
#[cfg(test)]
mod tests;
pub mod verify;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use self::{
    log::Audit,
    record::{Event, Record},
};

/// The file below the state directory.
pub const FILE: &str = "audit.log";

/// The action of the last record of a service that stopped.
pub const STOP: &str = "stop";

/// Bytes of a line; more are not written, and not read.
pub const LINE_BYTES_MAX: usize = 1 << 20;

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
    /// A line is no record, or does not follow from the one before.
    #[error("{} line {line}: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0 where only its place from the end is known.
        line: u64,
        /// What was found, and what was expected.
        what: String,
    },
    /// A checkpoint could not be signed.
    #[error("cannot sign a checkpoint of the audit log: {0}")]
    Sign(String),
}

impl AuditError {
    /// For `map_err`.
    fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
