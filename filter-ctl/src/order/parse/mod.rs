//! The bundle format: from bytes to a manifest and entries, line by line.
//!
//! A bundle is JSON, one object a line. The first line is the manifest, each further one an entry, or in a
//! delta a change of one. A line may end in CR LF. Blank lines may follow the last entry and stand nowhere
//! else. Unknown and doubled fields, host bits and everything else that is not exactly of the documented form
//! make the bundle malformed as a whole; the error names the line, counted from 1, and what was expected.
//!
//! Reading borrows from the bundle's bytes and keeps one line at a time.
//!
//! - `lines`: bytes into lines; `raw`: a line as JSON;
//! - `manifest` and `entries`: the first line, and those after it;
//! - `line`: what a line says then;
//! - `error`: what is wrong, and where.

mod entries;
mod error;
mod line;
mod lines;
mod manifest;
mod raw;
#[cfg(test)]
mod tests;

use jiff::tz::TimeZone;

pub(super) use self::line::{check_length, check_text};
use self::lines::Lines;
pub use self::{
    entries::Entries,
    error::{ParseError, ParseErrorKind},
    line::{ParsedEntry, ParsedLine, ParsedOrder, Removal},
    manifest::{Kind, Manifest},
};
use super::field::excerpt;

/// What the manifest's `type` says.
pub const BUNDLE_TYPE: &str = "levee-bundle";
/// The version of the format that is read and written.
pub const BUNDLE_VERSION: u64 = 1;
/// Bytes of a bundle, unless configured otherwise; a longer one is refused.
pub const BUNDLE_BYTES_MAX_DEFAULT: usize = 256 << 20;
/// Bytes of a line, without its end; a longer one is refused.
pub const LINE_BYTES_MAX: usize = 64 << 10;
/// Bytes of an entry's id; a longer one is refused.
pub const ID_BYTES_MAX: usize = 128;
/// Bytes of a reference, issuer, basis or reason; a longer one is refused.
pub const TEXT_BYTES_MAX: usize = 1024;

/// Reads the manifest, and nothing else. What it returns second reads the entries.
pub fn open<'a>(
    bundle: &'a [u8],
    timezone: &TimeZone,
) -> Result<(Manifest, Entries<'a>), ParseError> {
    let mut lines = Lines::new(bundle);
    let at = |kind| ParseError { line: 1, kind };
    let (_, line) = lines
        .next()
        .unwrap_or(Err(at(ParseErrorKind::Blank("the manifest"))))?;
    let manifest = manifest::manifest(line).map_err(at)?;
    let entries = Entries::new(lines, &manifest, timezone);
    Ok((manifest, entries))
}

/// Reads a whole bundle for its form alone, as its author does before signing it.
pub fn check(bundle: &[u8], timezone: &TimeZone) -> Result<Manifest, ParseError> {
    let (manifest, entries) = open(bundle, timezone)?;
    let mut ids = Vec::new();
    for entry in entries {
        let entry = entry?;
        let line = entry.line();
        let (ParsedLine::Add(ParsedEntry { id, .. }) | ParsedLine::Remove(Removal { id, .. })) =
            entry;
        ids.push((id, line));
    }
    ids.sort_unstable();
    for pair in ids.windows(2) {
        let [(first_id, first), (id, line)] = pair else {
            continue;
        };
        if first_id == id {
            let (id, first) = (excerpt(id), *first);
            let kind = ParseErrorKind::DuplicateId { id, first };
            return Err(ParseError { line: *line, kind });
        }
    }
    Ok(manifest)
}
