//! What a line says, well formed and not yet judged.

use std::borrow::Cow;

use ipnet::IpNet;
use jiff::Timestamp;

use super::{ParseErrorKind, TEXT_BYTES_MAX, raw::RawOrder};
use crate::order::{Direction, OrderInfo, PortRange};

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

pub(super) fn order(raw: RawOrder<'_>) -> Result<ParsedOrder<'_>, ParseErrorKind> {
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

pub(in crate::order) fn check_text(
    field: &'static str,
    text: &str,
    max: usize,
) -> Result<(), ParseErrorKind> {
    if text.trim().is_empty() {
        return Err(ParseErrorKind::Empty(field));
    }
    check_length(field, text, max)
}

pub(in crate::order) fn check_length(
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
