//! Observation: from the kernel's counters to totals that never go backwards.
//!
//! - [`ledger`]: what slots and interface numbers mean, and all totals, on disk;
//! - [`report`]: the documents that `stats` prints, from the ledger;
//! - [`offline`]: the same, and the kill switch, on the pins of a service that is dead.

pub mod known;
pub mod ledger;
pub mod offline;
pub mod report;
