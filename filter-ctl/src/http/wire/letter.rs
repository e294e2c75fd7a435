//! What is said of a letter, and of what became of it.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::Count;
use crate::order::{
    Direction, FeedName, OrderId,
    letter::{FirstEnforced, Indicator},
};

/// What an operator has entered of a letter besides addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterInfo {
    /// The date of the letter.
    pub date: Option<Date>,
    /// By when the authority expects a report.
    pub deadline: Option<Timestamp>,
    /// When it was entered first.
    pub entered_at: Timestamp,
    /// Who entered it first.
    pub entered_by: String,
    /// The first generation that held an entry of it.
    pub enforced: Option<FirstEnforced>,
    /// When the report on it was said to be sent.
    pub report_sent_at: Option<Timestamp>,
    /// What it asks for that no packet filter can do.
    pub not_enforceable: Vec<Indicator>,
    /// How much more of that there was than is kept.
    pub not_enforceable_more: u64,
}

/// `GET /v1/report?id=ID`: what an order asked for and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReport {
    /// The order.
    pub id: OrderId,
    /// Its feed.
    pub feed: FeedName,
    /// The number of the decision or letter.
    pub reference: String,
    /// The authority.
    pub issuer: String,
    /// The legal basis.
    pub basis: String,
    /// Why.
    pub reason: String,
    /// When the report was made.
    pub at: Timestamp,
    /// As in [`super::OrderSummary::status`].
    pub status: String,
    /// What the letter says, for an operator's order.
    pub letter: Option<LetterInfo>,
    /// Since when its oldest entry holds.
    pub since: Option<Timestamp>,
    /// When its last entry ends.
    pub until: Option<Timestamp>,
    /// Whether it was enforced before the deadline; absent without a deadline, or while there is time.
    pub deadline_met: Option<bool>,
    /// Milliseconds from the entering to the enforcement.
    pub enforced_after_ms: Option<u64>,
    /// What it has dropped.
    pub dropped: Count,
    /// What it would have dropped, where it is only monitored.
    pub would_drop: Count,
    /// The generation this holds for.
    pub generation: Option<u64>,
    /// The last record of the audit log then.
    pub audit_record: Option<u64>,
    /// Everything that was asked for.
    pub items: Vec<ReportItem>,
    /// Why nothing at all is dropped at the time of the report, if so: `kill_switch`, or `no_interface` where none
    /// enforces. What would be blocked then has the status `monitored`.
    #[serde(default)]
    pub not_dropping: Option<String>,
}

/// One thing that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportItem {
    /// `address`, or as in [`Indicator`].
    pub kind: String,
    /// The prefix, or what stands there instead.
    pub item: String,
    /// The entry, for an address.
    pub entry: Option<String>,
    /// Of an address that is enforced: which packets.
    #[serde(default)]
    pub dir: Option<Direction>,
    /// The protocol, by name or number; absent for all.
    #[serde(default)]
    pub proto: Option<String>,
    /// Ports, such as `443` or `8000-8010`; empty for all.
    #[serde(default)]
    pub ports: Vec<String>,
    /// `enforced`, `monitored`, `partial`, `refused`, `withdrawn`, `ended` or `not_enforceable`.
    pub status: String,
    /// Why it is not enforced, or not wholly.
    pub reason: Option<String>,
    /// Since when it is enforced.
    pub since: Option<Timestamp>,
    /// Until when.
    pub until: Option<Timestamp>,
}

/// `POST /v1/report/sent`: the report on an operator's order is sent, so that its deadline no longer counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportSent {
    /// The order.
    pub id: OrderId,
}

/// A report that is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenDeadline {
    /// The order.
    pub id: OrderId,
    /// By when the authority expects it.
    pub deadline: Timestamp,
}
