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
};
use crate::{
    order::OrderId,
    policy::{Rule, RuleSet},
    table::TimedClause,
};

const SECONDS_PER_HOUR: i64 = 3_600;

/// What a cell needs to know of a rule, in few bytes, because there are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// Without the ports: those are looked up if `ports` says so.
    condition: Condition,
    ports: bool,
    /// `until`, rounded up, in hours of Unix time.
    hours: u32,
    /// The rank of its order.
    order: u32,
    /// Its index in the rule set.
    rule: u32,
}

/// One condition of one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Want {
    condition: Condition,
    hours: u32,
    order: u32,
}

impl Want {
    fn step(&self) -> (Condition, u32) {
        (self.condition, self.hours)
    }
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
    /// The answer before, for neighbours of one order: what is around, the rule, and the cell.
    latest: Option<(u32, Listed, u32)>,
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
            latest: None,
            wants: Vec::new(),
            run: Vec::new(),
            members: Vec::new(),
        }
    }

    /// The prefixes of one family, sorted for the sweep.
    pub(super) fn listed<R: Interval>(&self) -> Vec<Prefix<R::Start, Listed>> {
        let listed = |(index, rule): (usize, &Rule)| Listed {
            condition: Condition::without_ports(rule),
            ports: !rule.ports.is_empty(),
            hours: hours(rule.until),
            order: self.ranks[rule.order as usize],
            rule: number(index),
        };
        let rules = self.rules.iter().enumerate();
        let mut prefixes: Vec<_> = rules
            .filter_map(|(index, rule)| {
                let prefix = R::prefix(&rule.net, ())?;
                Some(prefix.with(listed((index, rule))))
            })
            .collect();
        prefixes.sort_unstable_by_key(|prefix| (prefix.start, prefix.length));
        prefixes
    }

    /// The cell inside a prefix, where `around` is the cell around it and `group` are its rules.
    pub(super) fn inside<S>(
        &mut self,
        around: u32,
        group: &[Prefix<S, Listed>],
    ) -> Result<u32, CapacityError> {
        let only = match group {
            [Prefix { what, .. }] if !what.ports => Some(Listed { rule: 0, ..*what }),
            _ => None,
        };
        if let (Some((outer, listed, cell)), Some(only)) = (self.latest, only)
            && (outer, listed) == (around, only)
        {
            return Ok(cell);
        }
        self.wants.clear();
        for Prefix { what, .. } in group {
            push_wants(&mut self.wants, self.rules, what);
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
        if let Some(only) = only
            && refused == self.overflowed.len()
        {
            self.latest = Some((around, only, cell));
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
                match ports.first().filter(|_| listed.ports) {
                    Some(ports) => listed.condition.with_ports(*ports),
                    None => listed.condition,
                }
            };
            let by_mode = b.condition.enforces().cmp(&a.condition.enforces());
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
            push_wants(&mut wants, rules, listed);
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

/// What a rule wants: its condition, once per range of ports.
fn push_wants(wants: &mut Vec<Want>, rules: &[Rule], listed: &Listed) {
    let Listed {
        condition,
        ports,
        hours,
        order,
        rule,
    } = *listed;
    let want = |condition| Want {
        condition,
        hours,
        order,
    };
    if ports {
        let ranges = rules[rule as usize].ports.iter();
        wants.extend(ranges.map(|range| want(condition.with_ports(*range))));
    } else {
        wants.push(want(condition));
    }
}

/// The whole hour at which a rule ends, or the next.
fn hours(until: jiff::Timestamp) -> u32 {
    let seconds = until.as_second() + i64::from(until.subsec_nanosecond() > 0);
    let hours = seconds.div_euclid(SECONDS_PER_HOUR) + i64::from(seconds % SECONDS_PER_HOUR != 0);
    // jiff's times end with the year 9999; before 1970 all have ended alike.
    u32::try_from(hours.max(0)).unwrap_or(u32::MAX)
}

/// An index as it is stored; all of them count things in memory of more than 16 bytes each, or are
/// bounded by limits far below.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Sets of orders, by rank, each stored once.
#[derive(Default)]
struct Sets {
    members: Vec<Box<[u32]>>,
    numbers: HashMap<Box<[u32]>, u32>,
}

impl Sets {
    fn number(&mut self, set: &[u32]) -> u32 {
        if let Some(&number) = self.numbers.get(set) {
            return number;
        }
        let new = number(self.members.len());
        self.members.push(set.into());
        self.numbers.insert(set.into(), new);
        new
    }
}
