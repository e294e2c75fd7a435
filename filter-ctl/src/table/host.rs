//! A table as the decision reads it, on the host.
//!
//! Tests, `explain` and `simulate` thereby run the very same `find` and `decide` as the kernel, on the
//! same arrays.

use filter_common::{
    address::{Address, Family},
    decide::Tables,
    table::{Clause, Intervals, Key4, Key6, Root, Row4, Row6, find},
};

use super::{Arrays, Table, clock::BootClock};

/// A [`Table`] with its deadlines on the clock of a machine, or of a capture.
#[derive(Clone, Copy, Debug)]
pub struct HostTables<'a> {
    /// The table.
    pub table: &'a Table,
    /// The clock.
    pub clock: BootClock,
}

impl Tables for HostTables<'_> {
    fn never_block(&self, family: Family, address: Address) -> u32 {
        match family {
            Family::V4 => find(&self.table.never_block_v4, Key4(address.v4())),
            Family::V6 => find(&self.table.never_block_v6, Key6(address)),
        }
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
