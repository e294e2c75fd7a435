//! The lines after the first.

use std::{borrow::Cow, iter::FusedIterator};

use jiff::{Timestamp, tz::TimeZone};

use super::{
    ID_BYTES_MAX, Kind, Manifest, ParseError, ParseErrorKind, ParsedEntry, ParsedLine, Removal,
    TEXT_BYTES_MAX,
    line::{check_length, check_text, order},
    lines::Lines,
    raw::{self, Op, RawEntry},
};
use crate::order::{
    Direction,
    field::{self, PortError, excerpt},
};

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
    pub(super) fn new(lines: Lines<'a>, manifest: &Manifest, timezone: &TimeZone) -> Self {
        Self {
            lines,
            timezone: timezone.clone(),
            announced: manifest.entries,
            has_order: manifest.order.is_some(),
            is_delta: matches!(manifest.kind, Kind::Delta { .. }),
            found: 0,
            done: false,
            until: None,
        }
    }

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
