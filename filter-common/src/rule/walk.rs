//! From a packet to the rules that match it.

use super::{
    DIMENSIONS, Dimension, FIELDS, RULE_WORDS, RuleBits, RuleSetHeader, flow_label_number,
    key::Values,
};
use crate::{
    bits::{lowest_number, without_lowest},
    packet::Packet,
    settings::Role,
    table::PlaceRecord,
};

/// Bounded reads of the rules of a generation. What is out of bounds reads as 0.
pub trait RuleTables {
    /// What is said of all rules.
    fn header(&self) -> RuleSetHeader;
    /// The same number, see [`crate::packet::Source::forget_number`].
    #[inline(always)]
    fn forget(&self, number: u64) -> u64 {
        number
    }

    /// The number of the set of rules for a value, by its index in the array of values.
    fn class(&self, index: u32) -> u32;
    /// Where the next set by flow label begins.
    fn label_start(&self, index: u32) -> u32;
    /// See [`flow_label_number`]; a method, because the kernel side makes a call of what loops.
    #[inline(always)]
    fn label_number(&self, label: u32, count: u32) -> u32 {
        flow_label_number(label, count, |index| self.label_start(index))
    }

    /// A set of rules.
    fn set(&self, number: u32) -> Option<&RuleBits>;
}

/// The sets of rules that the dimensions of a packet leave; set 0, that of all rules, where none asks.
#[derive(Clone, Copy, Debug)]
pub struct Sets<'a> {
    /// Those that must all hold.
    all: [&'a RuleBits; DIMENSIONS],
    /// Beside that of the destination port in [`Dimension::EitherPort`], that of the source port.
    or: &'a RuleBits,
}

impl<'a> Sets<'a> {
    /// Looks up the dimensions that any rule asks about. `None` where a set is not there: then no rule matches.
    ///
    /// References, because each look into a map is a branch, and the verifier follows those of every step.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "numbers of sets before")]
    pub fn of<T: RuleTables>(
        tables: &'a T,
        header: RuleSetHeader,
        packet: &Packet,
        places: &[PlaceRecord; 2],
        role: Role,
    ) -> Option<Self> {
        let asks = |dimension: Dimension| header.dimensions >> dimension as u32 & 1 != 0;
        let set = |dimension, index| {
            let class = if asks(dimension) {
                tables.class(index)
            } else {
                0
            };
            tables.set(tables.forget(u64::from(class)) as u32)
        };
        let values = Values::of(packet, role, |number| tables.forget(number));
        let mut label = 0;
        if asks(Dimension::Label) {
            label = tables.label_number(packet.features.label(), header.labels);
        }
        let label = FIELDS::LABEL.at(tables.forget(u64::from(label)) as u32);
        let [source, destination] = places;
        Some(Self {
            all: [
                tables.set(u32::from(destination.rules_to))?,
                tables.set(u32::from(source.rules_from))?,
                set(Dimension::Protocol, values.protocol)?,
                set(Dimension::DestinationPort, values.destination)?,
                set(Dimension::SourcePort, values.source)?,
                set(Dimension::EitherPort, values.either[0])?,
                set(Dimension::Flags, values.flags)?,
                set(Dimension::Length, values.length)?,
                set(Dimension::TosFragment, values.tos_fragment)?,
                set(Dimension::Label, label)?,
            ],
            or: set(Dimension::EitherPort, values.either[1])?,
        })
    }

    /// The words in which a rule may be left.
    #[inline(always)]
    fn summary(&self) -> u64 {
        self.both(|set| set.summary)
    }

    /// The rules that are left in a word.
    #[inline(always)]
    fn word(&self, word: u32) -> u64 {
        const { assert!(RULE_WORDS.is_power_of_two()) };
        self.both(|set| set.words[word as usize & (RULE_WORDS - 1)])
    }

    #[inline(always)]
    fn both(&self, read: impl Fn(&RuleBits) -> u64) -> u64 {
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
    #[must_use]
    pub fn start(sets: &Sets<'_>) -> Self {
        Self {
            summary: sets.summary(),
            word: 0,
            bits: 0,
        }
    }

    /// The rank of the next rule that matches. At most [`super::RULE_WORDS`] of the calls that go on find none in
    /// a word, and say so by `None` without being at the [`Found::is_end`].
    #[inline(always)]
    pub fn step(&mut self, sets: &Sets<'_>) -> Option<u32> {
        if self.bits == 0 {
            self.word = lowest_number(self.summary);
            self.summary = without_lowest(self.summary);
            self.bits = sets.word(self.word);
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
    #[must_use]
    pub const fn is_end(&self) -> bool {
        self.bits == 0 && self.summary == 0
    }
}
