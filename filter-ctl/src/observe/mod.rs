//! Observation: from the kernel's counters to totals that never go backwards.
//!
//! - [`ledger`]: what slots and interface numbers mean, and all totals, on disk;
//! - [`known`]: what is remembered of interfaces; `reading`: what was last read of one set of maps;
//! - [`groups`], [`rules`]: totals of host groups and of rules; [`meters`]: rates between two readings of the meters;
//! - [`report`]: the documents that `stats` prints, from the ledger;
//! - [`offline`]: the same, and the kill switch, on the pins of a service that is dead.

pub mod groups;
pub mod known;
pub mod ledger;
pub mod meters;
pub mod offline;
mod reading;
pub mod report;
pub mod rules;
