//! What of a table lies in which map.
//!
//! [`Table::elements`] is the one list of it: what is written into the kernel, what is checked to fit there
//! and what is printed all follow it.

use filter_common::{
    abi::map,
    limit::Limit,
    policy::PolicySet,
    rule::{RuleBits, RuleRecord, RuleSetHeader},
    settings::InterfaceSettings,
    table::{Deep, PlaceRecord},
};

use super::{RowsV4, RowsV6, Table};

/// The elements of one map, from the first of a half on.
#[derive(Clone, Copy, Debug)]
pub enum Elements<'a> {
    /// Starts of IPv4 rows.
    Words16(&'a [u16]),
    /// Bases, and values of rows.
    Words32(&'a [u32]),
    /// First stages, and starts of IPv6 rows.
    Words64(&'a [u64]),
    /// Deep rows.
    Deep(&'a [Deep]),
    /// What the numbers of places stand for.
    Places(&'a [PlaceRecord]),
    /// What is said of all rules.
    RuleHeader(&'a [RuleSetHeader]),
    /// Sets of rules.
    RuleBits(&'a [RuleBits]),
    /// Rules.
    Rules(&'a [RuleRecord]),
    /// Limits.
    Limits(&'a [Limit]),
    /// Settings of interfaces.
    Settings(&'a [InterfaceSettings]),
    /// Sets of policies.
    Policies(&'a [PolicySet]),
    /// Settings of VLANs, in words.
    Vlans(&'a [u64]),
}

impl Elements<'_> {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Words16(words) => words.len(),
            Self::Words32(words) => words.len(),
            Self::Words64(words) | Self::Vlans(words) => words.len(),
            Self::Deep(rows) => rows.len(),
            Self::Places(places) => places.len(),
            Self::RuleHeader(header) => header.len(),
            Self::RuleBits(sets) => sets.len(),
            Self::Rules(rules) => rules.len(),
            Self::Limits(limits) => limits.len(),
            Self::Settings(settings) => settings.len(),
            Self::Policies(policies) => policies.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Maps that a table fills, but for that of the clauses.
pub const ELEMENTS: usize = 27;

impl Table {
    /// What lies in each map but that of the clauses, which depends on the clock. The digest of a table goes
    /// by this order.
    #[must_use]
    pub fn elements(&self) -> [(&'static str, Elements<'_>); ELEMENTS] {
        let Self {
            marks_v4,
            v4,
            filter_v6,
            v6,
            places_v4,
            places_v6,
            places,
            guard,
            clauses: _,
            settings,
            policies,
            vlans,
        } = self;
        let [bases4, starts4, values4] = v4.elements();
        let [bases6, starts6, values6, deep6] = v6.elements();
        let [place_bases4, place_starts4, place_values4] = places_v4.elements();
        let [place_bases6, place_starts6, place_values6, place_deep6] = places_v6.elements();
        [
            (map::V4_MARKS, Elements::Words64(marks_v4)),
            (map::V6_FILTER, Elements::Words64(filter_v6)),
            (map::SETTINGS, Elements::Settings(settings)),
            (map::POLICIES, Elements::Policies(policies)),
            (map::VLANS, Elements::Vlans(vlans)),
            (map::V4_BASES, bases4),
            (map::V4_STARTS, starts4),
            (map::V4_VALUES, values4),
            (map::V6_BASES, bases6),
            (map::V6_STARTS, starts6),
            (map::V6_VALUES, values6),
            (map::V6_DEEP, deep6),
            (map::PLACE4_BASES, place_bases4),
            (map::PLACE4_STARTS, place_starts4),
            (map::PLACE4_VALUES, place_values4),
            (map::PLACE6_BASES, place_bases6),
            (map::PLACE6_STARTS, place_starts6),
            (map::PLACE6_VALUES, place_values6),
            (map::PLACE6_DEEP, place_deep6),
            (map::PLACES, Elements::Places(places)),
            (map::RULE_HEADER, Elements::RuleHeader(&guard.header)),
            (map::RULE_CLASSES, Elements::Words16(&guard.classes)),
            (map::RULE_LABELS, Elements::Words32(&guard.labels)),
            (map::RULE_BITS, Elements::RuleBits(&guard.bits)),
            (map::RULES, Elements::Rules(&guard.rules)),
            (map::LIMITS, Elements::Limits(&guard.limits)),
            (map::REFLECTORS, Elements::Words64(&guard.reflectors)),
        ]
    }
}

impl RowsV4 {
    /// Bases, starts, values.
    const fn elements(&self) -> [Elements<'_>; 3] {
        let Self {
            bases,
            starts,
            values,
        } = self;
        [
            Elements::Words32(bases.as_slice()),
            Elements::Words16(starts.as_slice()),
            Elements::Words32(values.as_slice()),
        ]
    }
}

impl RowsV6 {
    /// Bases, starts, values, deep rows.
    const fn elements(&self) -> [Elements<'_>; 4] {
        let Self {
            bases,
            starts,
            values,
            deep,
        } = self;
        [
            Elements::Words32(bases.as_slice()),
            Elements::Words64(starts.as_slice()),
            Elements::Words32(values.as_slice()),
            Elements::Deep(deep.as_slice()),
        ]
    }
}
