//! Since when entries have been asked for, beside the bundle that does not say it.
//!
//! A line for each time: `{"since":"...","ids":["...", ...]}`. Entries that are not named began with the
//! bundle's admission.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::order::{Entries, VerifiedOrder};

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
    for entry in order.entries.by_id() {
        let since = entry.terms.since;
        if since != order.admitted_at {
            let ids = lines.entry(since).or_default();
            ids.push(Cow::Borrowed(entry.id));
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

/// Gives the entries their times back. What is wrong with the bytes is named; all entries before that have
/// their time, the others keep theirs.
pub(super) fn apply(bytes: &[u8], entries: Entries) -> (Entries, Result<(), String>) {
    let positions = entries.positions_by_id();
    let mut stamps: Vec<Timestamp> = entries.by_id().map(|entry| entry.terms.since).collect();
    let mut outcome = Ok(());
    let lines = bytes.split(|byte| *byte == b'\n');
    for (number, line) in (1..).zip(lines).filter(|(_, line)| !line.is_empty()) {
        let Line { since, ids } = match serde_json::from_slice(line) {
            Ok(line) => line,
            Err(error) => {
                outcome = Err(format!("line {number}: {error}"));
                break;
            }
        };
        // Written in the order of the ids: the next is most often the one after the last.
        let mut next = 0;
        for id in ids {
            let is_next = |position: &&u32| entries.at(**position).id == id;
            let rank = match positions.get(next).filter(is_next) {
                Some(_) => Some(next),
                // An entry that is named and not there was refused under another time zone.
                None => entries
                    .find(&id)
                    .map(|position| entries.rank_at(position) as usize),
            };
            if let Some(rank) = rank {
                stamps[rank] = since;
                next = rank + 1;
            }
        }
    }
    let mut stamps = stamps.into_iter();
    let stamped = entries.stamp(|entry| stamps.next().unwrap_or(entry.terms.since));
    (stamped, outcome)
}
