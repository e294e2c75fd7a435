//! What rules have counted, by the name of the rule.
//!
//! As with orders, a rule counts under a number, and keeps that number as long as it exists; the number goes to
//! another rule only after a last reading.

use std::collections::{BTreeMap, BTreeSet};

use filter_common::{counters::RuleCounter, limits::RULE_SLOTS_MAX};
use serde::{Deserialize, Serialize};

use crate::kernel::{KernelError, stable::Stable};

/// A total, see [`RuleCounter`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleTally {
    /// Packets that matched.
    pub matched_packets: u64,
    /// Their bytes.
    pub matched_bytes: u64,
    /// Packets that the rule dropped, or of a monitored rule or interface would have.
    pub dropped_packets: u64,
    /// Their bytes.
    pub dropped_bytes: u64,
}

impl RuleTally {
    fn add(&mut self, other: Self) {
        self.matched_packets += other.matched_packets;
        self.matched_bytes += other.matched_bytes;
        self.dropped_packets += other.dropped_packets;
        self.dropped_bytes += other.dropped_bytes;
    }

    /// What a counter has gained since `self` was read from it. A counter that has shrunk is another one, and
    /// counts from zero.
    fn gained(self, now: Self) -> Self {
        if now.matched_packets < self.matched_packets {
            return now;
        }
        Self {
            matched_packets: now.matched_packets - self.matched_packets,
            matched_bytes: now.matched_bytes.saturating_sub(self.matched_bytes),
            dropped_packets: now.dropped_packets.saturating_sub(self.dropped_packets),
            dropped_bytes: now.dropped_bytes.saturating_sub(self.dropped_bytes),
        }
    }
}

impl From<RuleCounter> for RuleTally {
    fn from(counter: RuleCounter) -> Self {
        let RuleCounter {
            matched_packets,
            matched_bytes,
            dropped_packets,
            dropped_bytes,
        } = counter;
        Self {
            matched_packets,
            matched_bytes,
            dropped_packets,
            dropped_bytes,
        }
    }
}

/// What the numbers of rules mean in one set of maps, and what was last read of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuleSlots {
    numbers: BTreeMap<String, u32>,
    seen: BTreeMap<u32, RuleTally>,
}

impl RuleSlots {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.seen.is_empty()
    }

    /// Numbers for these rules: the ones that they have, or the lowest that are free. `None` where there are
    /// not so many: there are more than rules in force, so that takes as many that have just ended.
    #[must_use]
    pub fn assign<'a>(&self, rules: impl IntoIterator<Item = &'a str>) -> Option<Vec<u32>> {
        let used: BTreeSet<u32> = self.numbers.values().copied().collect();
        let last = u32::try_from(RULE_SLOTS_MAX).unwrap_or(u32::MAX);
        let mut free = (0..last).filter(|number| !used.contains(number));
        let number = |rule: &str| self.numbers.get(rule).copied();
        rules
            .into_iter()
            .map(|rule| number(rule).or_else(|| free.next()))
            .collect()
    }

    /// Records the numbers that a table uses.
    pub fn adopt<'a>(&mut self, rules: impl IntoIterator<Item = (&'a str, u32)>) {
        for (rule, number) in rules {
            self.numbers.insert(rule.to_owned(), number);
        }
    }

    /// Forgets all rules but these. Their counters must have been read after the last program that could count
    /// for another had ended.
    pub fn keep<'a>(&mut self, rules: impl IntoIterator<Item = &'a str>) {
        let rules: BTreeSet<&str> = rules.into_iter().collect();
        self.numbers.retain(|rule, _| rules.contains(rule.as_str()));
    }

    /// Every rule with its number.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.numbers
            .iter()
            .map(|(rule, number)| (rule.as_str(), *number))
    }

    /// What the counters have gained since they were last read. On an error nothing was read.
    pub(super) fn read(&mut self, maps: &Stable) -> Result<Vec<(String, RuleTally)>, KernelError> {
        let mut found = Vec::with_capacity(self.numbers.len());
        for (rule, number) in &self.numbers {
            let now = maps.rule_counter(*number)?.map(RuleTally::from);
            found.push((rule.clone(), *number, now.unwrap_or_default()));
        }
        let mut gains = Vec::new();
        for (rule, number, now) in found {
            let before = self.seen.insert(number, now).unwrap_or_default();
            let gained = before.gained(now);
            if gained != RuleTally::default() {
                gains.push((rule, gained));
            }
        }
        Ok(gains)
    }

    /// The same meaning, of maps of which nothing was read.
    pub(super) fn unread(&self) -> Self {
        Self {
            numbers: self.numbers.clone(),
            seen: BTreeMap::new(),
        }
    }
}

/// Totals by rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleTotals(BTreeMap<String, RuleTally>);

impl RuleTotals {
    /// Whether no rule has counted anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds gains; true if there were any.
    pub(super) fn add(&mut self, gains: Vec<(String, RuleTally)>) -> bool {
        let any = !gains.is_empty();
        for (rule, gained) in gains {
            self.0.entry(rule).or_default().add(gained);
        }
        any
    }

    /// Forgets those of all rules but these, and says whether there were any: a rule that is made anew under an
    /// old name counts anew.
    pub(super) fn keep<'a>(&mut self, rules: impl IntoIterator<Item = &'a str>) -> bool {
        let rules: BTreeSet<&str> = rules.into_iter().collect();
        let before = self.0.len();
        self.0.retain(|rule, _| rules.contains(rule.as_str()));
        self.0.len() < before
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, RuleTally)> {
        self.0.iter().map(|(rule, tally)| (rule.as_str(), *tally))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_keeps_its_number_and_a_number_goes_to_nobody_while_it_is_used() {
        let mut slots = RuleSlots::default();
        let first = slots.assign(["a", "b"]).unwrap();
        assert_eq!(first, [0, 1]);
        slots.adopt(["a", "b"].into_iter().zip(first));
        let second = slots.assign(["c", "b"]).unwrap();
        assert_eq!(second, [2, 1]);
        slots.adopt(["c", "b"].into_iter().zip(second));
        slots.keep(["b", "c"]);
        assert_eq!(slots.assign(["d"]), Some(vec![0]));
    }

    #[test]
    fn more_rules_than_numbers_get_none() {
        let mut slots = RuleSlots::default();
        let names: Vec<String> = (0..RULE_SLOTS_MAX).map(|n| n.to_string()).collect();
        let all = slots.assign(names.iter().map(String::as_str)).unwrap();
        slots.adopt(names.iter().map(String::as_str).zip(all));
        assert_eq!(slots.assign(["one more"]), None);
    }

    #[test]
    fn a_counter_that_has_shrunk_is_another_one() {
        let tally = |matched_packets| RuleTally {
            matched_packets,
            ..RuleTally::default()
        };
        assert_eq!(tally(5).gained(tally(9)), tally(4));
        assert_eq!(tally(5).gained(tally(3)), tally(3));
    }
}
