//! From lines to the summary.

use std::collections::{BTreeMap, HashMap};

use super::{
    scene::Scene,
    wire::{KernelSummary, Outcome, Summary},
};
use crate::{http::wire::Refusal, table::Slot};

/// Differences that the summary lists by number; it counts all of them.
const LISTED_MAX: usize = 100;

/// What became of the packets so far. Its size is bounded by the reasons and the orders there are.
#[derive(Debug, Default)]
pub(super) struct Tally {
    dropped: u64,
    passed: u64,
    undecided: u64,
    would_drop: u64,
    reasons: BTreeMap<&'static str, u64>,
    slots: HashMap<Slot, u64>,
    rules: HashMap<Slot, u64>,
    kernel: Option<KernelSummary>,
}

impl Tally {
    /// Nothing yet; with the program's part, if it runs.
    pub(super) fn new(with_kernel: bool) -> Self {
        Self {
            kernel: with_kernel.then(KernelSummary::default),
            ..Self::default()
        }
    }

    /// Adds a packet.
    pub(super) fn add(
        &mut self,
        outcome: Outcome,
        reason: &'static str,
        [slot, rule]: [Option<Slot>; 2],
        would_drop: bool,
    ) {
        match outcome {
            Outcome::Drop => self.dropped += 1,
            Outcome::Pass => self.passed += 1,
            Outcome::Undecided => self.undecided += 1,
        }
        *self.reasons.entry(reason).or_default() += 1;
        if let Some(slot) = slot {
            *self.slots.entry(slot).or_default() += 1;
        }
        if let Some(rule) = rule {
            *self.rules.entry(rule).or_default() += 1;
        }
        self.would_drop += u64::from(would_drop);
    }

    /// Adds a packet that both have judged.
    pub(super) fn compare(&mut self, number: u64, is_different: bool) {
        if let Some(kernel) = &mut self.kernel {
            kernel.compared += 1;
            if is_different {
                kernel.differences += 1;
                if kernel.different.len() < LISTED_MAX {
                    kernel.different.push(number);
                }
            }
        }
    }

    /// Adds a packet that the kernel does not run.
    pub(super) fn skip(&mut self) {
        if let Some(kernel) = &mut self.kernel {
            kernel.not_run += 1;
        }
    }

    /// The summary, with why it is not of the whole capture.
    pub(super) fn summary(self, scene: &Scene, error: Option<Refusal>) -> Summary {
        let mut by_order = BTreeMap::new();
        for (slot, packets) in &self.slots {
            for order in scene.orders(*slot) {
                *by_order.entry(order.clone()).or_default() += packets;
            }
        }
        Summary {
            packets: self.dropped + self.passed + self.undecided,
            dropped: self.dropped,
            passed: self.passed,
            undecided: self.undecided,
            by_reason: self.reasons,
            by_order,
            by_rule: self
                .rules
                .iter()
                .filter_map(|(slot, packets)| Some((scene.rule(*slot)?.to_owned(), *packets)))
                .collect(),
            would_drop: self.would_drop,
            interface: scene.interface_name.clone(),
            at: scene.at,
            kernel: self.kernel,
            error,
        }
    }
}
