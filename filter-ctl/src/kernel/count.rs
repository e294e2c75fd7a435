//! Reads the counters: the sum over all CPUs.

use filter_common::{
    counters::{Counter, RuleCounter, verdict_index},
    verdict::{Action, Reason},
};

use super::{KernelError, instance::Instance, stable::Stable};

/// A per-CPU counter as the map holds it.
pub(super) type RawCounter = [u64; size_of::<Counter>() / 8];

/// The counter of the packets of one reason with which one thing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Why.
    pub reason: Reason,
    /// What.
    pub action: Action,
    /// How many. What would have been dropped stands with the drops.
    pub counter: Counter,
}

impl Stable {
    /// The counters of an interface: for each reason, in the order of [`Reason::all`], each action that
    /// it can have.
    pub fn verdict_counters(&self, interface: u32) -> Result<Vec<Counted>, KernelError> {
        let actions = |reason: Reason| {
            let pass = reason.can_pass().then_some((reason, Action::Pass));
            let drop = reason.can_drop().then_some((reason, Action::Drop));
            pass.into_iter().chain(drop)
        };
        Reason::all()
            .flat_map(actions)
            .map(|(reason, action)| {
                Ok(Counted {
                    reason,
                    action,
                    counter: self.verdict_counter(interface, reason, action)?,
                })
            })
            .collect()
    }

    /// The counter of the packets of an interface with this reason and this action.
    pub fn verdict_counter(
        &self,
        interface: u32,
        reason: Reason,
        action: Action,
    ) -> Result<Counter, KernelError> {
        let index = verdict_index(interface, reason.number(), action);
        let values = self
            .verdicts
            .get(&index, 0)
            .map_err(|error| KernelError::aya("cannot read VERDICTS", error))?;
        Ok(sum(values.iter()))
    }

    /// The counter of a rule by its slot; `None` in maps of a version that knew no rules.
    pub fn rule_counter(&self, slot: u32) -> Result<Option<RuleCounter>, KernelError> {
        let Some(rules) = &self.rules else {
            return Ok(None);
        };
        let values = rules
            .get(&slot, 0)
            .map_err(|error| KernelError::aya("cannot read RULE_COUNTS", error))?;
        let total = values.iter().fold([0; 4], |total: RawCounter, one| {
            [0, 1, 2, 3].map(|n| total[n] + one[n])
        });
        let [
            matched_packets,
            matched_bytes,
            dropped_packets,
            dropped_bytes,
        ] = total;
        Ok(Some(RuleCounter {
            matched_packets,
            matched_bytes,
            dropped_packets,
            dropped_bytes,
        }))
    }

    /// The counter of a slot.
    pub fn slot_counter(&self, slot: u32) -> Result<Counter, KernelError> {
        let values = self
            .slots
            .get(&slot, 0)
            .map_err(|error| KernelError::aya("cannot read SLOTS", error))?;
        Ok(sum(values.iter()))
    }
}

impl Instance {
    /// See [`Stable::verdict_counters`].
    pub fn verdict_counters(&self, interface: u32) -> Result<Vec<Counted>, KernelError> {
        self.stable().verdict_counters(interface)
    }

    /// See [`Stable::verdict_counter`].
    pub fn verdict_counter(
        &self,
        interface: u32,
        reason: Reason,
        action: Action,
    ) -> Result<Counter, KernelError> {
        self.stable().verdict_counter(interface, reason, action)
    }

    /// See [`Stable::rule_counter`].
    pub fn rule_counter(&self, slot: u32) -> Result<Option<RuleCounter>, KernelError> {
        self.stable().rule_counter(slot)
    }

    /// See [`Stable::slot_counter`].
    pub fn slot_counter(&self, slot: u32) -> Result<Counter, KernelError> {
        self.stable().slot_counter(slot)
    }
}

fn sum<'a>(values: impl Iterator<Item = &'a RawCounter>) -> Counter {
    values.fold(
        Counter::default(),
        |total, [packets, bytes, would_packets, would_bytes]| Counter {
            packets: total.packets + packets,
            bytes: total.bytes + bytes,
            would_packets: total.would_packets + would_packets,
            would_bytes: total.would_bytes + would_bytes,
        },
    )
}
