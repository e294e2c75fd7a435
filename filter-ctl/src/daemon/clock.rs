//! The time floor: the latest time that was ever seen here.
//!
//! A clock that stands before it is wrong. While it is, nothing is admitted, because an old bundle
//! would look fresh, and no entry ends.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::durable;

/// The file below the state directory.
const FILE: &str = "clock.json";
/// How far a clock may be behind the floor, as after a small correction.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(60);
/// How far the floor on disk may lag behind the clock.
const SAVE_EVERY: SignedDuration = SignedDuration::from_mins(10);

/// The floor, and what of it is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TimeFloor {
    floor: Timestamp,
    saved: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    floor: Timestamp,
}

impl TimeFloor {
    /// Reads the floor. A missing or damaged file is no floor: it is a safeguard, and must not keep
    /// the service from starting.
    #[must_use]
    pub(super) fn load(state_dir: &Path) -> Self {
        let stored = std::fs::read(state_dir.join(FILE)).ok();
        let stored = stored.and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok());
        let floor = stored.map_or(Timestamp::UNIX_EPOCH, |stored| stored.floor);
        Self {
            floor,
            saved: floor,
        }
    }

    /// The floor.
    #[must_use]
    pub(super) const fn floor(&self) -> Timestamp {
        self.floor
    }

    /// Whether a clock that says `now` can be right.
    #[must_use]
    pub(super) fn trusts(&self, now: Timestamp) -> bool {
        now.duration_since(self.floor) >= -TOLERANCE
    }

    /// Raises the floor to `now`, and writes it if the one on disk has fallen behind.
    pub(super) fn observe(
        &mut self,
        now: Timestamp,
        state_dir: &Path,
    ) -> Result<(), durable::DurableError> {
        self.floor = self.floor.max(now);
        if self.floor.duration_since(self.saved) >= SAVE_EVERY {
            let stored = Stored { floor: self.floor };
            let bytes = serde_json::to_vec(&stored).unwrap_or_default();
            durable::write_atomic(&state_dir.join(FILE), &bytes)?;
            self.saved = self.floor;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_is_not_trusted_even_after_a_restart() {
        let state = tempfile::tempdir().expect("a temporary directory");
        let mut floor = TimeFloor::load(state.path());
        let now = Timestamp::from_second(1_795_000_000).expect("a time");
        floor.observe(now, state.path()).expect("writes");
        let restarted = TimeFloor::load(state.path());
        assert!(restarted.trusts(now));
        assert!(restarted.trusts(now - SignedDuration::from_secs(59)));
        assert!(!restarted.trusts(now - SignedDuration::from_secs(61)));
    }
}
