//! Which set of orders a slot number means.
//!
//! The kernel counts by slot number, and counters go on from one generation to the next. So a number
//! keeps its meaning as long as anything may still be counted under it: [`SlotLedger`] remembers it
//! across recompiles and restarts.
//!
//! The life of a number: the compiler proposes it, [`SlotLedger::adopt`] records it before the table
//! is published, and [`SlotLedger::retire`] frees it once no published table uses it any more, the
//! grace period is over, and its counter has been read for the last time.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use filter_common::limits::SLOTS_MAX;
use serde::{Deserialize, Serialize};

use super::{
    Slot,
    compile::{CapacityError, Part},
};
use crate::order::OrderId;

/// The meaning of slot numbers; at most [`SLOTS_MAX`] of them.
///
/// A set of orders is sorted and has at least one member; it has one number at a time. Whoever names orders by
/// slot shares the sets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Line>", into = "Vec<Line>")]
pub struct SlotLedger {
    sets: BTreeMap<Slot, Arc<[OrderId]>>,
    numbers: HashMap<Arc<[OrderId]>, Slot>,
}

/// Meanings that contradict each other, or the limits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LedgerError {
    /// The number is past the last counter.
    #[error("slot {0} is past the last, {last}", last = SLOTS_MAX - 1)]
    OutOfRange(Slot),
    /// The number means another set, or the set has another number.
    #[error("slot {0} would change its meaning")]
    Conflict(Slot),
    /// The set is empty, or not sorted, or has an order twice.
    #[error("slot {0} does not mean a sorted set of orders")]
    NoSet(Slot),
}

/// One number in the form that is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    slot: Slot,
    orders: Vec<OrderId>,
}

impl SlotLedger {
    /// The set that a number means.
    #[must_use]
    pub fn orders(&self, slot: Slot) -> Option<&[OrderId]> {
        self.sets.get(&slot).map(|set| &**set)
    }

    /// The number of a set.
    #[must_use]
    pub fn slot(&self, orders: &[OrderId]) -> Option<Slot> {
        self.numbers.get(orders).copied()
    }

    /// All numbers with their meaning, in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Slot, &Arc<[OrderId]>)> {
        self.sets.iter().map(|(&slot, set)| (slot, set))
    }

    /// How many numbers have a meaning.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether none has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Records the numbers that a table uses; those it has already are left alone.
    ///
    /// On an error nothing is recorded.
    pub fn adopt(&mut self, slots: &[(Slot, Vec<OrderId>)]) -> Result<(), LedgerError> {
        let mut new = Self::default();
        for (slot, set) in slots {
            if *slot as usize >= SLOTS_MAX {
                return Err(LedgerError::OutOfRange(*slot));
            }
            if set.is_empty() || !set.is_sorted_by(|a, b| a < b) {
                return Err(LedgerError::NoSet(*slot));
            }
            match (self.orders(*slot), self.slot(set)) {
                (Some(known), _) if known == set => {}
                (None, None) => {
                    let set: Arc<[OrderId]> = set.as_slice().into();
                    let known = new.sets.insert(*slot, Arc::clone(&set)).is_some();
                    let numbered = new.numbers.insert(set, *slot).is_some();
                    if known || numbered {
                        return Err(LedgerError::Conflict(*slot));
                    }
                }
                _ => return Err(LedgerError::Conflict(*slot)),
            }
        }
        self.sets.append(&mut new.sets);
        self.numbers.extend(new.numbers);
        Ok(())
    }

    /// The numbers that a table does not use: candidates to retire after the grace period.
    #[must_use]
    pub fn unused(&self, slots: &[(Slot, Vec<OrderId>)]) -> Vec<Slot> {
        let used: BTreeSet<Slot> = slots.iter().map(|(slot, _)| *slot).collect();
        let all = self.sets.keys().copied();
        all.filter(|slot| !used.contains(slot)).collect()
    }

    /// Takes the meaning off numbers, so that the compiler may use them anew.
    ///
    /// The caller has made sure that no packet is counted under them any more and has kept what was.
    pub fn retire(&mut self, slots: &[Slot]) {
        for slot in slots {
            if let Some(set) = self.sets.remove(slot) {
                self.numbers.remove(&set);
            }
        }
    }

    /// The number of each of `sets`: its own if it has one, else the lowest free one.
    ///
    /// Numbers that mean anything are not free, whether or not `sets` uses them.
    pub(super) fn assign(&self, sets: &[Vec<OrderId>]) -> Result<Vec<Slot>, CapacityError> {
        let new = sets.iter().filter(|set| self.slot(set).is_none()).count();
        let needed = self.len() + new;
        let mut free = (0..).filter(|slot| !self.sets.contains_key(slot));
        let numbers = sets
            .iter()
            .map(|set| self.slot(set).or_else(|| free.next()));
        match numbers.collect() {
            Some(numbers) if needed <= SLOTS_MAX => Ok(numbers),
            _ => Err(CapacityError {
                part: Part::Slots,
                needed,
                available: SLOTS_MAX,
            }),
        }
    }
}

impl TryFrom<Vec<Line>> for SlotLedger {
    type Error = LedgerError;

    fn try_from(lines: Vec<Line>) -> Result<Self, LedgerError> {
        let slots: Vec<_> = lines
            .into_iter()
            .map(|Line { slot, orders }| (slot, orders))
            .collect();
        let mut ledger = Self::default();
        ledger.adopt(&slots)?;
        Ok(ledger)
    }
}

impl From<SlotLedger> for Vec<Line> {
    fn from(ledger: SlotLedger) -> Self {
        let lines = ledger.sets.into_iter();
        let line = |(slot, orders): (Slot, Arc<[OrderId]>)| Line {
            slot,
            orders: orders.to_vec(),
        };
        lines.map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(reference: &str) -> OrderId {
        OrderId::try_from(format!("test:{reference}")).expect("an order's name")
    }

    #[test]
    fn known_sets_keep_their_number_and_new_ones_get_the_lowest_free() {
        let (a, b, c) = (vec![order("a")], vec![order("b")], vec![order("c")]);
        let mut ledger = SlotLedger::default();
        ledger
            .adopt(&[(0, a.clone()), (2, b.clone())])
            .expect("no conflict");
        let sets = [c.clone(), b.clone(), vec![order("a"), order("b")]];
        assert_eq!(ledger.assign(&sets), Ok(vec![1, 2, 3]));
        assert_eq!(ledger.unused(&[(2, b)]), [0]);
        ledger.retire(&[0, 9]);
        assert_eq!(ledger.slot(&a), None);
        assert_eq!(ledger.assign(&[c]), Ok(vec![0]));
    }

    #[test]
    fn a_number_does_not_change_its_meaning() {
        let (a, b) = (vec![order("a")], vec![order("b")]);
        let mut ledger = SlotLedger::default();
        ledger.adopt(&[(1, a.clone())]).expect("no conflict");
        let before = ledger.clone();
        for (slots, error) in [
            (
                vec![(0, b.clone()), (1, b.clone())],
                LedgerError::Conflict(1),
            ),
            (vec![(0, a.clone())], LedgerError::Conflict(0)),
            (
                vec![(2, b.clone()), (3, b.clone())],
                LedgerError::Conflict(3),
            ),
            (vec![(65_536, b)], LedgerError::OutOfRange(65_536)),
            (vec![(2, vec![])], LedgerError::NoSet(2)),
            (
                vec![(2, vec![order("b"), order("a")])],
                LedgerError::NoSet(2),
            ),
        ] {
            assert_eq!(ledger.adopt(&slots), Err(error));
            assert_eq!(ledger, before);
        }
        assert_eq!(ledger.adopt(&[(1, a)]), Ok(()));
    }

    #[test]
    fn slots_run_out_with_an_error() {
        let sets: Vec<_> = (0..SLOTS_MAX)
            .map(|n| vec![order(&n.to_string())])
            .collect();
        let mut ledger = SlotLedger::default();
        let numbers = ledger.assign(&sets).expect("exactly as many as fit");
        ledger
            .adopt(&numbers.into_iter().zip(sets).collect::<Vec<_>>())
            .expect("no conflict");
        assert_eq!(
            ledger.assign(&[vec![order("7")], vec![order("one more")]]),
            Err(CapacityError {
                part: Part::Slots,
                needed: SLOTS_MAX + 1,
                available: SLOTS_MAX,
            })
        );
    }

    #[test]
    fn it_survives_being_stored() {
        let mut ledger = SlotLedger::default();
        ledger
            .adopt(&[(3, vec![order("a"), order("b")]), (5, vec![order("c")])])
            .expect("no conflict");
        let stored = serde_json::to_string(&ledger).expect("plain data");
        assert_eq!(
            serde_json::from_str::<SlotLedger>(&stored).ok(),
            Some(ledger)
        );
        let twice = r#"[{"slot":1,"orders":["x:a"]},{"slot":1,"orders":["x:b"]}]"#;
        assert!(serde_json::from_str::<SlotLedger>(twice).is_err());
    }
}
