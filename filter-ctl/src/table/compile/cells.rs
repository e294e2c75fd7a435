//! Runs of clauses, each stored once.
//!
//! A cell is known by the number of its first clause, from 1, as in a row; 0 is the cell in which
//! nothing is listed. Its last clause has [`ClauseFlags::LAST`].

use std::collections::HashMap;

use filter_common::{limits::CLAUSES_PER_CELL_MAX, table::ClauseFlags};

use super::{
    CapacityError, Part,
    condition::Condition,
    interval::Prefix,
    listed::{Family, Kind, Listed, Merged, SECONDS_PER_HOUR, Want},
    number,
    sets::Sets,
};
use crate::{
    order::OrderId,
    policy::{RuleList, RuleRef, RuleSet},
    table::TimedClause,
};

/// An answer of [`Cells::inside`] for a few rules: what was around, their kinds, the cell.
#[derive(Clone, Copy)]
struct Answer {
    around: u32,
    kinds: [u32; ANSWER_RULES],
    cell: u32,
}

/// Rules of one prefix, at most, whose answer is remembered.
const ANSWER_RULES: usize = 3;
/// Answers remembered: most prefixes that are listed more than once, or inside others, are so by the same few
/// orders.
const ANSWERS: usize = 1 << 14;
/// In place of a kind where there are fewer rules.
const NO_KIND: u32 = u32::MAX;

/// Where an answer is remembered, if it is.
fn answer_index(around: u32, kinds: [u32; ANSWER_RULES]) -> usize {
    let mixed = kinds.iter().fold(u64::from(around), |mixed, kind| {
        (mixed ^ u64::from(*kind)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    usize::from((mixed >> 48) as u16) % ANSWERS
}

/// All cells of a table in the making. The slots of its clauses are indexes of sets.
pub(super) struct Cells<'a> {
    lists: &'a [RuleList],
    /// What the rules of all lists ask for, list by list.
    kinds: Vec<Kind<'a>>,
    /// The index of the first kind of each list.
    first_kinds: Vec<u32>,
    /// For each kind the cell of a prefix that only one rule of it covers; 0 while unknown.
    alone: Vec<u32>,
    /// The orders, sorted; an order's rank is its place in it.
    orders: Vec<&'a OrderId>,
    sets: Sets,
    clauses: Vec<TimedClause>,
    clauses_max: usize,
    numbers: HashMap<Box<[TimedClause]>, u32>,
    overflowed: Vec<RuleRef>,
    answers: Vec<Option<Answer>>,
    // Scratch space, to spare an allocation per prefix.
    wants: Vec<Want>,
    run: Vec<TimedClause>,
    members: Vec<u32>,
}

impl<'a> Cells<'a> {
    pub(super) fn new(rules: &'a RuleSet, clauses_max: usize) -> Self {
        let (orders, ranks) = ranked(rules);
        let mut kinds = Vec::new();
        let mut first_kinds = Vec::with_capacity(rules.lists.len());
        for list in &rules.lists {
            first_kinds.push(number(kinds.len()));
            let terms = list.entries().terms().iter();
            kinds.extend(terms.map(|terms| {
                // Terms that no rule has may be of an order that has no number; nobody asks for them.
                let order = list.order(terms.order) as usize;
                let rank = ranks.get(order).copied().unwrap_or_default();
                Kind::new(terms, list.monitor(), rank)
            }));
        }
        Self {
            lists: &rules.lists,
            alone: vec![0; kinds.len()],
            kinds,
            first_kinds,
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
    pub(super) fn listed<R: Family>(&self) -> Merged<'a, R::Start> {
        Merged::new::<R>(self.lists, &self.first_kinds)
    }

    /// The cell inside a prefix, where `around` is the cell around it and `group` are its rules.
    pub(super) fn inside<S>(
        &mut self,
        around: u32,
        group: &[Prefix<S, Listed>],
    ) -> Result<u32, CapacityError> {
        if let [only] = group
            && around == 0
        {
            let kind = only.what.kind as usize;
            if self.alone[kind] == 0 {
                self.alone[kind] = self.make(around, group)?;
            }
            return Ok(self.alone[kind]);
        }
        if group.len() > ANSWER_RULES {
            return self.make(around, group);
        }
        let mut kinds = [NO_KIND; ANSWER_RULES];
        for (kind, prefix) in std::iter::zip(&mut kinds, group) {
            *kind = prefix.what.kind;
        }
        let index = answer_index(around, kinds);
        if let Some(answer) = &self.answers[index]
            && (answer.around, answer.kinds) == (around, kinds)
        {
            return Ok(answer.cell);
        }
        let refused = self.overflowed.len();
        let cell = self.make(around, group)?;
        // Those refused must be named each time.
        if refused == self.overflowed.len() {
            self.answers[index] = Some(Answer {
                around,
                kinds,
                cell,
            });
        }
        Ok(cell)
    }

    fn make<S>(&mut self, around: u32, group: &[Prefix<S, Listed>]) -> Result<u32, CapacityError> {
        self.wants.clear();
        for Prefix { what, .. } in group {
            self.kinds[what.kind as usize].push_wants(&mut self.wants);
        }
        self.arrange();
        if !self.fits(around) {
            self.refuse(around, group);
            self.arrange();
        }
        self.compose(around);
        if self.run.is_empty() {
            Ok(around)
        } else {
            self.intern()
        }
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
        let (lists, kinds) = (self.lists, &self.kinds);
        let mut listed: Vec<(&Kind<'_>, RuleRef)> = group
            .iter()
            .map(|Prefix { what, .. }| (&kinds[what.kind as usize], what.rule))
            .collect();
        listed.sort_unstable_by(|(a, a_rule), (b, b_rule)| {
            let condition = |kind: &Kind<'_>| match kind.ports.first() {
                Some(ports) => kind.condition.with_ports(*ports),
                None => kind.condition,
            };
            let id = |rule: &RuleRef| lists[rule.list as usize].entries().at(rule.position).id;
            let by_mode = b.condition.enforces().cmp(&a.condition.enforces());
            by_mode
                .then_with(|| condition(b).order(condition(a)))
                .then(b.hours.cmp(&a.hours))
                .then(a.order.cmp(&b.order))
                .then_with(|| a.ports.cmp(b.ports))
                .then_with(|| id(a_rule).cmp(id(b_rule)))
        });
        let mut kept: Vec<TimedClause> = self.run_of(around).copied().collect();
        let mut steps: Vec<(Condition, u32)> = Vec::new();
        let mut wants = Vec::new();
        self.wants.clear();
        for (kind, rule) in listed {
            wants.clear();
            kind.push_wants(&mut wants);
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
                self.overflowed.push(rule);
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
    pub(super) fn finish(self) -> (Vec<TimedClause>, Vec<Vec<OrderId>>, Vec<RuleRef>) {
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

/// The orders of a rule set, sorted, and the place of each among them.
fn ranked(rules: &RuleSet) -> (Vec<&OrderId>, Vec<u32>) {
    let mut sorted: Vec<(&OrderId, usize)> = (rules.orders.iter().enumerate())
        .map(|(index, order)| (&order.id, index))
        .collect();
    sorted.sort_unstable();
    let mut ranks = vec![0; sorted.len()];
    let mut orders: Vec<&OrderId> = Vec::with_capacity(sorted.len());
    for (id, index) in sorted {
        if orders.last() != Some(&id) {
            orders.push(id);
        }
        ranks[index] = number(orders.len() - 1);
    }
    (orders, ranks)
}
