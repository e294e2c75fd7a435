//! Policy: from verified orders to the rules in force.
//!
//! [`RuleSet`] is what shall hold from now on, with everything that was held back and why. It is a
//! pure function of the sources, the never-block list, the operators' withdrawals and the time.
//!
//! - [`rules`]: that set, which refers to the entries of its sources and copies none;
//! - [`judgement`]: what becomes of one source, kept as long as nothing that it depends on changes;
//! - [`merge`](merge::merge): from all of that to the set;
//! - [`protected`]: never-block space as ranges;
//! - [`hold`]: guard rails that hold entries until persons have approved them;
//! - [`traffic`]: rules for traffic by what it is and where it goes;
//! - [`perimeter`]: host groups, policies for odd packets, VLANs, NAT64;
//! - [`special_use`]: the never-block list that is built in.

pub mod hold;
pub mod judgement;
pub mod merge;
pub mod perimeter;
pub mod protected;
pub mod rules;
pub mod special_space;
pub mod special_use;
pub mod traffic;

use filter_common::table::Scope;
use ipnet::IpNet;

pub use self::{
    hold::HoldReason,
    judgement::Judgement,
    perimeter::Perimeter,
    rules::{Rule, RuleList, RuleOrder, RuleRef, RuleSet, Withheld},
};
use crate::order::RefusalReason;

/// A prefix that is never blocked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NeverBlock {
    /// The prefix.
    pub net: IpNet,
    /// How far it is protected.
    pub scope: Scope,
    /// Why, and who said so: `built-in: ...`, `configuration`, or an exception's reason.
    pub reason: String,
}

/// Why an entry is not enforced, or only in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WithheldReason {
    /// Refused, by admission or by policy.
    Refused(RefusalReason),
    /// It waits for persons to approve it.
    Held(HoldReason),
    /// Persons were asked, and one said no.
    Rejected,
    /// Enforced, except for never-block space inside it.
    Partial,
    /// An operator has withdrawn it.
    Withdrawn,
    /// Its `until` has passed.
    Ended,
}
