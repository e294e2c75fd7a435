//! What holds now.
//!
//! A set refers to the entries of its sources by position. So it is small beside them, and one that is made
//! because a source was added shares all else with the one before.

use std::{iter, sync::Arc};

use ipnet::IpNet;
use jiff::Timestamp;

use super::{Judgement, NeverBlock, Perimeter, WithheldReason};
use crate::order::{Entries, Entry, FeedName, OrderId, OrderInfo, RefusalReason, Terms};

/// What shall hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet {
    /// The orders that rules belong to; a rule names one by index.
    pub orders: Vec<Arc<RuleOrder>>,
    /// What is blocked, a list for each source.
    pub lists: Vec<RuleList>,
    /// How each source was judged, in the order of the lists; none of sets that were not merged.
    pub judgements: Vec<Arc<Judgement>>,
    /// Rules that could not be represented, and do not hold.
    pub overflowed: Vec<RuleRef>,
    /// What is never blocked, whatever the rules say.
    pub never_block: Vec<NeverBlock>,
    /// What is done about packets by what they are, in the order in which it is asked.
    pub rules: Vec<crate::rule::Rule>,
    /// What holds whatever the orders say.
    pub perimeter: Perimeter,
    /// When the rule set must be made anew, because an entry in it ends.
    pub next_change: Option<Timestamp>,
}

/// An order that rules belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleOrder {
    /// Its identity.
    pub id: OrderId,
    /// What it says of itself.
    pub info: OrderInfo,
}

/// Where in a rule set a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleRef {
    /// The index of its list.
    pub list: u32,
    /// Its position in the entries of the list.
    pub position: u32,
}

/// One entry in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule<'a> {
    /// The entry.
    pub entry: Entry<'a>,
    /// Whether it is only counted.
    pub monitor: bool,
    /// Its order: an index into [`RuleSet::orders`].
    pub order: u32,
}

/// An entry that is not enforced, or only in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withheld<'a> {
    /// The feed of its order.
    pub feed: &'a FeedName,
    /// The reference of its order.
    pub reference: &'a str,
    /// The issuer's name for it.
    pub entry: &'a str,
    /// The prefix.
    pub net: IpNet,
    /// All else that it says; `None` if it was refused at admission.
    pub terms: Option<&'a Terms>,
    /// Why.
    pub why: WithheldReason,
}

impl Withheld<'_> {
    /// Its order.
    #[must_use]
    pub fn order(&self) -> OrderId {
        OrderId {
            feed: self.feed.clone(),
            reference: self.reference.into(),
        }
    }
}

/// The entries of one source that are in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleList {
    entries: Arc<Entries>,
    held: Arc<Held>,
    /// The index in [`RuleSet::orders`] of each order of the source, where a rule needs it.
    orders: Vec<u32>,
    monitor: bool,
}

impl RuleList {
    /// All of these entries. `orders` has the index in [`RuleSet::orders`] of each order that they name.
    #[must_use]
    pub fn new(entries: Entries, orders: Vec<u32>, monitor: bool) -> Self {
        let all = Positions::all(entries.len());
        let held = Arc::new(Held::new(&entries, orders.len(), all));
        Self::of(Arc::new(entries), held, orders, monitor)
    }

    pub(super) const fn of(
        entries: Arc<Entries>,
        held: Arc<Held>,
        orders: Vec<u32>,
        monitor: bool,
    ) -> Self {
        Self {
            entries,
            held,
            orders,
            monitor,
        }
    }

    /// The entries of the source, in force or not.
    #[must_use]
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// Whether the entry at a position is in force.
    #[must_use]
    pub fn holds(&self, position: u32) -> bool {
        self.held.positions.contains(position)
    }

    /// The index in [`RuleSet::orders`] of an order of the source that has an entry in force.
    #[must_use]
    pub fn order(&self, order: u32) -> u32 {
        self.orders[order as usize]
    }

    /// Whether its rules are only counted.
    #[must_use]
    pub const fn monitor(&self) -> bool {
        self.monitor
    }

    /// How many entries are in force.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.count
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is in force of each order of the source, by its index there.
    #[must_use]
    pub fn tallies(&self) -> &[Tally] {
        &self.held.tallies
    }

    fn rule(&self, position: u32) -> Rule<'_> {
        let entry = self.entries.at(position);
        Rule {
            entry,
            monitor: self.monitor,
            order: self.order(entry.terms.order),
        }
    }
}

impl RuleSet {
    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lists.iter().map(RuleList::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rule at a place.
    #[must_use]
    pub fn rule(&self, at: RuleRef) -> Rule<'_> {
        self.lists[at.list as usize].rule(at.position)
    }

    /// All rules: list by list, those of one sorted by id.
    pub fn rules(&self) -> impl Iterator<Item = Rule<'_>> {
        self.lists.iter().flat_map(|list| {
            let positions = list.entries.positions_by_id().iter().copied();
            let held = positions.filter(|position| list.holds(*position));
            held.map(|position| list.rule(position))
        })
    }

    /// What is in force of each order, one time for each list that has rules of it.
    pub fn tallies(&self) -> impl Iterator<Item = (&RuleOrder, Tally)> {
        self.tallies_of(|_| true)
    }

    /// The same of what is dropped, without what is only counted.
    pub fn enforced_tallies(&self) -> impl Iterator<Item = (&RuleOrder, Tally)> {
        self.tallies_of(|list| !list.monitor)
    }

    fn tallies_of(
        &self,
        wanted: impl Fn(&RuleList) -> bool,
    ) -> impl Iterator<Item = (&RuleOrder, Tally)> {
        let lists = self.lists.iter().filter(move |list| wanted(list));
        lists.flat_map(|list| {
            let held = (0..)
                .zip(list.tallies())
                .filter(|(_, tally)| tally.entries > 0);
            held.map(|(order, tally)| (&*self.orders[list.order(order) as usize], *tally))
        })
    }

    /// All that is withheld: source by source, then what could not be represented.
    pub fn withheld(&self) -> impl Iterator<Item = Withheld<'_>> {
        self.withheld_if(|_| true)
    }

    /// What is withheld of one feed, in the same order.
    pub fn withheld_of(&self, feed: &FeedName) -> impl Iterator<Item = Withheld<'_>> {
        self.withheld_if(move |other| other == feed)
    }

    fn withheld_if(
        &self,
        wanted: impl Fn(&FeedName) -> bool,
    ) -> impl Iterator<Item = Withheld<'_>> {
        let judged = self.judgements.iter();
        let judged: Vec<_> = judged.filter(|j| wanted(j.source().feed())).collect();
        let judged = judged
            .into_iter()
            .flat_map(|judgement| judgement.withheld());
        let overflowed = self.overflowed.iter().map(|at| {
            let Rule { entry, order, .. } = self.rule(*at);
            let OrderId { feed, reference } = &self.orders[order as usize].id;
            Withheld {
                feed,
                reference,
                entry: entry.id,
                net: entry.net,
                terms: Some(entry.terms),
                why: WithheldReason::Refused(RefusalReason::OverlapLimit),
            }
        });
        judged.chain(overflowed.filter(move |withheld| wanted(withheld.feed)))
    }

    /// What holds of each list, and what does not. A list may have the feed of another.
    pub fn feeds(&self) -> impl Iterator<Item = FeedTally<'_>> {
        let lists = iter::zip(&self.judgements, &self.lists);
        let judged = lists.map(|(judgement, list)| FeedTally {
            feed: judgement.source().feed(),
            enforced: list.len() as u64,
            withheld: judgement.withheld_unended() as u64,
            held: judgement.waiting() as u64,
        });
        let overflowed = self.overflowed.iter().map(|at| {
            let order = self.rule(*at).order as usize;
            FeedTally {
                feed: &self.orders[order].id.feed,
                enforced: 0,
                withheld: 1,
                held: 0,
            }
        });
        judged.chain(overflowed)
    }

    /// Takes out rules that cannot be represented.
    pub fn withhold(&mut self, overflowed: Vec<RuleRef>) {
        for of_list in overflowed.chunk_by(|a, b| a.list == b.list) {
            let list = &mut self.lists[of_list[0].list as usize];
            let mut positions = list.held.positions.clone();
            for at in of_list {
                positions.remove(at.position);
            }
            list.held = Arc::new(Held::new(&list.entries, list.orders.len(), positions));
        }
        self.overflowed = overflowed;
    }
}

/// Entries of one feed, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedTally<'a> {
    /// The feed.
    pub feed: &'a FeedName,
    /// Those in force.
    pub enforced: u64,
    /// Those that are not, or only in part, and have not ended.
    pub withheld: u64,
    /// Those of them that wait for persons.
    pub held: u64,
}

/// What is in force of one order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many entries.
    pub entries: u64,
    /// The earliest since, and the latest until, if there are any.
    pub span: Option<(Timestamp, Timestamp)>,
}

/// The entries of a source that are in force, counted once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    positions: Positions,
    count: usize,
    tallies: Vec<Tally>,
    /// When the first of them ends.
    pub(super) first_end: Option<Timestamp>,
}

impl Held {
    pub(super) fn new(entries: &Entries, orders: usize, positions: Positions) -> Self {
        let mut counts = vec![0_u64; entries.terms().len()];
        let v4 = entries.v4().iter().map(|record| record.terms);
        let v6 = entries.v6().iter().map(|record| record.terms);
        for (position, terms) in (0..).zip(v4.chain(v6)) {
            counts[terms as usize] += u64::from(positions.contains(position));
        }
        let mut held = Self {
            positions,
            count: 0,
            tallies: vec![Tally::default(); orders],
            first_end: None,
        };
        for (count, terms) in iter::zip(counts, entries.terms()) {
            if count == 0 {
                continue;
            }
            // The terms are sorted by their end.
            held.first_end = held.first_end.or(Some(terms.until));
            held.count += usize::try_from(count).unwrap_or(usize::MAX);
            let tally = &mut held.tallies[terms.order as usize];
            tally.entries += count;
            let (since, until) = tally.span.unwrap_or((terms.since, terms.until));
            tally.span = Some((since.min(terms.since), until.max(terms.until)));
        }
        held
    }

    pub(super) fn tallies(&self) -> &[Tally] {
        &self.tallies
    }
}

/// A set of positions, a bit for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Positions(Vec<u64>);

impl Positions {
    const BITS: usize = u64::BITS as usize;

    /// All below `len`.
    pub(super) fn all(len: usize) -> Self {
        let mut words = vec![u64::MAX; len / Self::BITS];
        if !len.is_multiple_of(Self::BITS) {
            words.push((1 << (len % Self::BITS)) - 1);
        }
        Self(words)
    }

    pub(super) fn contains(&self, position: u32) -> bool {
        let position = position as usize;
        self.0[position / Self::BITS] >> (position % Self::BITS) & 1 != 0
    }

    pub(super) fn remove(&mut self, position: u32) {
        let position = position as usize;
        self.0[position / Self::BITS] &= !(1 << (position % Self::BITS));
    }
}
