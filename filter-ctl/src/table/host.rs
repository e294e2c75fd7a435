//! A table as the decision reads it, on the host.
//!
//! Tests, `explain` and `simulate` thereby run the very same `find` and `decide` as the kernel, on the
//! same arrays.

use filter_common::{
    abi::ROLES,
    address::{Address, Family},
    decide::Tables,
    policy::PolicySet,
    settings::{Role, VLAN_WORDS, VLANS_PER_WORD, VlanSettings},
    table::{Clause, Intervals, Key4, Key6, Place, Root, Row4, Row6, find},
};

use super::{Arrays, Table, clock::BootClock};

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

impl Tables for HostTables<'_> {
    fn place(&self, family: Family, address: Address) -> Place {
        Place::from_bits(match family {
            Family::V4 => find(&self.table.places_v4, Key4(address.v4())),
            Family::V6 => find(&self.table.places_v6, Key6(address)),
        })
    }

    fn listed(&self, family: Family, address: Address) -> u32 {
        match family {
            Family::V4 => find(&self.table.v4, Key4(address.v4())),
            Family::V6 => find(&self.table.v6, Key6(address)),
        }
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

impl Intervals<Key4> for Arrays<Row4> {
    fn root(&self, index: u32) -> Option<Root> {
        self.roots.get(index as usize).copied()
    }

    fn start(&self, index: u32) -> Option<Key4> {
        Some(Key4(self.rows.get(index as usize)?.start))
    }

    fn value(&self, index: u32) -> Option<u32> {
        Some(self.rows.get(index as usize)?.value)
    }
}

impl Intervals<Key6> for Arrays<Row6> {
    fn root(&self, index: u32) -> Option<Root> {
        self.roots.get(index as usize).copied()
    }

    fn start(&self, index: u32) -> Option<Key6> {
        let &Row6 { high, low, .. } = self.rows.get(index as usize)?;
        Some(Key6(Address { high, low }))
    }

    fn value(&self, index: u32) -> Option<u32> {
        Some(self.rows.get(index as usize)?.value)
    }
}
