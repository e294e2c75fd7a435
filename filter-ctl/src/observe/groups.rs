//! What has come for each host group, by its name.
//!
//! The kernel counts by the number of the group, which is its place in the configuration. So the names are kept
//! beside the last reading, and exchanged after the generation that goes by new ones is live: what comes in the few
//! milliseconds between counts for the group that had the number before.

use std::collections::BTreeMap;

use filter_common::{limit::CLASSES, meter::Meter};
use serde::{Deserialize, Serialize};

use super::meters;

/// A total, see [`Meter`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupTally {
    /// Packets by class.
    pub packets: [u64; CLASSES],
    /// Their bytes.
    pub bytes: [u64; CLASSES],
    /// Packets of these that rules and limits dropped.
    pub dropped_packets: u64,
    /// Their bytes.
    pub dropped_bytes: u64,
}

impl From<Meter> for GroupTally {
    fn from(meter: Meter) -> Self {
        let Meter {
            packets,
            bytes,
            dropped_packets,
            dropped_bytes,
        } = meter;
        Self {
            packets,
            bytes,
            dropped_packets,
            dropped_bytes,
        }
    }
}

impl From<GroupTally> for Meter {
    fn from(tally: GroupTally) -> Self {
        let GroupTally {
            packets,
            bytes,
            dropped_packets,
            dropped_bytes,
        } = tally;
        Self {
            packets,
            bytes,
            dropped_packets,
            dropped_bytes,
        }
    }
}

/// What the numbers of groups mean in one set of maps, what was last read of each, and what it adds up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupCounts {
    instance: u64,
    names: Vec<String>,
    seen: Vec<GroupTally>,
    totals: BTreeMap<String, GroupTally>,
}

impl GroupCounts {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what the meters of a set of maps have gained since they were last read. `meters` is by number; none
    /// has 0.
    pub fn absorb(&mut self, instance: u64, meters: &[Meter]) {
        if self.instance != instance {
            self.instance = instance;
            self.seen.clear();
        }
        let before = self
            .seen
            .iter()
            .copied()
            .chain(std::iter::repeat(GroupTally::default()));
        let gains: Vec<Meter> = before
            .zip(meters)
            .map(|(before, now)| meters::gained(&before.into(), now))
            .collect();
        for (name, gained) in self.names.iter().zip(gains.iter().skip(1)) {
            let total = self.totals.entry(name.clone()).or_default();
            let mut sum = Meter::from(*total);
            sum.merge(gained);
            *total = sum.into();
        }
        self.seen = meters.iter().copied().map(GroupTally::from).collect();
    }

    /// Gives the numbers new names, from 1, after the meters were read. Groups that are gone are forgotten.
    pub fn rename<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        self.names = names.into_iter().map(str::to_owned).collect();
        self.totals.retain(|name, _| self.names.contains(name));
    }

    /// The totals by name.
    #[must_use]
    pub const fn totals(&self) -> &BTreeMap<String, GroupTally> {
        &self.totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meters(packets: &[u64]) -> Vec<Meter> {
        let meter = |packets: &u64| Meter {
            packets: [*packets; CLASSES],
            ..Meter::default()
        };
        packets.iter().map(meter).collect()
    }

    fn packets(counts: &GroupCounts, name: &str) -> u64 {
        counts.totals()[name].packets[0]
    }

    #[test]
    fn a_group_keeps_its_count_when_it_gets_another_number_or_other_maps() {
        let mut counts = GroupCounts::default();
        counts.absorb(1, &meters(&[0, 5, 7]));
        counts.rename(["a", "b"]);
        counts.absorb(1, &meters(&[0, 6, 9]));
        assert_eq!((packets(&counts, "a"), packets(&counts, "b")), (1, 2));
        counts.rename(["b", "a"]);
        counts.absorb(1, &meters(&[0, 16, 9]));
        assert_eq!((packets(&counts, "a"), packets(&counts, "b")), (1, 12));
        counts.absorb(2, &meters(&[0, 0, 3]));
        assert_eq!((packets(&counts, "a"), packets(&counts, "b")), (4, 12));
        counts.rename(["a"]);
        assert!(!counts.totals().contains_key("b"));
    }
}
