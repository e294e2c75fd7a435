//! What is said of traffic by what it is and where it goes: rules, as they are compiled.

use filter_common::rule::RuleRecord;

use crate::rule::Matching;

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
