//! Policy: from verified orders to the rules in force.
//!
//! [`RuleSet`] is what shall hold from now on, with everything that was held back and why. It is a
//! pure function of the sources, the never-block list, the operators' withdrawals and the time.
//!
//! - [`perimeter`]: host groups, policies for odd packets, VLANs, NAT64;
//! - [`special_use`]: the never-block list that is built in;
//! - [`merge`](merge::merge): that function.

pub mod merge;
pub mod perimeter;
pub mod special_space;
pub mod special_use;

pub use self::perimeter::Perimeter;
use filter_common::table::Scope;
use ipnet::IpNet;
use jiff::Timestamp;

use crate::order::{Direction, OrderId, OrderInfo, PortRange, RefusalReason};

/// What shall hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet {
    /// The orders that rules belong to; a rule names one by index.
    pub orders: Vec<RuleOrder>,
    /// What is blocked.
    pub rules: Vec<Rule>,
    /// What is never blocked, whatever the rules say.
    pub never_block: Vec<NeverBlock>,
    /// What holds whatever the orders say.
    pub perimeter: Perimeter,
    /// What was asked for and is not enforced, or only in part.
    pub withheld: Vec<Withheld>,
    /// When the rule set must be made anew, because an entry in it ends.
    pub next_change: Option<Timestamp>,
}

/// An order that rules belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleOrder {
    /// Its identity.
    pub id: OrderId,
    /// What it says of itself.
    pub info: OrderInfo,
}

/// One entry in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The prefix.
    pub net: IpNet,
    /// Which packets.
    pub direction: Direction,
    /// An IP protocol number; `None` for all.
    pub protocol: Option<u8>,
    /// Disjoint, sorted; empty for all.
    pub ports: Box<[PortRange]>,
    /// From when on it no longer holds.
    pub until: Timestamp,
    /// Since when it has been asked for.
    pub since: Timestamp,
    /// Whether it is only counted.
    pub monitor: bool,
    /// Its order: an index into [`RuleSet::orders`].
    pub order: u32,
    /// The issuer's name for the entry.
    pub entry: Box<str>,
}

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

/// An entry that is not enforced, or only in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// Its order.
    pub order: OrderId,
    /// The issuer's name for it.
    pub entry: Box<str>,
    /// The prefix.
    pub net: IpNet,
    /// Why.
    pub why: WithheldReason,
}

/// Why an entry is not enforced, or only in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WithheldReason {
    /// Refused, by admission or by policy.
    Refused(RefusalReason),
    /// Enforced, except for never-block space inside it.
    Partial,
    /// An operator has withdrawn it.
    Withdrawn,
    /// Its `until` has passed.
    Ended,
}
