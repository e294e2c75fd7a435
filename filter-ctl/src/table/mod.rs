//! Tables: from rules to the arrays that the kernel reads.
//!
//! [`Table`] is one generation, compiled: plain arrays in the layout of [`filter_common::table`],
//! which the host searches with the same code as the kernel.
//!
//! - [`compile`](compile::compile): from the rules to a table;
//! - [`elements`]: what of it lies in which map;
//! - [`print`](mod@print): what tells one table from another, and what lies in the kernel from what was meant to;
//! - [`slots`]: which orders a slot number means, across generations;
//! - [`clock`]: from wall time to the kernel's clock;
//! - [`host`]: the table and the buckets as the decision has them, for tests, `explain` and `simulate`;
//! - [`compare`]: whose entries one table enforces otherwise than another;
//! - [`intervals`]: from rows back to prefixes;
//! - [`explain`]: which rules speak of an address.

pub mod clock;
pub mod compare;
pub mod compile;
pub mod elements;
pub mod explain;
pub mod host;
pub mod intervals;
pub mod print;
pub mod slots;

use filter_common::{
    limit::Limit,
    policy::PolicySet,
    rule::{RuleBits, RuleRecord, RuleSetHeader},
    settings::InterfaceSettings,
    table::{Deep, PlaceRecord},
};

/// A set of orders that is counted together, by number.
pub type Slot = u32;

/// One generation, compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The first stage of the IPv4 orders: [`filter_common::table::MARK_WORDS`] words.
    pub marks_v4: Vec<u64>,
    /// The IPv4 orders; numbers of rows are clause numbers from 1.
    pub v4: RowsV4,
    /// The first stage of the IPv6 orders: [`filter_common::table::FILTER_WORDS`] words.
    pub filter_v6: Vec<u64>,
    /// The IPv6 orders.
    pub v6: RowsV6,
    /// The places of IPv4 addresses; numbers of rows are indices into `places`.
    pub places_v4: RowsV4,
    /// The places of IPv6 addresses.
    pub places_v6: RowsV6,
    /// What the numbers of places stand for; the first is what holds where nothing is said.
    pub places: Vec<PlaceRecord>,
    /// Rules and limits.
    pub guard: GuardTable,
    /// The clauses that row values name.
    pub clauses: Vec<TimedClause>,
    /// The settings of each interface, by number.
    pub settings: Vec<InterfaceSettings>,
    /// The policies of each role and host group; absent ones say nothing.
    pub policies: Vec<PolicySet>,
    /// The settings of VLANs, in words, by interface; absent ones are none.
    pub vlans: Vec<u64>,
}

/// Rules and limits, compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuardTable {
    /// What is said of all rules: one.
    pub header: Vec<RuleSetHeader>,
    /// The number of the set of rules for each value, see [`filter_common::rule::FIELDS`].
    pub classes: Vec<u16>,
    /// Where sets by flow label begin.
    pub labels: Vec<u32>,
    /// The sets of rules.
    pub bits: Vec<RuleBits>,
    /// The rules, by rank.
    pub rules: Vec<RuleRecord>,
    /// The limits of host groups, see [`filter_common::abi::LIMITS_CAPACITY`].
    pub limits: Vec<Limit>,
    /// A bit for each port of reflectors.
    pub reflectors: Vec<u64>,
    /// Lines of buckets in use.
    pub lines: u32,
}

/// The rows of an IPv4 table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowsV4 {
    /// [`filter_common::table::BASES_4`] words, see [`filter_common::table::Base`].
    pub bases: Vec<u32>,
    /// The bits below the root of the first address of each row.
    pub starts: Vec<u16>,
    /// What each says, see [`filter_common::table::RowValue`].
    pub values: Vec<u32>,
}

/// The rows of an IPv6 table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowsV6 {
    /// [`filter_common::table::BASES_6`] words, see [`filter_common::table::Base`].
    pub bases: Vec<u32>,
    /// The upper 64 bits of the first address of each row.
    pub starts: Vec<u64>,
    /// What each says, see [`filter_common::table::RowValue`].
    pub values: Vec<u32>,
    /// The rows that deep ones lead to.
    pub deep: Vec<Deep>,
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
