//! Rules.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Changed, Count};
use crate::rule::{RuleId, RuleName};

/// `POST /v1/rules`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddRule {
    /// Match and action, such as `dst 192.0.2.0/24 proto = udp sport = 123 then drop`.
    pub text: String,
    /// Its name; without one it gets a number.
    #[serde(default)]
    pub id: Option<RuleName>,
    /// Until when, as in [`super::AddOrder::until`]; without it, until it is removed.
    #[serde(default)]
    pub until: Option<String>,
    /// Why; it goes to the audit log.
    #[serde(default)]
    pub reason: String,
}

/// The answer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleAdded {
    /// Its name.
    pub id: RuleId,
    /// Its canonical text.
    pub text: String,
    /// What was done.
    #[serde(flatten)]
    pub changed: Changed,
}

/// A rule in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleEntry {
    /// Its name.
    pub id: RuleId,
    /// Its place in the order in which rules are asked, from 1.
    pub rank: usize,
    /// Its canonical text.
    pub text: String,
    /// The match as an NLRI of RFC 8955 or RFC 8956, in hexadecimal, without family and role.
    pub nlri: String,
    /// `configuration` or `added`.
    pub origin: String,
    /// When it was added; none of the configuration's.
    pub since: Option<Timestamp>,
    /// The first moment at which it no longer holds; none for one that is to be removed by hand.
    pub until: Option<Timestamp>,
    /// Who added it; none of the configuration's.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
    /// What it matched so far.
    pub matched: Count,
    /// What of that it dropped.
    pub dropped: Count,
}
