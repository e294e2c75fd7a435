//! Entries that wait for persons, and what these decide.

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    order::{Direction, OrderId},
    policy::HoldReason,
};

/// `POST /v1/approve` and `POST /v1/reject`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecideHold {
    /// The order.
    pub id: OrderId,
    /// One entry of it only; otherwise all that wait.
    #[serde(default)]
    pub entry: Option<String>,
    /// What [`HeldEntry::seen`] or [`HeldOrder::seen`] said when the person looked. If something else waits by now,
    /// nothing is decided. Without it, whatever waits is meant.
    #[serde(default)]
    pub seen: Option<String>,
    /// Why; it goes to the audit log.
    pub reason: String,
}

/// `GET /v1/holds`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holds {
    /// The first 1,000 that wait.
    pub entries: Vec<HeldEntry>,
    /// How many wait.
    pub total: u64,
    /// The first 1,000 orders of which something waits.
    #[serde(default)]
    pub orders: Vec<HeldOrder>,
}

/// An order of which something waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOrder {
    /// The order.
    pub id: OrderId,
    /// How many of its entries wait.
    pub waiting: u64,
    /// What they are, in short: 16 hexadecimal digits, which are others when an entry is added or comes to mean
    /// other packets.
    pub seen: String,
}

/// An entry that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldEntry {
    /// The order.
    pub id: OrderId,
    /// The issuer's name for the entry.
    pub entry: String,
    /// The prefix.
    pub net: IpNet,
    /// Which packets.
    pub dir: Direction,
    /// The protocol, by name or number; absent for all.
    pub proto: Option<String>,
    /// Ports, such as `443` or `8000-8010`; empty for all.
    pub ports: Vec<String>,
    /// Until when.
    pub until: Timestamp,
    /// What it is, in short: 16 hexadecimal digits, which are others when it comes to mean other packets.
    pub seen: String,
    /// The first reason that nobody has approved.
    pub reason: HoldReason,
    /// Who has approved so far.
    pub approved_by: Vec<Person>,
}

/// Who decided, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The user's number.
    pub uid: u32,
    /// The user's name.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}
