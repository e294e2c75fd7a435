//! What is said of traffic by what it is and where it goes: rules, as they are compiled.

use filter_common::{
    limit::Limit,
    rule::{RuleAction, RuleRecord},
};

use crate::rule::{Action, Matching, Rate, Rule, Unit};

/// A rule in the order of evaluation, with the slot that it is counted under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficRule {
    /// What it is called.
    pub id: String,
    /// Which packets it speaks of.
    pub matching: Matching,
    /// What it does with them.
    pub record: RuleRecord,
}

impl TrafficRule {
    /// A rule that counts under this slot.
    #[must_use]
    pub fn new(rule: &Rule, slot: u32) -> Self {
        let (action, limit) = match rule.action {
            Action::Drop => (RuleAction::Drop, Limit::NONE),
            Action::Pass => (RuleAction::Pass, Limit::NONE),
            Action::Monitor => (RuleAction::Monitor, Limit::NONE),
            Action::Limit(rate) => (RuleAction::Limit, limit(rate)),
        };
        let continues = !rule.terminal && action != RuleAction::Drop;
        Self {
            id: rule.id.as_str().to_owned(),
            matching: rule.matching.clone(),
            record: RuleRecord::new(slot, action, continues, limit),
        }
    }
}

/// The longest frame of a usual link: a burst of fewer bytes would let none of them pass in time.
const FRAME_BYTES: u64 = 1_514;

/// A rate as the data path has it. Where no burst is said, a tenth of a second's may come at once.
#[must_use]
pub fn limit(rate: Rate) -> Limit {
    let burst = rate.burst.unwrap_or(rate.per_second / 10);
    match rate.unit {
        Unit::Packets => Limit::packets(rate.per_second, burst.max(1)),
        Unit::Bits => Limit::bytes(rate.per_second.div_ceil(8), (burst / 8).max(FRAME_BYTES)),
    }
}
