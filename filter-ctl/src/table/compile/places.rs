//! What is said of addresses beside the orders: never-block, host groups, rules, and the lines of buckets.
//!
//! Each interval gets the number of a record; equal records are stored once. Record 0 is what holds where
//! nothing is said.

use std::collections::HashMap;

use filter_common::{
    limits::{PLACE_PREFIXES_MAX, PLACES_MAX},
    rule::RuleBits,
    table::{Place, PlaceRecord},
};
use ipnet::IpNet;

use super::{
    CapacityError, Part,
    guard::Sets,
    interval::{Interval, Prefix},
    sweep::sweep,
};
use crate::policy::RuleSet;

/// Records of places in the making.
pub(super) struct Places {
    said: Vec<(IpNet, Said)>,
    /// What each record says.
    contents: Vec<Content>,
    numbers: HashMap<Content, u32>,
    lines: u32,
    rules: usize,
}

/// Records of places.
pub(super) struct Records {
    pub(super) all: Vec<PlaceRecord>,
    pub(super) sets: Sets,
    /// Lines of buckets in use.
    pub(super) lines: u32,
}

/// What is said of a prefix.
#[derive(Clone, Copy, Debug)]
enum Said {
    Place(Place),
    /// The rule of this rank has it as destination.
    To(usize),
    /// The rule of this rank has it as source.
    From(usize),
    /// Its addresses have lines of buckets; see [`PlaceRecord::buckets`].
    Lines(u32),
}

/// What holds in an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Content {
    place: Place,
    to: RuleBits,
    from: RuleBits,
    lines: Option<u32>,
}

impl Content {
    /// With one thing more, which is said of a prefix inside.
    fn with(mut self, said: Said) -> Self {
        match said {
            Said::Place(place) => self.place = place.inside(self.place),
            Said::To(rank) => self.to.add(rank),
            Said::From(rank) => self.from.add(rank),
            Said::Lines(lines) => self.lines = Some(lines),
        }
        self
    }
}

impl Places {
    /// Gathers what is said. Networks get lines in the order of the configuration, as long as there are any.
    pub(super) fn new(rules: &RuleSet, lines: u32) -> Self {
        let never_block = rules.never_block.iter();
        let never_block = never_block.map(|entry| (entry.net, Place::scope(entry.scope)));
        let places = never_block.chain(rules.perimeter.places());
        let mut said: Vec<_> = places
            .map(|(net, place)| (net, Said::Place(place)))
            .collect();
        let mut used = 0;
        for net in rules.perimeter.limited_networks() {
            if let Some(first) = take_lines(&net, &mut used, lines) {
                said.push((net, Said::Lines(first)));
            }
        }
        let (mut to, mut from) = (RuleBits::default(), RuleBits::default());
        for (rank, rule) in rules.perimeter.rules.iter().enumerate() {
            match rule.matching.destination {
                Some(net) => said.push((net, Said::To(rank))),
                None => to.add(rank),
            }
            match rule.matching.source {
                Some(net) => said.push((net, Said::From(rank))),
                None => from.add(rank),
            }
        }
        let nothing = Content {
            place: Place::NONE,
            to,
            from,
            lines: None,
        };
        Self {
            said,
            contents: vec![nothing],
            numbers: HashMap::from([(nothing, 0)]),
            lines: used,
            rules: rules.perimeter.rules.len(),
        }
    }

    /// The rows of one family.
    pub(super) fn rows<R: Interval>(&mut self, part: Part) -> Result<Vec<R>, CapacityError> {
        let said = self.said.iter();
        let mut prefixes: Vec<_> = said
            .filter_map(|(net, said)| R::prefix(net, *said))
            .collect();
        prefixes.sort_by_key(R::order);
        let mut distinct = 0;
        let inside = |around: u32, group: &[Prefix<R::Start, Said>]| {
            distinct += 1;
            let around = self.contents[around as usize];
            // Of one prefix each says something else, but for the scopes, of which the stronger holds; the
            // order makes no difference.
            let here = group.iter().fold(around, |all, one| all.with(one.what));
            self.number(&here)
        };
        let rows = sweep(&prefixes[..], &[], inside)?;
        part.check(distinct, PLACE_PREFIXES_MAX)?;
        Ok(rows)
    }

    fn number(&mut self, content: &Content) -> Result<u32, CapacityError> {
        if let Some(number) = self.numbers.get(content) {
            return Ok(*number);
        }
        let number = super::number(self.contents.len());
        Part::Places.check(self.contents.len() + 1, PLACES_MAX)?;
        self.contents.push(*content);
        self.numbers.insert(*content, number);
        Ok(number)
    }

    /// The records, and the sets of rules that they name.
    pub(super) fn finish(self) -> Result<Records, CapacityError> {
        let mut sets = Sets::new(self.rules);
        let mut records = Vec::with_capacity(self.contents.len());
        for content in &self.contents {
            let [to, from] = [content.to, content.from].map(|set| sets.number(set));
            let record = PlaceRecord::new(content.place, to?, from?);
            records.push(match content.lines {
                Some(lines) => record.with_buckets(lines),
                None => record,
            });
        }
        Ok(Records {
            all: records,
            sets,
            lines: self.lines,
        })
    }
}

/// Takes a line for each address of a network, if so many are left, and gives the number of the first less the
/// lower 32 bits of the first address.
fn take_lines(net: &IpNet, used: &mut u32, available: u32) -> Option<u32> {
    let host_bits = net.max_prefix_len() - net.prefix_len();
    let addresses = 1_u32.checked_shl(u32::from(host_bits))?;
    let past = used.checked_add(addresses)?;
    if past > available {
        return None;
    }
    let first = std::mem::replace(used, past);
    let address = match net {
        IpNet::V4(net) => net.network().to_bits(),
        #[expect(clippy::cast_possible_truncation, reason = "the lower 32 bits")]
        IpNet::V6(net) => net.network().to_bits() as u32,
    };
    Some(first.wrapping_sub(address))
}
