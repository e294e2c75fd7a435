//! Requests about fetched feeds.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::order::FeedName;

/// `POST /v1/feeds/sync`, `/v1/feeds/approve` and `/v1/feeds/reject`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedRequest {
    /// The feed.
    pub feed: FeedName,
}

/// An update of a list that changes too much to be enforced by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldUpdate {
    /// When it was fetched first.
    pub fetched_at: Timestamp,
    /// Entries of the list in force.
    pub before: u64,
    /// How many it adds.
    pub added: u64,
    /// How many it removes.
    pub removed: u64,
}
