//! What a feed's bundles amount to, and its digest, by which a delta proves that both sides mean the same.
//!
//! The state is made of the entries as their authority published them. What a receiver refuses or holds back
//! is part of it, so every receiver has the same.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use super::canonical;

/// Bundles that do not make a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of bundle {bundle} is no entry")]
pub struct StateError {
    /// Which bundle, counted from 1.
    pub bundle: u32,
    /// The line, counted from 1.
    pub line: u32,
}

/// A line of a well-formed bundle, as it stands there.
pub(super) struct Change<'a> {
    /// The line, counted from 1.
    pub(super) number: u32,
    pub(super) id: Cow<'a, str>,
    /// Whether the entry is removed, and not there or put in place of another.
    pub(super) is_removed: bool,
    pub(super) text: &'a str,
}

/// The lines of a bundle after its manifest. An error is the number of the line, counted from 1, that is no entry.
pub(super) fn changes(bundle: &[u8]) -> impl Iterator<Item = Result<Change<'_>, u32>> {
    let (text, invalid) = match str::from_utf8(bundle) {
        Ok(text) => (text, None),
        Err(_) => ("", Some(Err(1))),
    };
    let entries = (1..).zip(text.lines()).skip(1);
    let entries = entries.filter(|(_, text)| !text.is_empty());
    let change = |(number, text)| {
        let id = canonical::member(text, "id").and_then(canonical::text);
        Ok(Change {
            number,
            id: id.ok_or(number)?,
            is_removed: canonical::member(text, "op") == Some("\"remove\""),
            text,
        })
    };
    invalid.into_iter().chain(entries.map(change))
}

/// A line of the state.
struct Line<'a> {
    id: Cow<'a, str>,
    /// Where it stands: of two with the same id the later one counts.
    bundle: u32,
    number: u32,
    /// `None` where the entry is removed.
    text: Option<&'a str>,
}

/// The digest of the state that a snapshot and the deltas after it amount to: SHA-256 over the entries, sorted
/// by the bytes of their ids, each without `op`, in the canonical form of RFC 8785, and ended by LF.
///
/// The bundles must be well formed. Takes O(n log n) for `n` lines, and 48 bytes of memory for each.
pub fn digest<'a>(bundles: impl IntoIterator<Item = &'a [u8]>) -> Result<[u8; 32], StateError> {
    let mut lines = Vec::new();
    for (bundle, bytes) in (1..).zip(bundles) {
        for change in changes(bytes) {
            let change = change.map_err(|line| StateError { bundle, line })?;
            lines.push(Line {
                id: change.id,
                bundle,
                number: change.number,
                text: (!change.is_removed).then_some(change.text),
            });
        }
    }
    lines.sort_unstable_by(|a, b| a.id.cmp(&b.id).then(b.bundle.cmp(&a.bundle)));
    lines.dedup_by(|later, first| later.id == first.id);
    let mut hash = Sha256::new();
    let mut canonical = Vec::new();
    for Line {
        bundle,
        number: line,
        text,
        ..
    } in lines
    {
        let Some(text) = text else { continue };
        canonical.clear();
        canonical::append(text, "op", &mut canonical).ok_or(StateError { bundle, line })?;
        canonical.push(b'\n');
        hash.update(&canonical);
    }
    Ok(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::hex;

    const MANIFEST: &str = "{\"type\":\"levee-bundle\"}\n";

    fn bundle(lines: &[&str]) -> Vec<u8> {
        format!("{MANIFEST}{}\n", lines.join("\n")).into_bytes()
    }

    #[test]
    fn a_delta_leads_to_the_same_state_as_the_snapshot_it_stands_for() {
        let first = bundle(&[
            r#"{"id":"b","net":"203.0.113.7"}"#,
            r#"{"net":"203.0.113.8", "id":"a"}"#,
            r#"{"id":"c","net":"203.0.113.9"}"#,
        ]);
        let delta = bundle(&[
            r#"{"op":"remove","id":"a"}"#,
            r#"{"op":"add","id":"d","net":"203.0.113.10"}"#,
            r#"{"op":"add","id":"c","net":"203.0.113.11"}"#,
        ]);
        let whole = bundle(&[
            r#"{"id":"d","net":"203.0.113.10"}"#,
            r#"{"id":"c","net":"203.0.113.11"}"#,
            r#"{"id":"b","net":"203.0.113.7"}"#,
        ]);
        let after = digest([&first[..], &delta]).expect("a state");
        assert_eq!(after, digest([&whole[..]]).expect("a state"));
        assert_ne!(after, digest([&first[..]]).expect("a state"));
    }

    #[test]
    fn the_digest_is_that_of_the_documented_bytes() {
        let snapshot = bundle(&[
            r#"{"net":"203.0.113.7/32","id":"e1"}"#,
            r#"{"id":"e0","ports":[443],"proto":"tcp"}"#,
        ]);
        let documented = "{\"id\":\"e0\",\"ports\":[443],\"proto\":\"tcp\"}\n{\"id\":\"e1\",\"net\":\"203.0.113.7/32\"}\n";
        let expected: [u8; 32] = Sha256::digest(documented).into();
        assert_eq!(digest([&snapshot[..]]), Ok(expected));
        // An empty state is the digest of nothing.
        let empty = digest([MANIFEST.as_bytes()]).expect("a state");
        assert_eq!(
            hex::encode(&empty),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
