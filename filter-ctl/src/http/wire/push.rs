//! What is said to authorities that push, and of receipts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::order::FeedName;

/// The answer to `POST /v1/feeds/{feed}/bundles`, HTTP 202.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushAnswer {
    /// The name of the receipt: SHA-256 of the bundle's bytes, in hexadecimal.
    pub receipt: String,
    /// Where the receipt is, or will be.
    pub url: String,
    /// `enforced`, `partial`, `paused` (its feed stands still), `test`, `repeat` (these very bytes were admitted
    /// before), `admitted` (on disk, not yet in the kernel) or `received` (still being judged: ask for the receipt).
    pub status: String,
}

/// The answer to a request of an authority that is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushRefusal {
    /// Why.
    #[serde(flatten)]
    pub refusal: Refusal,
    /// Where the receipt for it is, if there is one.
    #[serde(default)]
    pub receipt: Option<String>,
}

/// The body of `POST /v1/feeds/{feed}/notify`, which may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushNotice {
    /// The epoch of what there is to fetch.
    pub epoch: u64,
    /// Its sequence number.
    pub seq: u64,
}

/// The answer to it, HTTP 202.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushNoticed {
    /// `noted`, or `current` where that bundle or a later one has been admitted already.
    pub status: String,
}

/// `GET /v1/feeds/{feed}/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushFeedStatus {
    /// The feed.
    pub feed: FeedName,
    /// `enforce`, or `monitor` where its matches are only counted.
    pub mode: String,
    /// The epoch of the bundle that was admitted last.
    pub epoch: Option<u64>,
    /// Its sequence number.
    pub seq: Option<u64>,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: Option<String>,
    /// When it was admitted.
    pub admitted_at: Option<Timestamp>,
    /// By when it expects a successor.
    pub expires_at: Option<Timestamp>,
    /// Whether an operator has paused the feed: what it sends is admitted, withdrawals apply, all else waits.
    #[serde(default)]
    pub paused: bool,
    /// Entries that are to be in force and have not ended.
    pub desired: u64,
    /// Entries in force.
    pub enforced: u64,
    /// Entries that are not, or only in part.
    pub withheld: u64,
    /// The generation in force.
    pub generation: Option<u64>,
}

/// `GET /v1/receipts?feed=F&id=ID`, over the control socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedReceipt {
    /// The very bytes that are signed: a [`Receipt`](crate::receipt::Receipt) as JSON.
    pub document: String,
    /// The minisign signature over them.
    pub signature: String,
}
