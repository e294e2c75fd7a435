//! What is known of an input.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    durable::{self, DurableError},
    order::hex,
};

/// Outcomes that are kept of one input: the first and the last of them.
pub const OUTCOMES_MAX: usize = 32;

const EXTENSION: &str = ".json";

/// What an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A signed bundle.
    Bundle,
    /// A published list that nobody signed.
    List,
    /// What came with a letter.
    Letter,
}

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// It was admitted.
    Admitted,
    /// It was a test, and good.
    Test,
    /// It waits for an operator.
    Held,
    /// An operator has rejected it.
    Rejected,
    /// It was refused.
    Refused,
}

impl Became {
    /// The name, as in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Test => "test",
            Self::Held => "held",
            Self::Rejected => "rejected",
            Self::Refused => "refused",
        }
    }
}

/// What became of an input, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// When.
    pub at: Timestamp,
    /// Who brought it, or decided about it, as in the audit log.
    pub from: String,
    /// What.
    pub what: Became,
    /// The stable name of the reason why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The reason in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Outcome {
    /// What became of an input at that time.
    #[must_use]
    pub fn new(at: Timestamp, from: &str, what: Became) -> Self {
        Self {
            at,
            from: from.to_owned(),
            what,
            code: None,
            error: None,
        }
    }
}

/// An input that was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What it is.
    pub kind: Kind,
    /// The feed, or the order of the letter; empty where it names none.
    pub subject: String,
    /// What became of it.
    pub at: Outcome,
}

/// What is known of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// SHA-256 of the bytes.
    #[serde(with = "hex::digest")]
    pub sha256: [u8; 32],
    /// What it is.
    pub kind: Kind,
    /// The feed, or the order of the letter.
    pub subject: String,
    /// How long it is.
    pub bytes: u64,
    /// When it was seen first.
    pub first_seen: Timestamp,
    /// What became of it, in the order of time.
    pub outcomes: Vec<Outcome>,
}

/// A note that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] DurableError),
    /// It is not what was written.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Note {
    /// The note of an input below a directory of evidence; `None` if there is none.
    pub fn read(directory: &Path, sha256: &[u8; 32]) -> Result<Option<Self>, NoteError> {
        let path = path(directory, sha256);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DurableError::at("read", &path)(error).into()),
        };
        let damaged = |reason| NoteError::Damaged {
            path: path.clone(),
            reason,
        };
        let note: Self =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if note.sha256 == *sha256 {
            Ok(Some(note))
        } else {
            Err(damaged("expected the SHA-256 that is its name".to_owned()))
        }
    }

    /// Whether it came to nothing but refusals.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        let mut outcomes = self.outcomes.iter();
        outcomes.all(|outcome| outcome.what == Became::Refused)
    }

    /// Adds what became of it, unless that is what became of it last.
    pub(super) fn add(&mut self, outcome: Outcome) {
        let same = |last: &Outcome| (last.what, &last.code) == (outcome.what, &outcome.code);
        if self.outcomes.last().is_some_and(same) {
            return;
        }
        if self.outcomes.len() == OUTCOMES_MAX {
            self.outcomes.remove(1);
        }
        self.outcomes.push(outcome);
    }

    pub(super) fn write(&self, directory: &Path) -> Result<(), DurableError> {
        let path = path(directory, &self.sha256);
        let mut bytes = serde_json::to_vec(self)
            .map_err(|error| DurableError::at("write", &path)(error.into()))?;
        bytes.push(b'\n');
        durable::write_atomic(&path, &bytes)
    }
}

/// All notes below a directory of evidence, in no order, and what is wrong with some.
pub fn notes(
    directory: &Path,
) -> Result<impl Iterator<Item = Result<Note, NoteError>> + use<>, DurableError> {
    let failed = DurableError::at("read", directory);
    let entries = match fs::read_dir(directory) {
        Ok(entries) => Some(entries),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    let directory = directory.to_owned();
    let names = entries.into_iter().flatten().filter_map(|entry| {
        let name = entry.ok()?.file_name();
        hex::decode_digest(name.to_str()?.strip_suffix(EXTENSION)?)
    });
    Ok(names.filter_map(move |sha256| Note::read(&directory, &sha256).transpose()))
}

/// Where the note of an input is.
pub(super) fn path(directory: &Path, sha256: &[u8; 32]) -> PathBuf {
    directory.join(format!("{}{EXTENSION}", hex::encode(sha256)))
}
