//! The bundle format: from bytes to a manifest and entries, line by line.
//!
//! A bundle is JSON, one object a line. The first line is the manifest, each further one an entry, or in a
//! delta a change of one. A
//! line may end in CR LF. Blank lines may follow the last entry and stand nowhere else. Unknown and
//! doubled fields, host bits and everything else that is not exactly of the documented form make the
//! bundle malformed as a whole; the error names the line, counted from 1, and what was expected.
//!
//! Reading borrows from the bundle's bytes and keeps one line at a time.

mod error;
mod lines;
mod raw;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, iter::FusedIterator};

use ipnet::IpNet;
use jiff::{Timestamp, tz::TimeZone};

pub use self::error::{ParseError, ParseErrorKind};
use self::lines::Lines;
use self::raw::{Op, RawEntry, RawManifest, RawOrder};
use super::{
    Direction, FeedName, OrderInfo, PortRange,
    field::{self, PortError, excerpt},
    hex,
};

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

/// The first line of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The feed it is for.
    pub feed: FeedName,
    /// Raised when sequence numbers begin anew.
    pub epoch: u64,
    /// Raised with each bundle.
    pub seq: u64,
    /// Whether its entries are all that there is, or change what was there before.
    pub kind: Kind,
    /// When it was made.
    pub issued_at: Timestamp,
    /// From when on it is no longer admitted, and the feed counts as stale.
    pub expires_at: Timestamp,
    /// How many entries follow.
    pub entries: u64,
    /// Whether it only exercises the path.
    pub test: bool,
    /// The order of all entries that name none of their own.
    pub order: Option<OrderInfo>,
}

/// What the entries of a bundle are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All of the feed.
    Snapshot,
    /// Changes of what the feed amounted to before.
    Delta {
        /// The sequence number, in the same epoch, of the bundle that it changes.
        base_seq: u64,
        /// What [`state::digest`](super::state::digest) says of the result.
        state_digest: [u8; 32],
    },
}

impl Kind {
    /// The name in a manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Delta { .. } => "delta",
        }
    }
}

/// An order as a line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedOrder<'a> {
    /// The number of the decision or letter; not empty.
    pub reference: Cow<'a, str>,
    /// The authority that decided; not empty.
    pub issuer: Cow<'a, str>,
    /// The legal basis, or nothing.
    pub basis: Cow<'a, str>,
    /// Why, or nothing.
    pub reason: Cow<'a, str>,
}

/// A line that is well formed, and not yet judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedEntry<'a> {
    /// Its line, counted from 1.
    pub line: u64,
    /// The issuer's name for it: 1 to [`ID_BYTES_MAX`] bytes.
    pub id: Cow<'a, str>,
    /// The prefix, without host bits.
    pub net: IpNet,
    /// Which packets.
    pub direction: Direction,
    /// An IP protocol number; `None` for all.
    pub protocol: Option<u8>,
    /// Disjoint, sorted; empty for all. Only with a protocol that has ports.
    pub ports: Box<[PortRange]>,
    /// From when on it is no longer meant, if it says so.
    pub until: Option<Timestamp>,
    /// Why, if it says so.
    pub reason: Option<Cow<'a, str>>,
    /// Its own order; `None` for the manifest's, which there is then.
    pub order: Option<ParsedOrder<'a>>,
}

/// A line after the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParsedLine<'a> {
    /// An entry; in a delta one that is new, or takes the place of the one with its id.
    Add(ParsedEntry<'a>),
    /// In a delta: an entry that is no longer asked for.
    Remove(Removal<'a>),
}

/// An entry that is no longer asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal<'a> {
    /// Its line, counted from 1.
    pub line: u64,
    /// The issuer's name for it.
    pub id: Cow<'a, str>,
    /// Its prefix, if the line names it.
    pub net: Option<IpNet>,
}

impl ParsedLine<'_> {
    /// The line, counted from 1.
    #[must_use]
    pub const fn line(&self) -> u64 {
        match self {
            Self::Add(entry) => entry.line,
            Self::Remove(removal) => removal.line,
        }
    }
}

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
    let manifest = manifest(line).map_err(at)?;
    let entries = Entries {
        lines,
        timezone: timezone.clone(),
        announced: manifest.entries,
        has_order: manifest.order.is_some(),
        is_delta: matches!(manifest.kind, Kind::Delta { .. }),
        found: 0,
        done: false,
        until: None,
    };
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

fn manifest(line: &str) -> Result<Manifest, ParseErrorKind> {
    if line.is_empty() {
        return Err(ParseErrorKind::Blank("the manifest"));
    }
    let raw: RawManifest<'_> = raw::from_json(line)?;
    let unsupported = |field, found: String, expected: &str| {
        let expected = expected.to_owned();
        Err(ParseErrorKind::Unsupported {
            field,
            found,
            expected,
        })
    };
    if raw.r#type != BUNDLE_TYPE {
        return unsupported("type", excerpt(&raw.r#type), BUNDLE_TYPE);
    }
    if raw.version != BUNDLE_VERSION {
        return unsupported("version", raw.version.to_string(), "1");
    }
    let malformed = |problem: &str| ParseErrorKind::Json(problem.to_owned());
    let kind = match (&*raw.kind, raw.base_seq, raw.state_digest) {
        ("snapshot", None, None) => Kind::Snapshot,
        ("snapshot", ..) => {
            let problem = "`base_seq` and `state_digest` belong to a delta: expected none";
            return Err(malformed(problem));
        }
        ("delta", Some(base_seq), Some(digest)) if base_seq < raw.seq => Kind::Delta {
            base_seq,
            state_digest: hex::decode_digest(&digest.0).ok_or_else(|| {
                malformed("`state_digest` is no SHA-256: expected 64 hexadecimal digits")
            })?,
        },
        ("delta", ..) => {
            let problem =
                "a delta needs `base_seq`, lower than `seq`, and `state_digest`: expected both";
            return Err(malformed(problem));
        }
        (other, ..) => return unsupported("kind", excerpt(other), "snapshot` or `delta"),
    };
    let feed = FeedName::try_from(raw.feed.into_owned())
        .map_err(|error| ParseErrorKind::Json(format!("`feed`: {error}")))?;
    let order = raw.order.map(order).transpose()?;
    Ok(Manifest {
        feed,
        epoch: raw.epoch,
        seq: raw.seq,
        kind,
        issued_at: raw.issued_at,
        expires_at: raw.expires_at,
        entries: raw.entries,
        test: raw.test,
        order: order.map(|order| order.to_info()),
    })
}

impl ParsedOrder<'_> {
    /// The order, on its own.
    #[must_use]
    pub fn to_info(&self) -> OrderInfo {
        OrderInfo {
            reference: (&*self.reference).into(),
            issuer: (&*self.issuer).into(),
            basis: (&*self.basis).into(),
            reason: (&*self.reason).into(),
        }
    }
}

fn order(raw: RawOrder<'_>) -> Result<ParsedOrder<'_>, ParseErrorKind> {
    let RawOrder {
        reference,
        issuer,
        basis,
        reason,
    } = raw;
    check_text("reference", &reference.0, TEXT_BYTES_MAX)?;
    check_text("issuer", &issuer.0, TEXT_BYTES_MAX)?;
    let basis = basis.unwrap_or_default().0;
    let reason = reason.unwrap_or_default().0;
    check_length("basis", &basis, TEXT_BYTES_MAX)?;
    check_length("reason", &reason, TEXT_BYTES_MAX)?;
    Ok(ParsedOrder {
        basis,
        reason,
        reference: reference.0,
        issuer: issuer.0,
    })
}

pub(super) fn check_text(
    field: &'static str,
    text: &str,
    max: usize,
) -> Result<(), ParseErrorKind> {
    if text.trim().is_empty() {
        return Err(ParseErrorKind::Empty(field));
    }
    check_length(field, text, max)
}

pub(super) fn check_length(
    field: &'static str,
    text: &str,
    max: usize,
) -> Result<(), ParseErrorKind> {
    let bytes = text.len();
    if bytes <= max {
        Ok(())
    } else {
        Err(ParseErrorKind::TextTooLong { field, bytes, max })
    }
}

/// The entries of a bundle, in its order. The first error is the last item.
pub struct Entries<'a> {
    lines: Lines<'a>,
    timezone: TimeZone,
    announced: u64,
    has_order: bool,
    is_delta: bool,
    found: u64,
    done: bool,
    /// The end that was read last: most lines of a bundle give the same.
    until: Option<(Cow<'a, str>, Timestamp)>,
}

impl<'a> Entries<'a> {
    fn read(&mut self) -> Result<Option<ParsedLine<'a>>, ParseError> {
        let count = |found, announced| ParseErrorKind::WrongCount { found, announced };
        match self.lines.next().transpose()? {
            Some((line, text)) if !text.is_empty() => {
                self.found += 1;
                let at = |kind| ParseError { line, kind };
                if self.found > self.announced {
                    return Err(at(count(self.found, self.announced)));
                }
                self.entry(line, text).map(Some).map_err(at)
            }
            end => {
                if let Some((line, _)) = end {
                    self.only_blank_lines_follow(line)?;
                }
                if self.found < self.announced {
                    let kind = count(self.found, self.announced);
                    let line = self.lines.number;
                    return Err(ParseError { line, kind });
                }
                Ok(None)
            }
        }
    }

    fn only_blank_lines_follow(&mut self, line: u64) -> Result<(), ParseError> {
        for following in self.lines.by_ref() {
            let (_, text) = following?;
            if !text.is_empty() {
                let kind = ParseErrorKind::Blank("an entry, as entries follow");
                return Err(ParseError { line, kind });
            }
        }
        Ok(())
    }

    fn entry(&mut self, line: u64, text: &'a str) -> Result<ParsedLine<'a>, ParseErrorKind> {
        let raw: RawEntry<'a> = raw::from_json(text)?;
        check_text("id", &raw.id, ID_BYTES_MAX)?;
        let net = raw.net.map(|net| {
            field::parse_net(&net.0).map_err(|error| ParseErrorKind::Net(excerpt(&net.0), error))
        });
        let net = net.transpose()?;
        let malformed = |problem: &str| Err(ParseErrorKind::Json(problem.to_owned()));
        match raw.op {
            Some(_) if !self.is_delta => {
                return malformed("`op` belongs to a delta: expected none in a snapshot");
            }
            None if self.is_delta => {
                return malformed("no `op`: expected `add` or `remove` in a delta");
            }
            Some(Op::Remove) => {
                let id = raw.id;
                return Ok(ParsedLine::Remove(Removal { line, id, net }));
            }
            Some(Op::Add) | None => {}
        }
        let Some(net) = net else {
            return malformed("missing field `net`");
        };
        let protocol = raw.proto.map(|proto| proto.0);
        let ports = match raw.ports {
            None => Box::default(),
            Some(_) if !protocol.is_some_and(field::has_ports) => {
                return Err(PortError::NoProtocol.into());
            }
            Some(ports) => field::merge_ports(ports)?,
        };
        let reason = raw.reason.map(|reason| reason.0);
        if let Some(reason) = &reason {
            check_length("reason", reason, TEXT_BYTES_MAX)?;
        }
        let order = raw.order.map(order).transpose()?;
        if order.is_none() && !self.has_order {
            return Err(ParseErrorKind::NoOrder);
        }
        Ok(ParsedLine::Add(ParsedEntry {
            line,
            id: raw.id,
            net,
            direction: raw.dir.unwrap_or(Direction::Both),
            protocol,
            ports,
            until: raw.until.map(|until| self.until(until.0)).transpose()?,
            reason,
            order,
        }))
    }

    fn until(&mut self, text: Cow<'a, str>) -> Result<Timestamp, ParseErrorKind> {
        if let Some((known, until)) = &self.until
            && *known == text
        {
            return Ok(*until);
        }
        let until = field::parse_moment(&text, &self.timezone)
            .map_err(|error| ParseErrorKind::Time("until", error))?;
        self.until = Some((text, until));
        Ok(until)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<ParsedLine<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.read().transpose();
        self.done = !matches!(item, Some(Ok(_)));
        item
    }
}

impl FusedIterator for Entries<'_> {}
