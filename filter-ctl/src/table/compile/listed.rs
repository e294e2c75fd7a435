//! What a cell needs to know of a rule, in few bytes, because there are many.

use filter_common::table::ClauseFlags;
use jiff::Timestamp;

use super::condition::Condition;
use crate::policy::Rule;

pub(super) const SECONDS_PER_HOUR: i64 = 3_600;

/// A rule, its prefix aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// Those of the condition; with the one for ports, the rule knows which.
    pub(super) flags: u8,
    pub(super) protocol: u8,
    /// `until`, rounded up, in hours of Unix time.
    pub(super) hours: u32,
    /// The rank of its order.
    pub(super) order: u32,
    /// Its index in the rule set.
    pub(super) rule: u32,
}

impl Listed {
    /// The rule with this index, of the order with this rank.
    pub(super) fn new(rule: &Rule, index: u32, order: u32) -> Self {
        let Condition {
            flags, protocol, ..
        } = Condition::without_ports(rule);
        let ports = if rule.ports.is_empty() {
            0
        } else {
            ClauseFlags::PORTS
        };
        Self {
            flags: flags | ports,
            protocol,
            hours: hours(rule.until),
            order,
            rule: index,
        }
    }

    /// The condition, its ports aside.
    pub(super) fn condition(&self) -> Condition {
        Condition {
            flags: self.flags & !ClauseFlags::PORTS,
            protocol: self.protocol,
            ports: [0, 0],
        }
    }

    pub(super) fn has_ports(&self) -> bool {
        self.flags & ClauseFlags::PORTS != 0
    }

    /// What the rule wants, `rules` being those it is of: its condition, once per range of ports.
    pub(super) fn push_wants(&self, wants: &mut Vec<Want>, rules: &[Rule]) {
        let want = |condition| Want {
            condition,
            hours: self.hours,
            order: self.order,
        };
        let condition = self.condition();
        if self.has_ports() {
            let ranges = rules[self.rule as usize].ports.iter();
            wants.extend(ranges.map(|range| want(condition.with_ports(*range))));
        } else {
            wants.push(want(condition));
        }
    }
}

/// One condition of one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) condition: Condition,
    pub(super) hours: u32,
    pub(super) order: u32,
}

impl Want {
    /// What is one clause, however many orders want it.
    pub(super) fn step(&self) -> (Condition, u32) {
        (self.condition, self.hours)
    }
}

/// The whole hour at which a rule ends, or the next.
fn hours(until: Timestamp) -> u32 {
    let seconds = until.as_second() + i64::from(until.subsec_nanosecond() > 0);
    let hours = seconds.div_euclid(SECONDS_PER_HOUR) + i64::from(seconds % SECONDS_PER_HOUR != 0);
    // jiff's times end with the year 9999; before 1970 all have ended alike.
    u32::try_from(hours.max(0)).unwrap_or(u32::MAX)
}
