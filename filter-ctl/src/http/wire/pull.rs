//! Requests about fetched feeds.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::order::FeedName;

/// `POST /v1/feeds/sync`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedRequest {
    /// The feed.
    pub feed: FeedName,
}

/// `POST /v1/feeds/approve` and `POST /v1/feeds/reject`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecideUpdate {
    /// The feed.
    pub feed: FeedName,
    /// The SHA-256 of the update that was looked at, in hexadecimal, or its first 8 digits or more. With another
    /// update held by now, nothing is decided. Without it, whatever is held is meant.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// An update of a list that changes too much to be enforced by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldUpdate {
    /// SHA-256 of its bytes, in hexadecimal.
    #[serde(default)]
    pub sha256: String,
    /// When it was fetched first.
    pub fetched_at: Timestamp,
    /// Entries of the list in force.
    pub before: u64,
    /// How many it adds.
    pub added: u64,
    /// How many it removes.
    pub removed: u64,
}
