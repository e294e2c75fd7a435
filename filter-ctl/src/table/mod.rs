//! Tables: from rules to the arrays that the kernel reads.
//!
//! [`Table`] is one generation, compiled: plain arrays in the layout of [`filter_common::table`],
//! which the host searches with the same code as the kernel.
//!
//! - [`compile`](compile::compile): from the rules to a table;
//! - [`slots`]: which orders a slot number means, across generations;
//! - [`clock`]: from wall time to the kernel's clock;
//! - [`host`]: the table as the decision reads it, for tests, `explain` and `simulate`;
//! - [`explain`]: which rules speak of an address.

pub mod clock;
pub mod compile;
pub mod explain;
pub mod host;
pub mod slots;

use filter_common::{
    policy::PolicySet,
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
    /// The places of IPv4 addresses; row values are [`filter_common::table::Place`]s.
    pub places_v4: Arrays<Row4>,
    /// The places of IPv6 addresses.
    pub places_v6: Arrays<Row6>,
    /// The clauses that row values name.
    pub clauses: Vec<TimedClause>,
    /// The settings of each interface, by number.
    pub settings: Vec<InterfaceSettings>,
    /// The policies of each role and host group; absent ones say nothing.
    pub policies: Vec<PolicySet>,
    /// The settings of VLANs, in words, by interface; absent ones are none.
    pub vlans: Vec<u64>,
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

#[cfg(test)]
mod tests;
