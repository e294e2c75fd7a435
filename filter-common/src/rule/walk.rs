//! From a packet to the rules that match it.

use super::{DIMENSIONS, Dimension, FIELDS, RuleSetHeader, flow_label_number, key::Values};
use crate::{
    bits::{lowest_number, without_lowest},
    packet::Packet,
    settings::Role,
    table::PlaceRecord,
};

/// Bounded reads of the rules of a generation. What is out of bounds reads as 0: no rule.
pub trait RuleTables {
    /// What is said of all rules.
    fn header(&self) -> RuleSetHeader;
    /// The number of the set of rules for a value, by its index in the array of values.
    fn class(&self, index: u32) -> u32;
    /// Where the next set by flow label begins.
    fn label_start(&self, index: u32) -> u32;
    /// Which words of a set are not empty.
    fn summary(&self, set: u32) -> u64;
    /// A word of a set, below [`super::RULE_WORDS`].
    fn word(&self, set: u32, word: u32) -> u64;
}

/// The sets of rules that the dimensions of a packet leave; set 0, that of all rules, where none asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sets {
    /// Those that must all hold.
    all: [u32; DIMENSIONS],
    /// Beside that of the destination port in [`Dimension::EitherPort`], that of the source port.
    or: u32,
}

impl Sets {
    /// Looks up the dimensions that any rule asks about.
    #[inline(always)]
    pub fn of<T: RuleTables>(
        tables: &T,
        header: RuleSetHeader,
        packet: &Packet,
        places: &[PlaceRecord; 2],
        role: Role,
    ) -> Self {
        let asks = |dimension: Dimension| header.dimensions >> dimension as u32 & 1 != 0;
        let class = |dimension, index| {
            if asks(dimension) {
                tables.class(index)
            } else {
                0
            }
        };
        let values = Values::of(packet, role);
        let label = if asks(Dimension::Label) {
            let number = flow_label_number(packet.features.label(), header.labels, |index| {
                tables.label_start(index)
            });
            tables.class(FIELDS::LABEL.at(number))
        } else {
            0
        };
        let [source, destination] = places;
        Self {
            all: [
                u32::from(destination.rules_to),
                u32::from(source.rules_from),
                class(Dimension::Protocol, values.protocol),
                class(Dimension::DestinationPort, values.destination),
                class(Dimension::SourcePort, values.source),
                class(Dimension::EitherPort, values.either[0]),
                class(Dimension::Flags, values.flags),
                class(Dimension::Length, values.length),
                class(Dimension::TosFragment, values.tos_fragment),
                label,
            ],
            or: class(Dimension::EitherPort, values.either[1]),
        }
    }

    /// The words in which a rule may be left.
    #[inline(always)]
    fn summary<T: RuleTables>(&self, tables: &T) -> u64 {
        self.both(|set| tables.summary(set))
    }

    /// The rules that are left in a word.
    #[inline(always)]
    fn word<T: RuleTables>(&self, tables: &T, word: u32) -> u64 {
        self.both(|set| tables.word(set, word))
    }

    #[inline(always)]
    fn both(&self, read: impl Fn(u32) -> u64) -> u64 {
        let [
            to,
            from,
            protocol,
            destination,
            source,
            either,
            flags,
            length,
            tos,
            label,
        ] = self.all;
        read(to)
            & read(from)
            & read(protocol)
            & read(destination)
            & read(source)
            & (read(either) | read(self.or))
            & read(flags)
            & read(length)
            & read(tos)
            & read(label)
    }
}

/// Where a search for rules that match stands: words and bits that are not yet looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    summary: u64,
    word: u32,
    bits: u64,
}

impl Found {
    /// Before the first.
    #[inline(always)]
    pub fn start<T: RuleTables>(tables: &T, sets: &Sets) -> Self {
        Self {
            summary: sets.summary(tables),
            word: 0,
            bits: 0,
        }
    }

    /// The rank of the next rule that matches. At most [`super::RULE_WORDS`] of the calls that go on find none in
    /// a word, and say so by `None` without being at the [`Found::is_end`].
    #[inline(always)]
    pub fn step<T: RuleTables>(&mut self, tables: &T, sets: &Sets) -> Option<u32> {
        if self.bits == 0 {
            self.word = lowest_number(self.summary);
            self.summary = without_lowest(self.summary);
            self.bits = sets.word(tables, self.word);
            return None;
        }
        let rank = self.word * 64 + lowest_number(self.bits);
        self.bits = without_lowest(self.bits);
        Some(rank)
    }

    /// Makes the verifier forget what it knows of it, see [`crate::packet::Source::forget_number`].
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "it was a word before")]
    pub fn forget(&mut self, forget: impl Fn(u64) -> u64) {
        self.summary = forget(self.summary);
        self.word = forget(u64::from(self.word)) as u32 & 63;
        self.bits = forget(self.bits);
    }

    /// Whether all were found.
    #[inline(always)]
    pub const fn is_end(&self) -> bool {
        self.bits == 0 && self.summary == 0
    }
}
