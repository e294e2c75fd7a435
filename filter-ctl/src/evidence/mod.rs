//! The inputs that something was decided on, kept by their content, so that years later nobody has to take our word
//! for what a letter or a bundle said.
//!
//! ```text
//! evidence/SHA256             the bytes as they were received; another name of the file in force where it is one
//! evidence/SHA256.minisig     their signatures, .2.minisig and so on
//! evidence/SHA256.json        when they were seen first, where they came from, what became of them
//! ```
//!
//! Kept is what was admitted, held or attached to a letter, and what was refused although a known key had signed it.
//! It goes after a time, or when there is too much of it, the oldest first. What is in force, or belongs to a letter
//! that is still open, stays whatever there is.
//!
//! - here: keeping and removing, for the one who writes;
//! - [`note`]: what is known of an input, and how it is read without a service.

pub mod note;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use self::note::{Note, NoteError, Seen, notes};
use crate::{
    durable::{self, DurableError},
    order::{Input, hex, sign::signature_path},
};

/// The directory below the state directory.
pub const DIRECTORY: &str = "evidence";
/// Inputs that are kept; past it the oldest go, as they do past the configured bytes.
pub const EVIDENCE_INPUTS_MAX: usize = 65_536;
/// Of either bound, the part that refused inputs may take: they push out no more of what was admitted.
const REFUSED_SHARE: usize = 4;
const REFUSED_INPUTS_MAX: usize = EVIDENCE_INPUTS_MAX / REFUSED_SHARE;

/// How much is kept, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// For how long, from when it was seen first.
    pub keep: SignedDuration,
    /// The most bytes.
    pub bytes_max: u64,
}

/// Why something is not kept.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// A file cannot be written, linked or removed.
    #[error(transparent)]
    File(#[from] DurableError),
    /// A note cannot be read or written.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// The evidence, for the one who writes it.
#[derive(Debug)]
pub struct Evidence {
    directory: PathBuf,
    known: BTreeMap<[u8; 32], Known>,
    /// What `known` comes to.
    usage: Usage,
    /// What was removed before its time, since the start.
    pub removed_early: u64,
    /// What could not be kept or removed, since the start.
    pub failures: u64,
}

/// An input that is kept.
#[derive(Clone, Copy, Debug)]
struct Known {
    first_seen: Timestamp,
    bytes: u64,
    refused: bool,
}

impl From<&Note> for Known {
    fn from(note: &Note) -> Self {
        Self {
            first_seen: note.first_seen,
            bytes: note.bytes,
            refused: note.is_refused(),
        }
    }
}

/// What all that is kept comes to, so that it need not be added up each time that somebody asks.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    inputs: usize,
    bytes: u64,
    refused_inputs: usize,
    refused_bytes: u64,
}

impl Usage {
    const fn add(&mut self, known: Known) {
        self.inputs += 1;
        self.bytes += known.bytes;
        if known.refused {
            self.refused_inputs += 1;
            self.refused_bytes += known.bytes;
        }
    }

    const fn remove(&mut self, known: Known) {
        self.inputs -= 1;
        self.bytes -= known.bytes;
        if known.refused {
            self.refused_inputs -= 1;
            self.refused_bytes -= known.bytes;
        }
    }

    const fn is_too_much(self, retention: Retention) -> bool {
        self.inputs > EVIDENCE_INPUTS_MAX || self.bytes > retention.bytes_max
    }

    const fn is_too_much_refused(self, retention: Retention) -> bool {
        self.refused_inputs > REFUSED_INPUTS_MAX
            || self.refused_bytes > retention.bytes_max / REFUSED_SHARE as u64
    }
}

impl Evidence {
    /// The evidence below a state directory. Reads nothing yet.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        Self {
            directory: state_dir.join(DIRECTORY),
            known: BTreeMap::new(),
            usage: Usage::default(),
            removed_early: 0,
            failures: 0,
        }
    }

    /// Reads what is there. What cannot be read is named, and stays where it is.
    pub fn load(&mut self) -> Result<(), EvidenceError> {
        durable::create_directory(&self.directory)?;
        sweep(&self.directory)?;
        let mut outcome = Ok(());
        for note in notes(&self.directory)? {
            match note {
                Ok(note) => self.learn(&note),
                Err(error) => outcome = Err(error.into()),
            }
        }
        outcome
    }

    /// How many inputs there are, and their bytes.
    #[must_use]
    pub const fn size(&self) -> (usize, u64) {
        (self.usage.inputs, self.usage.bytes)
    }

    /// Whether an input is kept.
    #[must_use]
    pub fn has(&self, sha256: &[u8; 32]) -> bool {
        self.known.contains_key(sha256)
    }

    /// Keeps an input, which is written only where it lies nowhere yet, and notes what became of it.
    pub fn keep(
        &mut self,
        input: &Input,
        signatures: &[Vec<u8>],
        seen: Seen,
    ) -> Result<(), EvidenceError> {
        let sha256 = input.sha256();
        let path = self.path(&sha256);
        if !self.has(&sha256) {
            durable::create_directory(&self.directory)?;
            for (number, signature) in (1..).zip(signatures) {
                durable::write_atomic(&signature_path(&path, number), signature)?;
            }
            input.link_at(&path)?;
        }
        self.note(sha256, input.bytes().len() as u64, seen)
    }

    /// Notes what became of an input that is kept; nothing of one that is not.
    pub fn note_outcome(&mut self, sha256: &[u8; 32], seen: Seen) -> Result<(), EvidenceError> {
        match self.known.get(sha256) {
            Some(known) => self.note(*sha256, known.bytes, seen),
            None => Ok(()),
        }
    }

    /// The note is written last: what has none is no evidence, and is written again.
    fn note(&mut self, sha256: [u8; 32], bytes: u64, seen: Seen) -> Result<(), EvidenceError> {
        let known = self
            .has(&sha256)
            .then(|| Note::read(&self.directory, &sha256));
        let before = known.transpose()?.flatten();
        let Seen { kind, subject, at } = seen;
        let mut note = before.clone().unwrap_or(Note {
            sha256,
            kind,
            subject,
            bytes,
            first_seen: at.at,
            outcomes: Vec::new(),
        });
        note.add(at);
        if before.as_ref() != Some(&note) {
            note.write(&self.directory)?;
        }
        self.learn(&note);
        Ok(())
    }

    /// What was refused before can have been admitted since.
    fn learn(&mut self, note: &Note) {
        let known = Known::from(note);
        if let Some(before) = self.known.insert(note.sha256, known) {
            self.usage.remove(before);
        }
        self.usage.add(known);
    }

    /// Whether there is more than may be.
    #[must_use]
    pub const fn exceeds(&self, retention: Retention) -> bool {
        self.usage.is_too_much(retention) || self.usage.is_too_much_refused(retention)
    }

    /// Removes what is older than it has to be kept, and the oldest of what is too much. What is referenced stays; it
    /// is asked for the note of what is about to go.
    pub fn prune(
        &mut self,
        retention: Retention,
        now: Timestamp,
        is_referenced: impl Fn(&[u8; 32], &dyn Fn() -> Option<Note>) -> bool,
    ) -> Result<(), EvidenceError> {
        let mut oldest: Vec<_> = self
            .known
            .iter()
            .map(|(sha, known)| (*sha, *known))
            .collect();
        oldest.sort_unstable_by_key(|(sha256, known)| (known.first_seen, *sha256));
        for (sha256, known) in oldest {
            let is_old = now.duration_since(known.first_seen) > retention.keep;
            let too_much = self.usage.is_too_much(retention);
            let too_much_refused = known.refused && self.usage.is_too_much_refused(retention);
            if !(is_old || too_much || too_much_refused) {
                continue;
            }
            let note = || Note::read(&self.directory, &sha256).ok().flatten();
            if is_referenced(&sha256, &note) {
                continue;
            }
            self.remove(&sha256)?;
            self.removed_early += u64::from(!is_old);
        }
        Ok(())
    }

    /// The note goes first, so that no note is without its input.
    fn remove(&mut self, sha256: &[u8; 32]) -> Result<(), DurableError> {
        let path = self.path(sha256);
        durable::remove(&note::path(&self.directory, sha256))?;
        for number in 1.. {
            let signature = signature_path(&path, number);
            match fs::remove_file(&signature) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(DurableError::at("remove", &signature)(error)),
            }
        }
        durable::remove(&path)?;
        if let Some(known) = self.known.remove(sha256) {
            self.usage.remove(known);
        }
        Ok(())
    }

    fn path(&self, sha256: &[u8; 32]) -> PathBuf {
        self.directory.join(hex::encode(sha256))
    }
}

/// Removes what a crash has left without a note, or half written.
fn sweep(directory: &Path) -> Result<(), DurableError> {
    let failed = || DurableError::at("read", directory);
    for entry in fs::read_dir(directory).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let digest = name.split('.').next().and_then(hex::decode_digest);
        let is_left = |sha256| !note::path(directory, &sha256).exists();
        if durable::is_temporary(name) || digest.is_some_and(is_left) {
            durable::remove(&entry.path())?;
        }
    }
    Ok(())
}
