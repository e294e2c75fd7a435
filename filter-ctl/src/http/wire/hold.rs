//! Entries that wait for persons, and what these decide.

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{order::OrderId, policy::HoldReason};

/// `POST /v1/approve` and `POST /v1/reject`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecideHold {
    /// The order.
    pub id: OrderId,
    /// One entry of it only; otherwise all that wait.
    #[serde(default)]
    pub entry: Option<String>,
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
