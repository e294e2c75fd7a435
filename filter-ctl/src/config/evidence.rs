//! How long inputs are kept as evidence.

use jiff::SignedDuration;
use serde::Deserialize;

use super::Period;
use crate::evidence::Retention;

/// The longest time that can be asked for, in seconds: ten years.
pub const KEEP_SECONDS_MAX: u32 = 3_660 * 86_400;
/// The fewest bytes that can be asked for: one bundle of the longest, and one that takes its place.
pub const EVIDENCE_BYTES_MIN: u64 = 512 << 20;

/// What is kept of what was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvidenceConfig {
    /// For how long, from when it was seen first.
    pub keep: Period,
    /// The most bytes; past it the oldest go.
    pub max_bytes: u64,
}

impl Default for EvidenceConfig {
    fn default() -> Self {
        Self {
            keep: Period(180 * 86_400),
            max_bytes: 4 << 30,
        }
    }
}

impl EvidenceConfig {
    /// The same, as evidence goes by it.
    #[must_use]
    pub fn retention(&self) -> Retention {
        Retention {
            keep: SignedDuration::from_secs(self.keep.0.into()),
            bytes_max: self.max_bytes,
        }
    }
}
