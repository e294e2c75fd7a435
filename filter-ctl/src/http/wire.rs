//! What is said over the control socket: the JSON of every request and answer.
//!
//! The CLI prints these documents with `-o json`, so they are stable: fields are added, never renamed
//! or removed. Times are RFC 3339 in UTC, prefixes in CIDR form, `packets` and `bytes` are totals that
//! never go backwards.

mod event;
mod explain;
mod hold;
mod letter;
mod meter;
mod pause;
mod pull;
mod push;
mod rule;
mod trust;

use ipnet::IpNet;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

pub use self::event::{
    CAPTURE_PACKETS_MAX, CAPTURE_SECONDS_MAX, CaptureRequest, Event, EventLine, Events, EventsLost,
};
pub use self::explain::{CoveringEntry, Explanation, RuleAtEnd};
pub use self::hold::{DecideHold, HeldEntry, HeldOrder, Holds, Person};
pub use self::letter::{LetterInfo, OpenDeadline, OrderReport, ReportItem, ReportSent};
pub use self::meter::{
    ClassRate, DESTINATIONS_LISTED_MAX, DestinationMeter, GroupMeter, METER_SECONDS_MAX,
    MeterRates, Meters,
};
pub use self::pause::{FeedPaused, PauseFeed, RollBack};
pub use self::pull::{DecideUpdate, FeedRequest, HeldUpdate};
pub use self::push::{
    PushAnswer, PushFeedStatus, PushNotice, PushNoticed, PushRefusal, SignedReceipt,
};
pub use self::rule::{AddRule, RuleAdded, RuleEntry};
use crate::{
    kernel::attach::Mode,
    order::{Direction, FeedName, OrderId, letter::Indicator},
};

pub use self::trust::{AcceptClock, TrustFeedStatus, TrustKeyStatus, TrustRoot, TrustStatus};

/// Packets and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Bytes of their frames, without the frame check sequence.
    pub bytes: u64,
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind, which decides the exit code.
    pub kind: RefusalKind,
    /// A stable name of the reason, such as `bad_signature`.
    pub code: String,
    /// What happened and what was expected, in a sentence.
    pub error: String,
}

/// The kinds of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The request makes no sense: exit code 2, HTTP 400.
    Invalid,
    /// What it names does not exist: exit code 2, HTTP 404.
    NotFound,
    /// The user may not: exit code 3, HTTP 403.
    Forbidden,
    /// Policy or admission says no: exit code 3, HTTP 422.
    Refused,
    /// It should have worked: exit code 1, HTTP 500.
    Failed,
}

/// `GET /v1/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The version of the service, or of the command where the service is dead.
    pub version: String,
    /// False where the command read the pins because no service answered.
    pub service: bool,
    /// When the service started.
    pub started_at: Option<Timestamp>,
    /// Whether the kill switch is on and everything passes.
    pub bypass: bool,
    /// The generation in force.
    pub generation: Option<Generation>,
    /// Every configured interface.
    pub interfaces: Vec<InterfaceStatus>,
    /// Every feed, the operators' own orders among them.
    pub feeds: Vec<FeedStatus>,
    /// What needs attention, in a sentence each.
    pub alarms: Vec<Alarm>,
    /// The nearest deadlines of letters on which no report was sent, those that have passed first.
    #[serde(default)]
    pub deadlines: Vec<OpenDeadline>,
    /// How many of all such deadlines have passed.
    #[serde(default)]
    pub overdue: u64,
}

impl Status {
    /// Why nothing at all is dropped, if so: `kill_switch`, or `no_interface` where none enforces.
    #[must_use]
    pub fn not_dropping(&self) -> Option<&'static str> {
        if self.bypass {
            Some("kill_switch")
        } else if self
            .interfaces
            .iter()
            .any(|interface| interface.enforces != Some(false))
        {
            None
        } else {
            Some("no_interface")
        }
    }
}

/// The generation in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Its number; it only grows.
    pub number: u64,
    /// SHA-256 of its tables, in hexadecimal.
    pub digest: String,
    /// When it became live.
    pub published_at: Timestamp,
    /// Entries in force; absent where only the pins were read.
    pub entries: Option<u64>,
    /// Rows of the IPv4 table; absent where only the pins were read.
    pub v4_rows: Option<u64>,
    /// Rows of the IPv6 table; absent where only the pins were read.
    pub v6_rows: Option<u64>,
    /// Distinct IPv4 prefixes of all orders; absent where only the pins were read.
    pub v4_prefixes: Option<u64>,
    /// Distinct IPv6 prefixes of all orders; absent where only the pins were read.
    pub v6_prefixes: Option<u64>,
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceStatus {
    /// Its name.
    pub name: String,
    /// `upstream` or `customer`.
    pub role: String,
    /// How the program is hooked in.
    pub mode: Mode,
    /// `enforce` or `monitor`.
    pub action: String,
    /// Whether the program is on it.
    pub attached: bool,
    /// Whether anything is dropped there: the program is on it, and it or a VLAN of it enforces. Absent where only the
    /// pins were read.
    #[serde(default)]
    pub enforces: Option<bool>,
    /// Why not, if it should be.
    pub error: Option<String>,
}

/// A feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedStatus {
    /// Its name.
    pub feed: FeedName,
    /// `enforce`, `monitor`, or `off` while its kill switch is.
    pub mode: String,
    /// The epoch of the bundle in force.
    pub epoch: Option<u64>,
    /// Its sequence number.
    pub seq: Option<u64>,
    /// When it was admitted.
    pub admitted_at: Option<Timestamp>,
    /// From when on the feed counts as stale; its entries run on to their own `until`.
    pub expires_at: Option<Timestamp>,
    /// Entries that were admitted and have not ended.
    pub desired: u64,
    /// Entries in force.
    pub enforced: u64,
    /// Entries that are not, or only in part.
    pub withheld: u64,
    /// Those of them that wait for persons.
    #[serde(default)]
    pub held: u64,
    /// What needs attention about it.
    #[serde(default)]
    pub alarms: Vec<Alarm>,
    /// Bundles refused since the service started.
    pub refused_bundles: u64,
    /// The last refusal.
    pub last_refusal: Option<Refusal>,
    /// Why it stands still, if it does; `epoch`, `seq` and `admitted_at` are then those of the state it stands at.
    #[serde(default)]
    pub paused: Option<FeedPaused>,
    /// Of a fetched feed: when fetching it last succeeded.
    #[serde(default)]
    pub last_success: Option<Timestamp>,
    /// Of a fetched list: the update that waits for an operator.
    #[serde(default)]
    pub held_update: Option<HeldUpdate>,
    /// Entries that the kernel was last found not to enforce as it should.
    #[serde(default)]
    pub drift: u64,
}

/// Something that needs attention.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Alarm {
    /// A stable name, such as `feed_stale`.
    pub code: String,
    /// What it is about: a feed, an interface, a file.
    pub subject: String,
    /// What is the matter, in a sentence.
    pub message: String,
    /// What changes while it is raised, such as how often something has failed.
    #[serde(default)]
    pub detail: Option<String>,
}

/// `GET /v1/stats`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// When the counters were read.
    pub at: Timestamp,
    /// Over all interfaces; each packet counts once.
    pub totals: Totals,
    /// By interface.
    pub interfaces: Vec<InterfaceStats>,
    /// By reason, over all interfaces.
    pub reasons: Vec<ReasonStats>,
    /// By feed. A packet that several orders cover is credited to each.
    pub feeds: Vec<FeedStats>,
    /// By order, in force or past.
    pub orders: Vec<OrderStats>,
    /// By rule of the data path.
    pub rules: Vec<RuleStats>,
}

/// Passed and dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// All packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those that passed.
    pub passed: Count,
    /// Those that were dropped.
    pub dropped: Count,
    /// Those that a monitored order, or any on a monitored interface, would have dropped, whether or
    /// not another order then did.
    pub would_drop: Count,
}

/// The counters of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceStats {
    /// Its name.
    pub name: String,
    /// Its sums.
    #[serde(flatten)]
    pub totals: Totals,
    /// Each reason that has occurred.
    pub reasons: Vec<ReasonStats>,
}

/// The counter of a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonStats {
    /// Its name.
    pub reason: String,
    /// `pass` or `drop`.
    pub verdict: String,
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
    /// What it would have dropped, were it or the interface not monitored.
    pub would_drop: Count,
}

/// What a feed dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedStats {
    /// Its name.
    pub feed: FeedName,
    /// Packets dropped.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What it would have dropped.
    pub would_drop: Count,
}

/// What an order dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderStats {
    /// Its identity.
    pub id: OrderId,
    /// Its feed.
    pub feed: FeedName,
    /// Its reference.
    pub reference: String,
    /// Packets dropped.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What it would have dropped.
    pub would_drop: Count,
}

/// What a rule dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleStats {
    /// Its name.
    pub rule: String,
    /// Packets dropped; of a monitored rule or interface, that would have been.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets that matched.
    pub matched: Count,
}

/// A prefix that is never blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeverBlockEntry {
    /// The prefix.
    pub net: IpNet,
    /// `lists` or `all`.
    pub scope: String,
    /// `built-in`, `configuration` or `exception`.
    pub origin: String,
    /// Why.
    pub reason: String,
    /// Until when, for an exception that ends.
    pub until: Option<Timestamp>,
    /// Who entered it, for an exception.
    pub by: Option<String>,
}

/// An entry that is not in force, or only in part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithheldEntry {
    /// The order.
    pub id: OrderId,
    /// The issuer's name for the entry.
    pub entry: String,
    /// The prefix.
    pub net: IpNet,
    /// `refused`, `held`, `partial`, `withdrawn`, `ended`, or `paused` where its feed stands still.
    pub status: String,
    /// The reason of a refusal or a hold, such as `never_block`.
    pub reason: Option<String>,
}

/// `GET /v1/orders`: a list of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSummary {
    /// Its identity.
    pub id: OrderId,
    /// Its feed.
    pub feed: FeedName,
    /// The authority.
    pub issuer: String,
    /// The number of the decision or letter.
    pub reference: String,
    /// The legal basis.
    pub basis: String,
    /// Why.
    pub reason: String,
    /// `in_force`, `partial`, `withdrawn`, `held`, `refused`, `paused`, `ended`, or `not_enforceable` where a letter names
    /// no address.
    pub status: String,
    /// Entries in force.
    pub enforced: u64,
    /// Entries that are not, or only in part.
    pub withheld: u64,
    /// The first day of its oldest entry.
    pub since: Option<Timestamp>,
    /// The end of its last entry.
    pub until: Option<Timestamp>,
    /// What it has dropped.
    pub dropped: Count,
    /// What it would have dropped.
    pub would_drop: Count,
}

/// `GET /v1/order?id=ID`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderDetail {
    /// What the list says.
    #[serde(flatten)]
    pub summary: OrderSummary,
    /// Its entries in force.
    pub entries: Vec<CoveringEntry>,
    /// Its other entries.
    pub not_enforced: Vec<WithheldEntry>,
    /// What the letter says, for an operator's order.
    #[serde(default)]
    pub letter: Option<LetterInfo>,
}

/// The answer to `POST /v1/bundles` (a multipart body with one `bundle` and one or more `signature`
/// parts; the query may name the `feed`) and to [`AddOrder`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyReport {
    /// The feed.
    pub feed: FeedName,
    /// `enforced`, `paused` (admitted, and its feed stands still), `repeat` (these very bytes were admitted before),
    /// or `test` (valid, and not to be enforced).
    pub status: String,
    /// The bundle's epoch.
    pub epoch: Option<u64>,
    /// The bundle's sequence number.
    pub seq: Option<u64>,
    /// Its orders.
    pub orders: Vec<OrderId>,
    /// Entries that were received.
    pub received: u64,
    /// Of them in force.
    pub enforced: u64,
    /// Those that are not, or only in part; at most the first 1,000.
    pub withheld: Vec<WithheldEntry>,
    /// How many there are.
    pub withheld_total: u64,
    /// Whether the feed stands still, so that of this only what it withdraws is in force.
    #[serde(default)]
    pub paused: bool,
    /// The generation that enforces it.
    pub generation: Option<u64>,
    /// When the request was received, admitted and in force.
    pub received_at: Timestamp,
    /// When it was committed to disk.
    pub admitted_at: Timestamp,
    /// When the kernel enforced it.
    pub enforced_at: Option<Timestamp>,
}

/// `POST /v1/orders`: an operator's own order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddOrder {
    /// The number of the decision or letter.
    pub reference: String,
    /// The authority; without one, the operator who enters it.
    #[serde(default)]
    pub issuer: String,
    /// The legal basis.
    #[serde(default)]
    pub basis: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Until when: RFC 3339, a date (the end of that day), or a duration such as `30d`.
    pub until: String,
    /// By when the authority expects it done.
    #[serde(default)]
    pub deadline: Option<String>,
    /// The date of the letter.
    #[serde(default)]
    pub date: Option<Date>,
    /// What the letter asks for that no packet filter can do.
    #[serde(default)]
    pub not_enforceable: Vec<Indicator>,
    /// What to block.
    pub nets: Vec<IpNet>,
    /// Which packets.
    #[serde(default = "both")]
    pub dir: Direction,
    /// A protocol by name or number.
    #[serde(default)]
    pub proto: Option<String>,
    /// Ports, such as `443` or `8000-8010`.
    #[serde(default)]
    pub ports: Vec<String>,
}

const fn both() -> Direction {
    Direction::Both
}

/// `POST /v1/withdraw` and `POST /v1/reinstate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// The order.
    pub id: OrderId,
    /// One entry of it only.
    #[serde(default)]
    pub entry: Option<String>,
    /// Why; it goes to the audit log.
    #[serde(default)]
    pub reason: String,
}

/// `POST /v1/exceptions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddException {
    /// The prefix that is never to be blocked.
    pub net: IpNet,
    /// `lists` or `all`.
    pub scope: String,
    /// Why.
    pub reason: String,
    /// Until when, as in [`AddOrder::until`]; without it, until it is removed.
    #[serde(default)]
    pub until: Option<String>,
}

/// `POST /v1/exceptions/remove`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveException {
    /// The prefix.
    pub net: IpNet,
}

/// `POST /v1/attach` and `POST /v1/detach`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterfaceRequest {
    /// The interface.
    pub name: String,
}

/// `POST /v1/panic`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanicRequest {
    /// True switches filtering off, false on again.
    pub off: bool,
    /// One feed only, which then only counts; otherwise everything.
    #[serde(default)]
    pub feed: Option<FeedName>,
    /// Why; it goes to the audit log.
    #[serde(default)]
    pub reason: String,
}

/// The answer to every other change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// What was done, in a sentence.
    pub message: String,
    /// The generation in force now.
    pub generation: Option<u64>,
}
