//! Feeds that stand still.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `POST /v1/feeds/{feed}/pause`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseFeed {
    /// Why; it goes to the audit log.
    pub reason: String,
}

/// `POST /v1/feeds/{feed}/rollback`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    /// The state: `SEQ` or `EPOCH/SEQ` of a bundle, or the first 8 hexadecimal digits or more of the SHA-256 of a
    /// list; the last before the one where the feed stands if it is absent.
    #[serde(default)]
    pub to: Option<String>,
    /// Why; it goes to the audit log.
    pub reason: String,
}

/// A feed that stands still, and what it sent meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedPaused {
    /// Since when.
    pub since: Timestamp,
    /// Who paused it, or took it back.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The epoch of the bundle that was admitted last.
    pub epoch: Option<u64>,
    /// Its sequence number.
    pub seq: Option<u64>,
    /// SHA-256 of its bytes, or of the list that was admitted last, in hexadecimal.
    pub sha256: Option<String>,
    /// When it was admitted.
    pub admitted_at: Option<Timestamp>,
}
