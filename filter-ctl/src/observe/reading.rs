//! What was last read of one set of maps.
//!
//! A counter goes on without end, so what counts is by how much it has grown. A reading says from where;
//! read twice, nothing is counted twice.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    known::KnownInterface,
    ledger::{Tally, verdict_key},
    rules::{RuleSlots, RuleTally},
};
use crate::{
    kernel::{KernelError, stable::Stable},
    order::{FeedName, OrderId},
    table::{Slot, slots::SlotLedger},
};

/// The last reading of a set of maps, and what its slots mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reading {
    /// The set of maps, see [`Stable::nonce`].
    pub(super) instance: u64,
    /// What its slots mean.
    pub(super) slots: SlotLedger,
    /// The last reading of each slot's counter.
    pub(super) seen_slots: BTreeMap<Slot, Tally>,
    /// The last reading of each interface's counters, by reason.
    pub(super) seen_verdicts: BTreeMap<u32, BTreeMap<String, Tally>>,
    /// What its numbers of rules mean, and their last reading.
    #[serde(default, skip_serializing_if = "RuleSlots::is_empty")]
    pub(super) rules: RuleSlots,
}

/// What counters have gained.
#[derive(Debug, Default)]
pub(super) struct Gains {
    /// By interface and reason.
    pub(super) verdicts: Vec<(String, String, Tally)>,
    /// By order.
    pub(super) orders: Vec<(OrderId, Tally)>,
    /// By feed; a packet of several orders of a feed counts once.
    pub(super) feeds: Vec<(FeedName, Tally)>,
    /// By rule.
    pub(super) rules: Vec<(String, RuleTally)>,
}

impl Reading {
    /// Reads the counters of these interfaces and of all slots that mean anything.
    ///
    /// On an error nothing was read: what was gained is found the next time.
    pub(super) fn read(
        &mut self,
        maps: &Stable,
        interfaces: &BTreeMap<String, KnownInterface>,
    ) -> Result<Gains, KernelError> {
        let mut gains = Gains::default();
        let mut verdicts = Vec::new();
        for (name, KnownInterface { number, .. }) in interfaces {
            for counted in maps.verdict_counters(*number)? {
                let now = Tally::from(counted.counter);
                if !now.is_zero() {
                    let key = verdict_key(counted.reason, counted.action);
                    verdicts.push((name, *number, key, now));
                }
            }
        }
        let mut slots = Vec::new();
        for (slot, _) in self.slots.iter() {
            let now = Tally::from(maps.slot_counter(slot)?);
            if !now.is_zero() {
                slots.push((slot, now));
            }
        }
        gains.rules = self.rules.read(maps)?;
        for (name, number, key, now) in verdicts {
            let seen = self.seen_verdicts.entry(number).or_default();
            let before = seen.insert(key.clone(), now).unwrap_or_default();
            gains.verdicts.push((name.clone(), key, before.gained(now)));
        }
        for (slot, now) in slots {
            let before = self.seen_slots.insert(slot, now).unwrap_or_default();
            let gained = before.gained(now);
            if gained.is_zero() {
                continue;
            }
            let orders = self.slots.orders(slot).unwrap_or_default();
            let feeds: BTreeSet<&FeedName> = orders.iter().map(|order| &order.feed).collect();
            let orders = orders.iter().map(|order| (order.clone(), gained));
            gains.orders.extend(orders);
            let feeds = feeds.into_iter().map(|feed| (feed.clone(), gained));
            gains.feeds.extend(feeds);
        }
        Ok(gains)
    }

    /// Takes the slots' counters for read as they are now, whatever they meant before.
    pub(super) fn skip_slots(&mut self, maps: &Stable, slots: u32) -> Result<(), KernelError> {
        for slot in 0..slots {
            let now = Tally::from(maps.slot_counter(slot)?);
            if !now.is_zero() {
                self.seen_slots.insert(slot, now);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::observe::ledger::Ledger;

    /// As it was written before maps could be left behind, and is written when none are.
    const OF_ONE: &str = r#"{
        "version": 1, "instance": 7, "generation": 3, "interfaces": {},
        "slots": [{"slot": 1, "orders": ["x:a"]}],
        "seen_slots": {"1": {"packets": 5, "bytes": 9, "would_packets": 0, "would_bytes": 0}},
        "seen_verdicts": {}, "verdicts": {}, "orders": {}, "feeds": {}
    }"#;

    fn ledger() -> Ledger {
        serde_json::from_str(OF_ONE).unwrap()
    }

    fn stored(ledger: &Ledger) -> serde_json::Value {
        serde_json::to_value(ledger).unwrap()
    }

    #[test]
    fn maps_that_are_left_keep_their_reading_and_the_meaning_of_their_slots() {
        let mut ledger = ledger();
        ledger.work_with(8, &[7]);
        let text = stored(&ledger);
        assert_eq!(text["instance"], 8);
        assert_eq!(
            text["seen_slots"],
            serde_json::json!({}),
            "nothing was read of the new maps"
        );
        assert_eq!(
            text["slots"][0]["slot"], 1,
            "a slot goes on meaning what it meant"
        );
        assert_eq!(text["left"][0]["instance"], 7);
        assert_eq!(text["left"][0]["seen_slots"]["1"]["packets"], 5);
        // The slot is free in the new maps, and is not in the old.
        ledger.retire(&[1]);
        assert_eq!(stored(&ledger)["left"][0]["slots"][0]["orders"][0], "x:a");
        ledger.work_with(8, &[]);
        assert!(stored(&ledger).get("left").is_none(), "they are gone");
    }

    #[test]
    fn a_takeover_that_is_undone_leaves_the_ledger_as_it_was() {
        let mut undone = ledger();
        undone.work_with(8, &[7]);
        undone.work_with(7, &[]);
        assert_eq!(undone, ledger());
    }

    #[test]
    fn maps_of_a_start_that_nobody_wrote_down_are_read_from_the_beginning() {
        let mut ledger = ledger();
        ledger.work_with(9, &[7, 8]);
        let text = stored(&ledger);
        assert_eq!(text["left"][0]["instance"], 7);
        assert_eq!(text["left"][1]["instance"], 8);
        assert_eq!(text["left"][1]["seen_slots"], serde_json::json!({}));
        assert_eq!(text["left"][1]["slots"], text["left"][0]["slots"]);
    }
}
