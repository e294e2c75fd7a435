//! The ledger: what the numbers in the kernel mean, and what they have added up to.
//!
//! The kernel counts by slot and by interface number, without end and without names. The ledger keeps
//! the names, and the reading up to which each counter has been added to the totals; so a restart, an
//! upgrade or a reboot changes no total. It is on disk before a generation that relies on it is live.

use std::{
    collections::{BTreeMap, BTreeSet},
    io, mem,
    path::{Path, PathBuf},
};

use filter_common::{
    counters::Counter,
    limits::{INTERFACES_MAX, SLOTS_MAX},
    verdict::{Action, Reason},
};
use serde::{Deserialize, Serialize};

use super::{
    groups::GroupCounts,
    known::KnownInterface,
    reading::{Gains, Reading},
    rules::{RuleSlots, RuleTotals},
};
use crate::{
    durable,
    kernel::{KernelError, stable::Stable},
    order::{FeedName, OrderId},
    policy::traffic::TrafficRule,
    table::{Slot, slots::SlotLedger},
};

/// The file below the state directory.
pub const FILE: &str = "ledger.json";

/// Orders no longer in force whose totals are kept. Past it those with the fewest packets are
/// forgotten; the totals of their feeds are not.
pub const PAST_ORDERS_MAX: usize = 65_536;

/// A total, see [`Counter`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
    /// Packets that would have been dropped.
    pub would_packets: u64,
    /// Their bytes.
    pub would_bytes: u64,
}

impl Tally {
    /// Adds another.
    pub fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.would_packets += other.would_packets;
        self.would_bytes += other.would_bytes;
    }

    pub(super) fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// What a counter has gained since `self` was read from it. A counter that has shrunk is another
    /// one, and counts from zero.
    pub(super) fn gained(self, now: Self) -> Self {
        if now.packets < self.packets || now.would_packets < self.would_packets {
            return now;
        }
        Self {
            packets: now.packets - self.packets,
            bytes: now.bytes.saturating_sub(self.bytes),
            would_packets: now.would_packets - self.would_packets,
            would_bytes: now.would_bytes.saturating_sub(self.would_bytes),
        }
    }
}

impl From<Counter> for Tally {
    fn from(counter: Counter) -> Self {
        let Counter {
            packets,
            bytes,
            would_packets,
            would_bytes,
        } = counter;
        Self {
            packets,
            bytes,
            would_packets,
            would_bytes,
        }
    }
}

/// The ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// The format.
    version: u32,
    /// The set of maps in use, from which `seen_*` were read.
    instance: u64,
    /// The highest generation that was ever published.
    generation: u64,
    /// Every interface that was ever filtered, by name.
    interfaces: BTreeMap<String, KnownInterface>,
    /// What slots mean.
    slots: SlotLedger,
    /// The last reading of each slot's counter.
    seen_slots: BTreeMap<Slot, Tally>,
    /// The last reading of each interface's counters, by reason.
    seen_verdicts: BTreeMap<u32, BTreeMap<String, Tally>>,
    /// Totals by interface and reason.
    verdicts: BTreeMap<String, BTreeMap<String, Tally>>,
    /// Totals by order.
    orders: BTreeMap<OrderId, Tally>,
    /// Totals by feed; a packet of several orders of a feed counts once.
    feeds: BTreeMap<FeedName, Tally>,
    /// What numbers of rules mean, and their last reading.
    #[serde(default, skip_serializing_if = "RuleSlots::is_empty")]
    rule_slots: RuleSlots,
    /// Totals by rule in force.
    #[serde(default, skip_serializing_if = "RuleTotals::is_empty")]
    rules: RuleTotals,
    /// What has come for each host group.
    #[serde(default, skip_serializing_if = "GroupCounts::is_empty")]
    groups: GroupCounts,
    /// Sets of maps that not every interface may have left yet; no more than are pinned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left: Vec<Reading>,
    /// How often the totals have changed since this was made or read.
    #[serde(skip)]
    revision: u64,
}

/// A ledger that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no ledger.
    #[error("{} is damaged: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] durable::DurableError),
    /// There are too many interfaces.
    #[error(
        "more than {INTERFACES_MAX} interfaces have been filtered here; `filter-ctl detach --all` with the service stopped, then remove ledger.json from the state directory, which forgets those that are gone and all totals"
    )]
    Interfaces,
}

const VERSION: u32 = 1;

impl Ledger {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self {
            version: VERSION,
            ..Self::default()
        }
    }

    /// Reads the ledger below the state directory, if there is one.
    pub fn load(state_dir: &Path) -> Result<Option<Self>, LedgerError> {
        let path = state_dir.join(FILE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(source) => return Err(LedgerError::Read { path, source }),
        };
        let ledger: Self =
            serde_json::from_slice(&bytes).map_err(|error| LedgerError::Damaged {
                path: path.clone(),
                what: error.to_string(),
            })?;
        if ledger.version != VERSION {
            let what = format!("its version is {}, expected {VERSION}", ledger.version);
            return Err(LedgerError::Damaged { path, what });
        }
        Ok(Some(ledger))
    }

    /// Writes it, atomically and durably.
    pub fn save(&self, state_dir: &Path) -> Result<(), LedgerError> {
        let path = state_dir.join(FILE);
        let bytes = serde_json::to_vec(self).map_err(|error| LedgerError::Damaged {
            path: path.clone(),
            what: error.to_string(),
        })?;
        durable::write_atomic(&path, &bytes)?;
        Ok(())
    }

    /// Notes an interface's settings under its number, a new one if it has none.
    pub fn interface(
        &mut self,
        name: &str,
        settings: impl FnOnce(u32) -> KnownInterface,
    ) -> Result<(), LedgerError> {
        let number = match self.interfaces.get(name) {
            Some(known) => known.number,
            None if self.interfaces.len() >= INTERFACES_MAX => return Err(LedgerError::Interfaces),
            None => u32::try_from(self.interfaces.len()).map_err(|_| LedgerError::Interfaces)?,
        };
        self.interfaces.insert(name.to_owned(), settings(number));
        Ok(())
    }

    /// Every interface that was ever filtered, by name.
    #[must_use]
    pub const fn interfaces(&self) -> &BTreeMap<String, KnownInterface> {
        &self.interfaces
    }

    /// What slots mean.
    #[must_use]
    pub const fn slots(&self) -> &SlotLedger {
        &self.slots
    }

    /// What slots mean, to adopt those of a generation to come.
    pub const fn slots_mut(&mut self) -> &mut SlotLedger {
        &mut self.slots
    }

    /// The highest generation that was ever published.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Notes a generation, so that its number is never given again.
    pub fn note_generation(&mut self, generation: u64) {
        self.generation = self.generation.max(generation);
    }

    /// Makes a ledger for maps whose ledger was lost.
    ///
    /// Interface numbers are written in the maps too, so their counters count again from zero, which
    /// restores the totals since the maps were made. What the slots meant is lost: they count from
    /// where they are.
    pub fn recover(maps: &Stable) -> Result<Self, KernelError> {
        let mut reading = Reading {
            instance: maps.nonce(),
            ..Reading::default()
        };
        reading.skip_slots(maps, Slot::try_from(SLOTS_MAX).unwrap_or(Slot::MAX))?;
        let mut ledger = Self {
            generation: maps.generation().unwrap_or_default(),
            ..Self::new()
        };
        for (number, name) in maps.interfaces()? {
            ledger.interfaces.insert(name, KnownInterface::new(number));
        }
        ledger.put_current(reading);
        Ok(ledger)
    }

    /// Says which set of maps is in use, and which are being left. Of each it remembers what was read of
    /// it and what its slots meant then; others are forgotten.
    ///
    /// Maps that it does not know of were published from this ledger, and have not been read yet.
    pub fn work_with(&mut self, current: u64, left: &[u64]) {
        let now = self.take_current();
        // What a new table is compiled for is the newest meaning.
        let slots = now.slots.clone();
        let rules = now.rules.unread();
        let mut known = mem::take(&mut self.left);
        known.push(now);
        let mut reading_of = |instance| {
            let index = known.iter().position(|one| one.instance == instance);
            index.map_or_else(
                || Reading {
                    instance,
                    slots: slots.clone(),
                    rules: rules.clone(),
                    ..Reading::default()
                },
                |index| known.swap_remove(index),
            )
        };
        let reading = reading_of(current);
        self.left = left.iter().map(|one| reading_of(*one)).collect();
        self.put_current(reading);
    }

    /// Adds to the totals what the counters have gained since they were last read.
    pub fn absorb(&mut self, maps: &Stable) -> Result<(), KernelError> {
        let left = self.left.iter();
        let index = left.clone().position(|one| one.instance == maps.nonce());
        if let Some(index) = index {
            let gains = self.left[index].read(maps, &self.interfaces)?;
            self.add(gains);
            return Ok(());
        }
        if self.instance != maps.nonce() {
            let left: Vec<u64> = left.map(|one| one.instance).collect();
            self.work_with(maps.nonce(), &left);
        }
        let mut reading = self.take_current();
        let gains = reading.read(maps, &self.interfaces);
        self.put_current(reading);
        self.add(gains?);
        Ok(())
    }

    fn add(&mut self, gains: Gains) {
        // One that has seen no packet is shown as well.
        for name in self.interfaces.keys() {
            if !self.verdicts.contains_key(name) {
                self.verdicts.insert(name.clone(), BTreeMap::new());
                self.revision += 1;
            }
        }
        let gained_any = |(_, _, gained): &(_, _, Tally)| !gained.is_zero();
        self.revision += u64::from(gains.verdicts.iter().any(gained_any));
        self.revision += u64::from(self.rules.add(gains.rules));
        for (name, key, gained) in gains.verdicts {
            let totals = self.verdicts.entry(name).or_default();
            totals.entry(key).or_default().add(gained);
        }
        for (order, gained) in gains.orders {
            self.orders.entry(order).or_default().add(gained);
        }
        for (feed, gained) in gains.feeds {
            self.feeds.entry(feed).or_default().add(gained);
        }
    }

    fn take_current(&mut self) -> Reading {
        Reading {
            instance: self.instance,
            slots: mem::take(&mut self.slots),
            seen_slots: mem::take(&mut self.seen_slots),
            seen_verdicts: mem::take(&mut self.seen_verdicts),
            rules: mem::take(&mut self.rule_slots),
        }
    }

    fn put_current(&mut self, reading: Reading) {
        let Reading {
            instance,
            slots,
            seen_slots,
            seen_verdicts,
            rules,
        } = reading;
        self.instance = instance;
        self.slots = slots;
        self.seen_slots = seen_slots;
        self.seen_verdicts = seen_verdicts;
        self.rule_slots = rules;
    }

    /// Gives slots free that no generation in force uses. Their counters must have been absorbed after
    /// the last program that could charge them had ended.
    ///
    /// Their readings are kept: the counters go on from there for whoever gets the slot next.
    pub fn retire(&mut self, unused: &[Slot]) {
        self.slots.retire(unused);
        let in_force: BTreeSet<&OrderId> = self
            .slots
            .iter()
            .flat_map(|(_, orders)| orders.iter())
            .collect();
        let mut past: Vec<(u64, OrderId)> = self
            .orders
            .iter()
            .filter(|(id, _)| !in_force.contains(id))
            .map(|(id, tally)| (tally.packets, id.clone()))
            .collect();
        if past.len() > PAST_ORDERS_MAX {
            self.revision += 1;
            past.sort_unstable();
            let surplus = past.len() - PAST_ORDERS_MAX;
            for (_, id) in past.into_iter().take(surplus) {
                self.orders.remove(&id);
            }
        }
    }

    /// What numbers of rules mean.
    #[must_use]
    pub const fn rule_slots(&self) -> &RuleSlots {
        &self.rule_slots
    }

    /// What numbers of rules mean, to adopt those of a generation to come.
    pub const fn rule_slots_mut(&mut self) -> &mut RuleSlots {
        &mut self.rule_slots
    }

    /// Forgets all rules but these, under the conditions of [`Ledger::retire`].
    pub fn keep_rules(&mut self, rules: &[TrafficRule]) {
        let names = || rules.iter().map(|rule| rule.id.as_str());
        self.rule_slots.keep(names());
        self.revision += u64::from(self.rules.keep(names()));
    }

    /// Totals by rule in force.
    #[must_use]
    pub const fn rules(&self) -> &RuleTotals {
        &self.rules
    }

    /// What has come for each host group.
    #[must_use]
    pub const fn groups(&self) -> &GroupCounts {
        &self.groups
    }

    /// What has come for each host group, to add to it.
    pub const fn groups_mut(&mut self) -> &mut GroupCounts {
        &mut self.groups
    }

    /// A number that is another one after every change of the totals.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Totals by interface and reason.
    #[must_use]
    pub const fn verdicts(&self) -> &BTreeMap<String, BTreeMap<String, Tally>> {
        &self.verdicts
    }

    /// Totals by order.
    #[must_use]
    pub const fn orders(&self) -> &BTreeMap<OrderId, Tally> {
        &self.orders
    }

    /// Totals by feed.
    #[must_use]
    pub const fn feeds(&self) -> &BTreeMap<FeedName, Tally> {
        &self.feeds
    }
}

/// What stands behind the name of a policy in the key of what it dropped.
const DROPPED: &str = "/drop";

/// The key of a verdict in the totals: the name of the reason, and for what a policy dropped, which can
/// pass as well, that it did.
#[must_use]
pub fn verdict_key(reason: Reason, action: Action) -> String {
    match action {
        Action::Drop if reason.can_pass() => format!("{}{DROPPED}", reason.name()),
        Action::Drop | Action::Pass => reason.name().to_owned(),
    }
}

/// The reason's name and the action in a key of [`verdict_key`].
#[must_use]
pub fn verdict_of(key: &str) -> (&str, Action) {
    match key.strip_suffix(DROPPED) {
        Some(name) => (name, Action::Drop),
        None if Reason::named(key).is_some_and(|reason| !reason.can_pass()) => (key, Action::Drop),
        None => (key, Action::Pass),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::rules::RuleTally;

    #[test]
    fn a_rule_whose_totals_are_forgotten_changes_the_revision() {
        let mut ledger = Ledger::default();
        let gained = RuleTally {
            matched_packets: 1,
            ..RuleTally::default()
        };
        ledger.rules.add(vec![("gone".to_owned(), gained)]);
        let before = ledger.revision();
        ledger.keep_rules(&[]);
        assert_ne!(ledger.revision(), before, "what is shown goes by it");
        let after = ledger.revision();
        ledger.keep_rules(&[]);
        assert_eq!(ledger.revision(), after, "nothing was forgotten");
    }
}
