//! The rules of all lists, sorted for the sweep.
//!
//! Each list is sorted already, so they are merged as they are read, and nothing is made for each rule.
//! What rules ask for is worked out once for each of the terms that their lists have.

use std::{cmp::Reverse, collections::BinaryHeap};

use jiff::Timestamp;

use super::{
    condition::Condition,
    interval::{Interval, Prefix, Row4, Row6},
    number,
    sweep::Groups,
};
use crate::{
    order::{Entries, PortRange, Terms, entries::Record},
    policy::{RuleList, RuleRef},
};

pub(super) const SECONDS_PER_HOUR: i64 = 3_600;

/// What rules with the same terms ask for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind<'a> {
    /// The condition, its ports aside.
    pub(super) condition: Condition,
    pub(super) ports: &'a [PortRange],
    /// `until`, rounded up, in hours of Unix time.
    pub(super) hours: u32,
    /// The rank of the order.
    pub(super) order: u32,
}

impl<'a> Kind<'a> {
    pub(super) fn new(terms: &'a Terms, monitor: bool, order: u32) -> Self {
        Self {
            condition: Condition::without_ports(terms, monitor),
            ports: &terms.ports,
            hours: hours(terms.until),
            order,
        }
    }

    /// What it wants: its condition, once per range of ports.
    pub(super) fn push_wants(&self, wants: &mut Vec<Want>) {
        let want = |condition| Want {
            condition,
            hours: self.hours,
            order: self.order,
        };
        if self.ports.is_empty() {
            wants.push(want(self.condition));
        } else {
            let ranges = self.ports.iter();
            wants.extend(ranges.map(|range| want(self.condition.with_ports(*range))));
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

/// A rule, its prefix aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// The index of its kind.
    pub(super) kind: u32,
    pub(super) rule: RuleRef,
}

/// A family of which lists have records.
pub(super) trait Family: Interval {
    /// The records of the family, and the position of the first.
    fn records(entries: &Entries) -> (&[Record<Self::Start>], u32);
}

impl Family for Row4 {
    fn records(entries: &Entries) -> (&[Record<u32>], u32) {
        (entries.v4(), 0)
    }
}

impl Family for Row6 {
    fn records(entries: &Entries) -> (&[Record<u128>], u32) {
        (entries.v6(), number(entries.v4().len()))
    }
}

/// What is left to read of one list.
struct Source<'a, S> {
    list: &'a RuleList,
    /// The index of the kind of its first terms.
    first_kind: u32,
    records: &'a [Record<S>],
    position: u32,
}

impl<S: Copy + Ord> Source<'_, S> {
    /// What sorts the next rule; passes over what is not in force.
    #[inline]
    fn order(&mut self) -> Option<(S, u8)> {
        while let Some((record, rest)) = self.records.split_first() {
            if self.list.holds(self.position) {
                return Some((record.start, record.length));
            }
            self.records = rest;
            self.position += 1;
        }
        None
    }
}

/// The rules of all lists by prefix, those of one prefix in the order of the lists.
pub(super) struct Merged<'a, S> {
    sources: Vec<Source<'a, S>>,
    /// The source that is being read, and the others that are not at their end.
    current: Option<(S, u8, u32)>,
    others: BinaryHeap<Reverse<(S, u8, u32)>>,
}

impl<'a, S: Copy + Ord> Merged<'a, S> {
    /// Of `lists`, with the index of the kind of the first terms of each.
    pub(super) fn new<R: Family<Start = S>>(lists: &'a [RuleList], first_kinds: &[u32]) -> Self {
        let sources = std::iter::zip(lists, first_kinds).map(|(list, first_kind)| {
            let (records, position) = R::records(list.entries());
            Source {
                list,
                first_kind: *first_kind,
                records,
                position,
            }
        });
        let mut sources: Vec<_> = sources.collect();
        let heads = (0..).zip(&mut sources).filter_map(|(index, source)| {
            let (start, length) = source.order()?;
            Some(Reverse((start, length, index)))
        });
        let mut others: BinaryHeap<_> = heads.collect();
        let current = others.pop().map(|Reverse(head)| head);
        Self {
            sources,
            current,
            others,
        }
    }
}

impl<S: Copy + Ord> Groups<S, Listed> for Merged<'_, S> {
    fn most(&self) -> usize {
        let left = self.sources.iter().map(|source| source.records.len());
        left.sum()
    }

    fn next_group(&mut self, group: &mut Vec<Prefix<S, Listed>>) {
        group.clear();
        let Some((start, length, _)) = self.current else {
            return;
        };
        while let Some((next_start, next_length, index)) = self.current
            && next_start == start
            && next_length == length
        {
            let source = &mut self.sources[index as usize];
            let Some((record, rest)) = source.records.split_first() else {
                return;
            };
            let rule = RuleRef {
                list: index,
                position: source.position,
            };
            group.push(Prefix {
                start,
                length,
                what: Listed {
                    kind: source.first_kind + record.terms,
                    rule,
                },
            });
            source.records = rest;
            source.position += 1;
            self.current = source.order().map(|(start, length)| (start, length, index));
            // A list much longer than the others is read without moving anything, up to where another goes on.
            if let Some(Reverse(other)) = self.others.peek()
                && self.current.is_none_or(|current| *other < current)
            {
                let other = self.others.pop();
                self.others.extend(self.current.map(Reverse));
                self.current = other.map(|Reverse(head)| head);
            }
        }
    }
}
