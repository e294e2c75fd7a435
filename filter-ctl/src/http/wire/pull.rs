//! Requests about fetched feeds.

use serde::{Deserialize, Serialize};

use crate::order::FeedName;

/// `POST /v1/feeds/sync`, `/v1/feeds/approve` and `/v1/feeds/reject`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedRequest {
    /// The feed.
    pub feed: FeedName,
}
