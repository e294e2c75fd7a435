//! `[samples]`: how many of the packets that are dropped are looked at.

use serde::Deserialize;

/// Samples of dropped packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SamplesConfig {
    /// Samples of each reason in a second; 0 for none.
    pub per_second: u32,
}

impl SamplesConfig {
    /// The most that can be asked for: as many as wait in the ring.
    pub const PER_SECOND_MAX: u32 = 1_000;
}

impl Default for SamplesConfig {
    fn default() -> Self {
        Self { per_second: 20 }
    }
}
