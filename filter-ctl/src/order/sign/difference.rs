//! The making of a delta from two snapshots.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::order::{
    canonical, hex,
    parse::{self, Kind, Manifest, ParseError, ParseErrorKind},
    state,
};

/// Why no delta is made.
#[derive(Debug, thiserror::Error)]
pub enum DifferenceError {
    /// One of the snapshots, or the delta, is malformed.
    #[error("{which}: {error}")]
    Malformed {
        /// Which: `the old snapshot`, `the new snapshot` or `the delta`.
        which: &'static str,
        /// What is wrong with it.
        error: ParseError,
    },
    /// The two do not follow each other.
    #[error("{0}")]
    Order(String),
}

/// The bytes of the delta that leads from one snapshot to the other. Its manifest is the new snapshot's, but
/// for what makes it a delta. Takes O(n log n) for `n` entries.
pub fn difference(old: &[u8], new: &[u8]) -> Result<Vec<u8>, DifferenceError> {
    let before = snapshot("the old snapshot", old)?;
    let after = snapshot("the new snapshot", new)?;
    if (&before.feed, before.epoch) != (&after.feed, after.epoch) || before.seq >= after.seq {
        return Err(DifferenceError::Order(format!(
            "feed `{}` epoch {} seq {} after feed `{}` epoch {} seq {}: expected the same feed and epoch, \
             and a higher seq",
            after.feed, after.epoch, after.seq, before.feed, before.epoch, before.seq
        )));
    }
    let same_order = before.order == after.order;
    let before_lines = lines("the old snapshot", old)?;
    let after_lines = lines("the new snapshot", new)?;
    let mut changes = Vec::new();
    for id in before_lines
        .keys()
        .filter(|id| !after_lines.contains_key(*id))
    {
        changes.push(format!(
            "{{\"op\":\"remove\",\"id\":{}}}",
            Value::from(&**id)
        ));
    }
    for (id, line) in &after_lines {
        // A line without an order of its own means another one where the manifests differ.
        let means_the_same = same_order || line.contains("\"order\":{");
        if !(means_the_same && before_lines.get(id) == Some(line)) {
            changes.push(format!("{{\"op\":\"add\",{}", &line[1..]));
        }
    }
    let digest = state::digest([new]).map_err(|error| malformed("the new snapshot", error.line))?;
    let manifest = manifest(new, before.seq, &digest, changes.len())?;
    let mut delta = manifest.into_bytes();
    for change in changes {
        delta.push(b'\n');
        delta.extend_from_slice(change.as_bytes());
    }
    delta.push(b'\n');
    // What no one can admit is not made.
    parse::check(&delta, &TimeZone::UTC).map_err(|error| DifferenceError::Malformed {
        which: "the delta",
        error,
    })?;
    Ok(delta)
}

fn snapshot(which: &'static str, bundle: &[u8]) -> Result<Manifest, DifferenceError> {
    let manifest = parse::check(bundle, &TimeZone::UTC)
        .map_err(|error| DifferenceError::Malformed { which, error })?;
    if manifest.kind == Kind::Snapshot {
        Ok(manifest)
    } else {
        Err(DifferenceError::Order(format!(
            "{which} is a delta: expected a snapshot"
        )))
    }
}

fn malformed(which: &'static str, line: u32) -> DifferenceError {
    let kind = ParseErrorKind::Json("expected an entry".to_owned());
    let line = line.into();
    let error = ParseError { line, kind };
    DifferenceError::Malformed { which, error }
}

/// The entries in canonical form, by id.
fn lines<'a>(
    which: &'static str,
    bundle: &'a [u8],
) -> Result<BTreeMap<Cow<'a, str>, String>, DifferenceError> {
    let mut lines = BTreeMap::new();
    for change in state::changes(bundle) {
        let change = change.map_err(|number| malformed(which, number))?;
        let mut bytes = Vec::with_capacity(change.text.len());
        let appended = canonical::append(change.text, "op", &mut bytes);
        let (Some(()), Ok(text)) = (appended, String::from_utf8(bytes)) else {
            return Err(malformed(which, change.number));
        };
        lines.insert(change.id, text);
    }
    Ok(lines)
}

/// The first line of a snapshot, made that of a delta.
fn manifest(
    snapshot: &[u8],
    base_seq: u64,
    digest: &[u8; 32],
    entries: usize,
) -> Result<String, DifferenceError> {
    let line = snapshot.split(|byte| *byte == b'\n').next();
    let line = line.unwrap_or_default();
    let mut manifest: Map<String, Value> =
        serde_json::from_slice(line).map_err(|_| malformed("the new snapshot", 1))?;
    manifest.insert("kind".to_owned(), "delta".into());
    manifest.insert("base_seq".to_owned(), base_seq.into());
    manifest.insert("state_digest".to_owned(), hex::encode(digest).into());
    manifest.insert("entries".to_owned(), entries.into());
    Ok(Value::from(manifest).to_string())
}
