//! What is said of an address.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Count, NeverBlockEntry, RuleEntry, WithheldEntry};
use crate::order::{Direction, FeedName, OrderId};

/// `GET /v1/explain?address=A`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The address asked about.
    pub address: IpAddr,
    /// Whether orders drop some packets from or to it.
    pub blocked: bool,
    /// Why nothing at all is dropped, if so: `kill_switch`, or `no_interface` where none enforces.
    #[serde(default)]
    pub not_dropping: Option<String>,
    /// Every entry in force that covers it, the most specific first; then those that cover what it stands
    /// for.
    pub orders: Vec<CoveringEntry>,
    /// The never-block entry that protects it, if any, or what it stands for.
    pub never_block: Option<NeverBlockEntry>,
    /// Entries that cover it and are not in force.
    pub withheld: Vec<WithheldEntry>,
    /// The generation this holds for.
    pub generation: Option<u64>,
    /// The IPv4 address that it stands for, behind a NAT64 prefix.
    #[serde(default)]
    pub stands_for: Option<Ipv4Addr>,
    /// The host group that it belongs to.
    #[serde(default)]
    pub host_group: Option<String>,
    /// What each address of that group may receive, by class of traffic: rates as the configuration has them.
    #[serde(default)]
    pub limits: BTreeMap<String, String>,
    /// What that group says of policies: actions, by policy. The others are as the role of the interface says.
    #[serde(default)]
    pub policies: BTreeMap<String, String>,
    /// The first 50 rules in force that can match packets from or to it: those with a prefix that covers it, then
    /// the others, in the order in which they are asked.
    #[serde(default)]
    pub rules: Vec<RuleAtEnd>,
    /// How many there are.
    #[serde(default)]
    pub rules_total: u64,
}

/// A rule in force, as an address meets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleAtEnd {
    /// Which packets: those from the address, to it, or both.
    pub dir: Direction,
    /// Whether a prefix of the rule covers the address; otherwise the rule asks no prefix of that end.
    pub by_prefix: bool,
    /// What is done about them: `drop`, `pass`, `monitor`, or `limit` and a rate.
    pub action: String,
    /// The rule.
    #[serde(flatten)]
    pub rule: RuleEntry,
}

/// An entry in force that covers an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveringEntry {
    /// The order.
    pub id: OrderId,
    /// The issuer's name for the entry.
    pub entry: String,
    /// The feed.
    pub feed: FeedName,
    /// The authority.
    pub issuer: String,
    /// The number of the decision or letter.
    pub reference: String,
    /// The legal basis.
    pub basis: String,
    /// Why.
    pub reason: String,
    /// The prefix.
    pub net: IpNet,
    /// Which packets.
    pub dir: Direction,
    /// The protocol, by name or number; absent for all.
    pub proto: Option<String>,
    /// Ports, such as `443` or `8000-8010`; empty for all.
    pub ports: Vec<String>,
    /// `enforce`, or `monitor` where matches are only counted.
    pub mode: String,
    /// Whether its feed stands still.
    #[serde(default)]
    pub paused: bool,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// What the order has dropped so far, over all its entries.
    pub dropped: Count,
}
