//! Runs of clauses, each stored once.
//!
//! A cell is known by the number of its first clause, from 1, as in a row; 0 is the cell in which
//! nothing is listed. Its last clause has [`ClauseFlags::LAST`].

use std::collections::HashMap;

use filter_common::{limits::CLAUSES_PER_CELL_MAX, table::ClauseFlags};

use super::{
    CapacityError, Part,
    condition::Condition,
    interval::{Interval, Prefix},
    listed::{Listed, SECONDS_PER_HOUR, Want},
    sets::Sets,
};
use crate::{
    order::OrderId,
    policy::{Rule, RuleSet},
    table::TimedClause,
};

/// An answer of [`Cells::inside`] for a single rule without ports: what was around, the rule, the cell.
#[derive(Clone, Copy)]
struct Answer {
    around: u32,
    listed: Listed,
    cell: u32,
}

/// Answers remembered: most hosts are listed alone, by one of a few orders.
const ANSWERS: usize = 1 << 12;

/// Where an answer is remembered, if it is.
fn answer_index(around: u32, listed: &Listed) -> usize {
    let kind = u64::from(listed.flags) << 8 | u64::from(listed.protocol);
    let order = u64::from(around) << 32 | u64::from(listed.order);
    let mixed =
        (order ^ (kind << 48 | u64::from(listed.hours) << 20)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::from((mixed >> 48) as u16) % ANSWERS
}

/// All cells of a table in the making. The slots of its clauses are indexes of sets.
pub(super) struct Cells<'a> {
    rules: &'a [Rule],
    /// The orders, sorted; an order's rank is its place in it.
    orders: Vec<&'a OrderId>,
    /// The rank of each order of the rule set.
    ranks: Vec<u32>,
    sets: Sets,
    clauses: Vec<TimedClause>,
    clauses_max: usize,
    numbers: HashMap<Box<[TimedClause]>, u32>,
    overflowed: Vec<usize>,
    answers: Vec<Option<Answer>>,
    // Scratch space, to spare an allocation per prefix.
    wants: Vec<Want>,
    run: Vec<TimedClause>,
    members: Vec<u32>,
}

impl<'a> Cells<'a> {
    pub(super) fn new(rules: &'a RuleSet, clauses_max: usize) -> Self {
        let mut orders: Vec<_> = rules.orders.iter().map(|order| &order.id).collect();
        orders.sort_unstable();
        orders.dedup();
        let rank = |id: &OrderId| orders.partition_point(|order| *order < id);
        let ranks = rules.orders.iter().map(|order| number(rank(&order.id)));
        Self {
            rules: &rules.rules,
            ranks: ranks.collect(),
            orders,
            sets: Sets::default(),
            clauses: Vec::new(),
            clauses_max,
            numbers: HashMap::new(),
            overflowed: Vec::new(),
            answers: vec![None; ANSWERS],
            wants: Vec::new(),
            run: Vec::new(),
            members: Vec::new(),
        }
    }

    /// The prefixes of one family, sorted for the sweep.
    pub(super) fn listed<R: Interval>(&self) -> Vec<Prefix<R::Start, Listed>> {
        let mut prefixes = Vec::with_capacity(self.rules.len());
        for (index, rule) in self.rules.iter().enumerate() {
            let order = self.ranks[rule.order as usize];
            let listed = Listed::new(rule, number(index), order);
            prefixes.extend(R::prefix(&rule.net, listed));
        }
        prefixes.sort_unstable_by_key(R::order);
        prefixes
    }

    /// The cell inside a prefix, where `around` is the cell around it and `group` are its rules.
    pub(super) fn inside<S>(
        &mut self,
        around: u32,
        group: &[Prefix<S, Listed>],
    ) -> Result<u32, CapacityError> {
        let only = match group {
            [Prefix { what, .. }] if !what.has_ports() => Some(Listed { rule: 0, ..*what }),
            _ => None,
        };
        let answer = only.map(|listed| (listed, answer_index(around, &listed)));
        if let Some((only, index)) = answer
            && let Some(Answer {
                around: outer,
                listed,
                cell,
            }) = self.answers[index]
            && (outer, listed) == (around, only)
        {
            return Ok(cell);
        }
        self.wants.clear();
        for Prefix { what, .. } in group {
            what.push_wants(&mut self.wants, self.rules);
        }
        self.arrange();
        let refused = self.overflowed.len();
        if !self.fits(around) {
            self.refuse(around, group);
            self.arrange();
        }
        self.compose(around);
        let cell = if self.run.is_empty() {
            around
        } else {
            self.intern()?
        };
        if let Some((listed, index)) = answer
            && refused == self.overflowed.len()
        {
            self.answers[index] = Some(Answer {
                around,
                listed,
                cell,
            });
        }
        Ok(cell)
    }

    /// Sorts what is wanted, and of the same wanted twice by one order keeps what holds longer.
    fn arrange(&mut self) {
        if self.wants.len() < 2 {
            return;
        }
        self.wants.sort_unstable_by(|a, b| {
            let same = a.condition.order(b.condition).then(a.order.cmp(&b.order));
            same.then(b.hours.cmp(&a.hours))
        });
        self.wants.dedup_by_key(|want| (want.condition, want.order));
        self.wants.sort_unstable_by(|a, b| {
            let step = a.condition.order(b.condition).then(a.hours.cmp(&b.hours));
            step.then(a.order.cmp(&b.order))
        });
    }

    /// Whether what is wanted makes no cell that is too long.
    fn fits(&self, around: u32) -> bool {
        let steps = self.wants.chunk_by(|a, b| a.step() == b.step()).count();
        if steps > CLAUSES_PER_CELL_MAX {
            return false;
        }
        if around == 0 {
            return true;
        }
        let kept = self.run_of(around).filter(|clause| {
            let hides = |want: &Want| hides(want.condition, want.hours, clause);
            !self.wants.iter().any(hides)
        });
        steps + kept.count() <= CLAUSES_PER_CELL_MAX
    }

    /// Takes as many rules of a prefix as make no cell that is too long: enforced before monitored, then
    /// those first that block most for longest. What remains is refused.
    fn refuse<S>(&mut self, around: u32, group: &[Prefix<S, Listed>]) {
        let rules = self.rules;
        let mut listed: Vec<&Listed> = group.iter().map(|prefix| &prefix.what).collect();
        listed.sort_unstable_by(|a, b| {
            let condition = |listed: &Listed| {
                let ports = &*rules[listed.rule as usize].ports;
                match ports.first() {
                    Some(ports) => listed.condition().with_ports(*ports),
                    None => listed.condition(),
                }
            };
            let by_mode = b.condition().enforces().cmp(&a.condition().enforces());
            by_mode
                .then_with(|| condition(b).order(condition(a)))
                .then(b.hours.cmp(&a.hours))
                .then(a.order.cmp(&b.order))
                .then_with(|| {
                    let (a, b) = (&rules[a.rule as usize], &rules[b.rule as usize]);
                    a.ports.cmp(&b.ports).then(a.entry.cmp(&b.entry))
                })
        });
        let mut kept: Vec<TimedClause> = self.run_of(around).copied().collect();
        let mut steps: Vec<(Condition, u32)> = Vec::new();
        let mut wants = Vec::new();
        self.wants.clear();
        for listed in listed {
            wants.clear();
            listed.push_wants(&mut wants, rules);
            let before = steps.len();
            for want in &wants {
                if steps.len() <= CLAUSES_PER_CELL_MAX && !steps.contains(&want.step()) {
                    steps.push(want.step());
                }
            }
            let hidden = |clause: &TimedClause| {
                let mut new = steps[before..].iter();
                new.any(|&(condition, hours)| hides(condition, hours, clause))
            };
            let remaining = kept.iter().filter(|clause| !hidden(clause)).count();
            if steps.len() + remaining <= CLAUSES_PER_CELL_MAX {
                kept.retain(|clause| !hidden(clause));
                self.wants.append(&mut wants);
            } else {
                steps.truncate(before);
                self.overflowed.push(listed.rule as usize);
            }
        }
    }

    /// Makes the run: what is wanted, then what is around it unless that can never be reached.
    fn compose(&mut self, around: u32) {
        self.run.clear();
        let Self { sets, members, .. } = self;
        for same in self.wants.chunk_by(|a, b| a.condition == b.condition) {
            let mut rest = same;
            while let Some(&Want {
                condition, hours, ..
            }) = rest.first()
            {
                let step = rest.iter().take_while(|want| want.hours == hours).count();
                // The first clause that drops is the only one charged, so it names all orders that
                // hold as long as it does. Monitored clauses are all told: each order is in one.
                let charged = if condition.enforces() {
                    rest
                } else {
                    &rest[..step]
                };
                members.clear();
                members.extend(charged.iter().map(|want| want.order));
                members.sort_unstable();
                self.run.push(TimedClause {
                    slot: sets.number(members),
                    until: i64::from(hours) * SECONDS_PER_HOUR,
                    ports: condition.ports,
                    protocol: condition.protocol,
                    flags: condition.flags,
                });
                rest = &rest[step..];
            }
        }
        let own = self.run.len();
        if around == 0 || own == 0 {
            return;
        }
        for index in around as usize - 1.. {
            let clause = self.clauses[index];
            let hides = |want: &Want| hides(want.condition, want.hours, &clause);
            if !self.wants.iter().any(hides) {
                self.run.push(TimedClause {
                    flags: clause.flags & !ClauseFlags::LAST,
                    ..clause
                });
            }
            if clause.flags & ClauseFlags::LAST != 0 {
                break;
            }
        }
    }

    /// The number of the run that was made, which is not empty.
    fn intern(&mut self) -> Result<u32, CapacityError> {
        if let Some(last) = self.run.last_mut() {
            last.flags |= ClauseFlags::LAST;
        }
        if let Some(&cell) = self.numbers.get(&*self.run) {
            return Ok(cell);
        }
        let cell = number(self.clauses.len() + 1);
        Part::Clauses.check(self.clauses.len() + self.run.len(), self.clauses_max)?;
        self.clauses.extend_from_slice(&self.run);
        self.numbers.insert(self.run.as_slice().into(), cell);
        Ok(cell)
    }

    /// The clauses of a cell.
    fn run_of(&self, cell: u32) -> impl Iterator<Item = &TimedClause> {
        let from = match cell {
            0 => self.clauses.len(),
            cell => cell as usize - 1,
        };
        let mut ended = false;
        self.clauses[from..].iter().take_while(move |clause| {
            let within = !ended;
            ended = clause.flags & ClauseFlags::LAST != 0;
            within
        })
    }

    /// The clauses, the sets of orders that their slots are indexes of, and the rules refused.
    pub(super) fn finish(self) -> (Vec<TimedClause>, Vec<Vec<OrderId>>, Vec<usize>) {
        let id = |&rank: &u32| self.orders[rank as usize].clone();
        let sets = self.sets.members.iter();
        let sets = sets.map(|set| set.iter().map(id).collect()).collect();
        let mut overflowed = self.overflowed;
        overflowed.sort_unstable();
        (self.clauses, sets, overflowed)
    }
}

/// Whether a clause that comes later can never be reached behind such a condition.
fn hides(condition: Condition, hours: u32, later: &TimedClause) -> bool {
    let later_condition = Condition {
        flags: later.flags,
        protocol: later.protocol,
        ports: later.ports,
    };
    condition.enforces()
        && i64::from(hours) * SECONDS_PER_HOUR >= later.until
        && condition.contains(later_condition)
}

/// An index as it is stored; all of them count things in memory of more than 16 bytes each, or are
/// bounded by limits far below.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
