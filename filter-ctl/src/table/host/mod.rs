//! A table as the decision reads it, on the host, and the [`buckets`] that limits use up.
//!
//! Tests, `explain` and `simulate` thereby run the very same `find` and `decide` as the kernel, on the
//! same arrays.

mod buckets;

use filter_common::{
    abi::{CLASS_LIMITS, ROLES},
    address::{Address, Family},
    decide::Tables,
    limit::{Class, Limit},
    policy::PolicySet,
    rule::{RuleBits, RuleRecord, RuleSetHeader, RuleTables},
    settings::{Role, VLAN_WORDS, VLANS_PER_WORD, VlanSettings},
    table::{
        Base, Clause, Deep, Filter, Marks, Open, PlaceRecord, RowValue, Rows4, Rows6, find4, find6,
        is_marked, under_root4, under_root6,
    },
};

pub use self::buckets::Buckets;
use super::{GuardTable, RowsV4, RowsV6, Table, clock::BootClock};

/// A [`Table`] with its deadlines on the clock of a machine, or of a capture.
#[derive(Clone, Copy, Debug)]
pub struct HostTables<'a> {
    /// The table.
    pub table: &'a Table,
    /// The number of the interface that the packets come in on.
    pub interface: u32,
    /// The clock.
    pub clock: BootClock,
}

impl<'a> Tables for HostTables<'a> {
    type Rules = HostRules<'a>;

    fn place_number(&self, family: Family, address: Address) -> u32 {
        let Table {
            places_v4: v4,
            places_v6: v6,
            ..
        } = self.table;
        let found = match family {
            Family::V4 => under_root4(v4, address.v4()).map(|rows| find4(v4, rows, address.v4())),
            Family::V6 => under_root6(v6, &Open, address.high).map(|rows| find6(v6, rows, address)),
        };
        found.unwrap_or(0)
    }

    fn place(&self, number: u32) -> PlaceRecord {
        let record = self.table.places.get(number as usize);
        record.copied().unwrap_or_default()
    }

    fn rules(&self) -> HostRules<'a> {
        HostRules(&self.table.guard)
    }

    fn rule(&self, rank: u32) -> RuleRecord {
        let rule = self.table.guard.rules.get(rank as usize);
        rule.copied().unwrap_or_default()
    }

    fn class_limit(&self, group: u32, class: Class) -> Limit {
        let index = group as usize * CLASS_LIMITS + class as usize;
        let limit = self.table.guard.limits.get(index);
        limit.copied().unwrap_or(Limit::NONE)
    }

    fn is_reflector(&self, port: u16) -> bool {
        let word = self.table.guard.reflectors.get(usize::from(port / 64));
        word.is_some_and(|word| word >> (port % 64) & 1 != 0)
    }

    fn listed(&self, family: Family, address: Address) -> u32 {
        let Table {
            marks_v4,
            v4,
            filter_v6,
            v6,
            ..
        } = self.table;
        let found = match family {
            Family::V4 if !is_marked(&HostMarks(marks_v4), address.v4()) => None,
            Family::V4 => under_root4(v4, address.v4()).map(|rows| find4(v4, rows, address.v4())),
            Family::V6 => under_root6(v6, &HostFilter(filter_v6), address.high)
                .map(|rows| find6(v6, rows, address)),
        };
        found.unwrap_or(0)
    }

    fn clause(&self, index: u32) -> Option<Clause> {
        Some(self.table.clauses.get(index as usize)?.at(self.clock))
    }

    fn vlan(&self, id: u16) -> VlanSettings {
        let word = self.interface as usize * VLAN_WORDS + (u32::from(id) / VLANS_PER_WORD) as usize;
        let word = self.table.vlans.get(word);
        word.map_or_else(VlanSettings::default, |word| {
            VlanSettings::in_word(*word, id)
        })
    }

    fn role_policies(&self, role: Role) -> PolicySet {
        let set = self.table.policies.get(role as usize);
        set.copied().unwrap_or_default()
    }

    fn group_policies(&self, group: u32) -> PolicySet {
        let set = self.table.policies.get(ROLES - 1 + group as usize);
        set.copied().unwrap_or_default()
    }
}

/// The rules of a table.
#[derive(Clone, Copy, Debug)]
pub struct HostRules<'a>(&'a GuardTable);

impl RuleTables for HostRules<'_> {
    fn header(&self) -> RuleSetHeader {
        self.0.header.first().copied().unwrap_or_default()
    }

    fn class(&self, index: u32) -> u32 {
        let class = self.0.classes.get(index as usize);
        class.map_or(0, |class| u32::from(*class))
    }

    fn label_start(&self, index: u32) -> u32 {
        let start = self.0.labels.get(index as usize);
        start.copied().unwrap_or(u32::MAX)
    }

    fn set(&self, number: u32) -> Option<&RuleBits> {
        self.0.bits.get(number as usize)
    }
}

struct HostMarks<'a>(&'a [u64]);

impl Marks for HostMarks<'_> {
    fn word(&self, index: u32) -> Option<u64> {
        self.0.get(index as usize).copied()
    }
}

struct HostFilter<'a>(&'a [u64]);

impl Filter for HostFilter<'_> {
    fn word(&self, index: u32) -> Option<u64> {
        self.0.get(index as usize).copied()
    }
}

impl Rows4 for RowsV4 {
    fn base(&self, index: u32) -> Option<Base> {
        self.bases.get(index as usize).copied().map(Base::from_bits)
    }

    fn start(&self, row: u32) -> Option<u16> {
        self.starts.get(row as usize).copied()
    }

    fn value(&self, row: u32) -> Option<RowValue> {
        let word = self.values.get(row as usize).copied();
        word.map(RowValue::from_bits)
    }
}

impl Rows6 for RowsV6 {
    fn base(&self, index: u32) -> Option<Base> {
        self.bases.get(index as usize).copied().map(Base::from_bits)
    }

    fn start(&self, row: u32) -> Option<u64> {
        self.starts.get(row as usize).copied()
    }

    fn value(&self, row: u32) -> Option<RowValue> {
        let word = self.values.get(row as usize).copied();
        word.map(RowValue::from_bits)
    }

    fn deep(&self, row: u32) -> Option<Deep> {
        self.deep.get(row as usize).copied()
    }
}
