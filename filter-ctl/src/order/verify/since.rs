//! Since when entries have been asked for, beside the bundle that does not say it.
//!
//! A line for each time: `{"since":"...","ids":["...", ...]}`. Entries that are not named began with the
//! bundle's admission.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::order::{Entry, VerifiedOrder};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    since: Timestamp,
    #[serde(borrow)]
    ids: Vec<Cow<'a, str>>,
}

/// What must be stored beside the bundle, so that a restart knows since when each entry has been there.
#[must_use]
pub fn encode_since(order: &VerifiedOrder) -> Vec<u8> {
    let mut lines: BTreeMap<Timestamp, Vec<Cow<'_, str>>> = BTreeMap::new();
    for entry in &order.entries {
        if entry.since != order.admitted_at {
            let ids = lines.entry(entry.since).or_default();
            ids.push(Cow::Borrowed(&*entry.id));
        }
    }
    let mut bytes = Vec::new();
    for (since, ids) in lines {
        // A time and texts always have a JSON form, and a Vec takes every byte.
        let _ = serde_json::to_writer(&mut bytes, &Line { since, ids });
        bytes.push(b'\n');
    }
    bytes
}

/// Gives the entries, sorted by id, their times back. What is wrong with the bytes is named; all
/// entries before that have their time, the others keep theirs.
pub(super) fn apply(bytes: &[u8], entries: &mut [Entry]) -> Result<(), String> {
    let lines = bytes.split(|byte| *byte == b'\n');
    for (number, line) in (1..).zip(lines).filter(|(_, line)| !line.is_empty()) {
        let Line { since, ids } =
            serde_json::from_slice(line).map_err(|error| format!("line {number}: {error}"))?;
        // Written in the order of the entries: the next is most often the one after the last.
        let mut next = 0;
        for id in ids {
            let is_next = entries.get(next).is_some_and(|entry| *entry.id == *id);
            let index = if is_next {
                Ok(next)
            } else {
                entries.binary_search_by(|entry| (*entry.id).cmp(&id))
            };
            // An entry that is named and not there was refused under another time zone.
            if let Ok(index) = index {
                entries[index].since = since;
                next = index + 1;
            }
        }
    }
    Ok(())
}
