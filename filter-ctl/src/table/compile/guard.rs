//! Rules, as sets by value.
//!
//! For each dimension the values that a packet can have there fall into classes: values that the same rules
//! speak of. Each class has its set of rules, and equal sets are stored once, whatever dimension they are of.

use std::collections::HashMap;

use filter_common::{
    address::Family,
    limits::{FLOW_LABELS_MAX, RULE_BITS_MAX, RULES_CONTINUING_MAX, RULES_MAX},
    packet::Features,
    rule::{
        Dimension, FIELD_CLASSES, FIELDS, Field, RuleBits, RuleSetHeader, family_role_protocol,
        tos_fragment,
    },
    settings::Role,
};

use super::{CapacityError, Part};
use crate::{
    policy::traffic::TrafficRule,
    rule::{Matching, Numeric},
    table::GuardTable,
};

/// Sets of rules, each stored once. Number 0 is that of all rules.
pub(super) struct Sets {
    all: Vec<RuleBits>,
    numbers: HashMap<RuleBits, u16>,
}

impl Sets {
    /// With the set of so many rules.
    pub(super) fn new(rules: usize) -> Self {
        let mut every = RuleBits::default();
        for rank in 0..rules {
            every.add(rank);
        }
        Self {
            all: vec![every],
            numbers: HashMap::from([(every, 0)]),
        }
    }

    /// The number of a set.
    pub(super) fn number(&mut self, set: RuleBits) -> Result<u16, CapacityError> {
        if let Some(number) = self.numbers.get(&set) {
            return Ok(*number);
        }
        Part::RuleSets.check(self.all.len() + 1, RULE_BITS_MAX)?;
        // Fewer than `RULE_BITS_MAX`, which is less than 2^16.
        let number = u16::try_from(self.all.len()).unwrap_or(u16::MAX);
        self.all.push(set);
        self.numbers.insert(set, number);
        Ok(number)
    }
}

/// Checks how many rules there are.
pub(super) fn check(rules: &[TrafficRule]) -> Result<(), CapacityError> {
    Part::Rules.check(rules.len(), RULES_MAX)?;
    let continuing = rules.iter().filter(|rule| rule.record.continues()).count();
    Part::ContinuingRules.check(continuing, RULES_CONTINUING_MAX)
}

/// The tables of rules, in the order of their ranks; limits are left empty.
///
/// Takes O(n v) for `n` rules and the `v` values at which any of them changes its mind.
pub(super) fn guard(rules: &[TrafficRule], mut sets: Sets) -> Result<GuardTable, CapacityError> {
    if rules.is_empty() {
        return Ok(GuardTable {
            header: vec![RuleSetHeader::default()],
            bits: sets.all,
            ..GuardTable::default()
        });
    }
    let mut fields = Fields {
        rules,
        sets: &mut sets,
        classes: vec![0; FIELD_CLASSES],
    };
    fields.protocols()?;
    let ports = u32::from(u16::MAX);
    let bytes = u32::from(u8::MAX);
    fields.numbers(FIELDS::DESTINATION_PORT, ports, |rule| {
        only(rule.icmp_type.is_none(), rule.destination_port.as_ref())
    })?;
    fields.numbers(FIELDS::SOURCE_PORT, ports, |rule| {
        only(rule.icmp_code.is_none(), rule.source_port.as_ref())
    })?;
    fields.numbers(FIELDS::EITHER_PORT, ports, |rule| {
        only(true, rule.port.as_ref())
    })?;
    fields.numbers(FIELDS::ICMP_TYPE, bytes, |rule| {
        only(rule.destination_port.is_none(), rule.icmp_type.as_ref())
    })?;
    fields.numbers(FIELDS::ICMP_CODE, bytes, |rule| {
        only(rule.source_port.is_none(), rule.icmp_code.as_ref())
    })?;
    fields.numbers(FIELDS::LENGTH, ports, |rule| {
        only(true, rule.length.as_ref())
    })?;
    fields.flags()?;
    fields.tos_fragments()?;
    let labels = fields.labels()?;
    let classes = fields.classes;
    let asks = |asked: fn(&Matching) -> bool| rules.iter().any(|rule| asked(&rule.matching));
    let dimensions = [
        (Dimension::Protocol, asks(asks_protocol)),
        (
            Dimension::DestinationPort,
            asks(|rule| rule.destination_port.is_some() || rule.icmp_type.is_some()),
        ),
        (
            Dimension::SourcePort,
            asks(|rule| rule.source_port.is_some() || rule.icmp_code.is_some()),
        ),
        (Dimension::EitherPort, asks(|rule| rule.port.is_some())),
        (Dimension::Flags, asks(|rule| rule.tcp_flags.is_some())),
        (Dimension::Length, asks(|rule| rule.length.is_some())),
        (
            Dimension::TosFragment,
            asks(|rule| rule.dscp.is_some() || rule.fragment.is_some()),
        ),
        (Dimension::Label, asks(|rule| rule.label.is_some())),
    ];
    let dimensions = dimensions
        .into_iter()
        .filter(|(_, asks)| *asks)
        .fold(0, |all, (dimension, _)| all | 1 << dimension as u32);
    Ok(GuardTable {
        header: vec![RuleSetHeader {
            rules: super::number(rules.len()),
            dimensions,
            labels: super::number(labels.len()),
            reserved: 0,
        }],
        classes,
        labels,
        bits: sets.all,
        rules: rules.iter().map(|rule| rule.record).collect(),
        ..GuardTable::default()
    })
}

fn asks_protocol(rule: &Matching) -> bool {
    rule.protocol.is_some() || rule.family.is_some() || rule.role.is_some()
}

/// Which values of a field a rule accepts.
enum Accepts<'a> {
    /// All, also that which is not known.
    All,
    /// None.
    None,
    /// Those of the component.
    Some(&'a Numeric),
}

/// A component, of a rule that can match where the field is.
fn only(applies: bool, component: Option<&Numeric>) -> Accepts<'_> {
    match component {
        Some(component) => Accepts::Some(component),
        None if applies => Accepts::All,
        None => Accepts::None,
    }
}

struct Fields<'a> {
    rules: &'a [TrafficRule],
    sets: &'a mut Sets,
    classes: Vec<u16>,
}

impl<'a> Fields<'a> {
    fn put(&mut self, field: Field, value: u32, class: u16) {
        self.classes[field.at(value) as usize] = class;
    }

    /// The number of the set of the rules for which something holds.
    fn set(&mut self, holds: impl Fn(&Matching) -> bool) -> Result<u16, CapacityError> {
        let mut set = RuleBits::default();
        for (rank, rule) in self.rules.iter().enumerate() {
            if holds(&rule.matching) {
                set.add(rank);
            }
        }
        self.sets.number(set)
    }

    /// The classes of a field of numbers up to `last`, and of that which is not known, if the field has one
    /// value more.
    fn numbers(
        &mut self,
        field: Field,
        last: u32,
        accepts: impl Fn(&'a Matching) -> Accepts<'a>,
    ) -> Result<(), CapacityError> {
        let Changes { always, changes } = Changes::of(self.rules, accepts);
        let mut now = always;
        let mut changes = changes.into_iter().peekable();
        let mut value = 0;
        while value <= last {
            while let Some(change) = changes.next_if(|change| change.from <= value) {
                change.apply(&mut now);
            }
            let class = self.sets.number(now)?;
            let next = changes.peek().map_or(last + 1, |change| change.from);
            for value in value..next.min(last + 1) {
                self.put(field, value, class);
            }
            value = next;
        }
        if field.values > last + 1 {
            let class = self.sets.number(always)?;
            self.put(field, last + 1, class);
        }
        Ok(())
    }

    fn protocols(&mut self) -> Result<(), CapacityError> {
        for family in [Family::V4, Family::V6] {
            for role in [Role::Upstream, Role::Customer] {
                let known = (0..=u8::MAX).map(Some);
                for protocol in known.chain([None]) {
                    let class = self.set(|rule| {
                        rule.family.is_none_or(|wanted| wanted == family)
                            && rule.role.is_none_or(|wanted| wanted == role)
                            && rule.protocol.as_ref().is_none_or(|wanted| {
                                protocol.is_some_and(|known| wanted.accepts(u32::from(known)))
                            })
                    })?;
                    let value = family_role_protocol(family, role, protocol);
                    self.put(FIELDS::PROTOCOL, value, class);
                }
            }
        }
        Ok(())
    }

    fn flags(&mut self) -> Result<(), CapacityError> {
        for flags in 0..Features::NO_FLAGS {
            let class = self.set(|rule| {
                let component = rule.tcp_flags.as_ref();
                component.is_none_or(|wanted| wanted.accepts(flags))
            })?;
            self.put(FIELDS::FLAGS, u32::from(flags), class);
        }
        let class = self.set(|rule| rule.tcp_flags.is_none())?;
        self.put(FIELDS::FLAGS, u32::from(Features::NO_FLAGS), class);
        Ok(())
    }

    fn tos_fragments(&mut self) -> Result<(), CapacityError> {
        for dscp in 0..64 {
            for fragment in 0..16 {
                let class = self.set(|rule| {
                    let of_dscp = rule.dscp.as_ref();
                    let of_fragment = rule.fragment.as_ref();
                    of_dscp.is_none_or(|wanted| wanted.accepts(u32::from(dscp)))
                        && of_fragment.is_none_or(|wanted| wanted.accepts(u16::from(fragment)))
                })?;
                self.put(FIELDS::TOS_FRAGMENT, tos_fragment(dscp, fragment), class);
            }
        }
        Ok(())
    }

    /// The flow labels at which the set changes; the first set is that of packets without a label.
    fn labels(&mut self) -> Result<Vec<u32>, CapacityError> {
        let accepts = |rule: &'a Matching| only(true, rule.label.as_ref());
        let Changes { always, changes } = Changes::of(self.rules, accepts);
        let class = self.sets.number(always)?;
        self.put(FIELDS::LABEL, 0, class);
        let mut labels = Vec::new();
        let mut now = always;
        let begin = Change {
            from: 0,
            rank: None,
            begins: true,
        };
        let mut changes = [begin].into_iter().chain(changes).peekable();
        while let Some(change) = changes.next() {
            change.apply(&mut now);
            while let Some(other) = changes.next_if(|other| other.from == change.from) {
                other.apply(&mut now);
            }
            if change.from >= Features::NO_LABEL {
                break;
            }
            let class = self.sets.number(now)?;
            labels.push(change.from);
            Part::FlowLabels.check(labels.len(), FLOW_LABELS_MAX)?;
            self.put(FIELDS::LABEL, super::number(labels.len()), class);
        }
        Ok(labels)
    }
}

/// A value from which on a rule accepts, or no longer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    from: u32,
    rank: Option<usize>,
    begins: bool,
}

impl Change {
    fn apply(self, set: &mut RuleBits) {
        match self.rank {
            Some(rank) if self.begins => set.add(rank),
            Some(rank) => set.remove(rank),
            None => {}
        }
    }
}

/// What the rules say of the values of a field.
struct Changes {
    /// The rules that accept every value, also that which is not known.
    always: RuleBits,
    /// Sorted.
    changes: Vec<Change>,
}

impl Changes {
    fn of<'a>(rules: &'a [TrafficRule], accepts: impl Fn(&'a Matching) -> Accepts<'a>) -> Self {
        let mut always = RuleBits::default();
        let mut changes = Vec::new();
        for (rank, rule) in rules.iter().enumerate() {
            match accepts(&rule.matching) {
                Accepts::All => always.add(rank),
                Accepts::None => {}
                Accepts::Some(component) => {
                    for (first, last) in component.ranges() {
                        let rank = Some(rank);
                        let change = |from, begins| Change { from, rank, begins };
                        changes.extend([change(first, true), change(last + 1, false)]);
                    }
                }
            }
        }
        changes.sort_unstable();
        Self { always, changes }
    }
}
