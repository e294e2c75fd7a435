//! What is recorded, and the line it becomes.

use std::{collections::BTreeMap, path::Path};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::AuditError;
use crate::order::hex;

/// The hash before the first record.
pub(super) const GENESIS: Hash = [0; 32];

/// Bytes of a text in a record; longer text is cut, and says so.
const TEXT_BYTES_MAX: usize = 4096;

/// The hash of a line.
pub(super) type Hash = [u8; 32];

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
            actor: bounded(actor.to_owned()),
            action,
            object: bounded(object.into()),
            details: BTreeMap::new(),
        }
    }

    /// Adds a detail; nothing if it is empty.
    #[must_use]
    pub fn detail(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        let value = bounded(value.to_string());
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

impl Record {
    /// The record of an event.
    pub(super) fn new(event: Event, n: u64, at: Timestamp, prev: &Hash) -> Self {
        let Event {
            actor,
            action,
            object,
            details,
        } = event;
        let details = details.into_iter();
        Self {
            n,
            at,
            actor,
            action: action.to_owned(),
            object,
            details: details
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            prev: hex::encode(prev),
        }
    }

    /// Reads a line, without its end.
    pub(super) fn parse(path: &Path, line: u64, bytes: &[u8]) -> Result<Self, AuditError> {
        serde_json::from_slice(bytes).map_err(|error| AuditError::Damaged {
            path: path.to_owned(),
            line,
            what: format!("no audit record: {error}"),
        })
    }
}

/// The hash of a line, without its end.
pub(super) fn hash(line: &[u8]) -> Hash {
    Sha256::digest(line).into()
}

fn bounded(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        let end = (0..=TEXT_BYTES_MAX)
            .rev()
            .find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push_str(" [cut]");
    }
    text
}
