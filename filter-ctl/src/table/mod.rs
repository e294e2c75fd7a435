//! Tables: from rules to the arrays that the kernel reads.
//!
//! [`Table`] is one generation, compiled: plain arrays in the layout of [`filter_common::table`],
//! which the host searches with the same code as the kernel.

use filter_common::{
    settings::InterfaceSettings,
    table::{Root, Row4, Row6},
};

/// A set of orders that is counted together, by number.
pub type Slot = u32;

/// One generation, compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The IPv4 orders; row values are clause numbers from 1.
    pub v4: Arrays<Row4>,
    /// The IPv6 orders.
    pub v6: Arrays<Row6>,
    /// The IPv4 never-block list; row values are [`filter_common::table::Scope`]s.
    pub never_block_v4: Arrays<Row4>,
    /// The IPv6 never-block list.
    pub never_block_v6: Arrays<Row6>,
    /// The clauses that row values name.
    pub clauses: Vec<TimedClause>,
    /// The settings of each interface, by number.
    pub settings: Vec<InterfaceSettings>,
}

/// The roots and rows of one family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrays<R> {
    /// [`filter_common::table::ROOTS`] of them.
    pub roots: Vec<Root>,
    /// Sorted by start; the first begins at address 0.
    pub rows: Vec<R>,
}

/// A [`filter_common::table::Clause`] before its deadline is put on the kernel's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimedClause {
    /// The set of orders that is charged.
    pub slot: Slot,
    /// Unix time in seconds, a whole hour, from which the clause no longer matches.
    pub until: i64,
    /// The first and the last port.
    pub ports: [u16; 2],
    /// The IP protocol number.
    pub protocol: u8,
    /// See [`filter_common::table::ClauseFlags`].
    pub flags: u8,
}

/// The rows of one half of the kernel's order tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// IPv4 rows.
    pub v4_rows: usize,
    /// IPv6 rows.
    pub v6_rows: usize,
}
/// temp
#[derive(Clone, Copy, Debug)]
pub struct BootClock {
    offset: i64,
}
impl BootClock {
    /// x
    #[must_use]
    pub const fn from_offset(offset: i64) -> Self {
        Self { offset }
    }
}
impl TimedClause {
    /// x
    #[must_use]
    pub fn at(&self, clock: BootClock) -> filter_common::table::Clause {
        filter_common::table::Clause {
            slot: self.slot,
            deadline: (self.until - clock.offset) as u32,
            ports: self.ports,
            protocol: self.protocol,
            flags: self.flags,
            reserved: 0,
        }
    }
}
