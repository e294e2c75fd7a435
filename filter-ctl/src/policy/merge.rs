//! From sources to the rules in force.
//!
//! Each source is judged by itself ([`super::judgement`]); [`merge`] puts the judgements together and numbers
//! the orders.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use ipnet::IpNet;
use jiff::Timestamp;

use super::{
    Judgement, NeverBlock, RuleList, RuleSet,
    hold::{Approval, Guarded, HoldPolicy},
    judgement::Question,
    protected::Protected,
};
use crate::order::{FeedName, OrderId, Provenance, VerifiedOrder};

/// All that the rules in force depend on.
#[derive(Clone, Copy, Debug)]
pub struct PolicyInput<'a> {
    /// What was admitted: the state of each feed, and each order of an operator.
    pub sources: &'a [Arc<VerifiedOrder>],
    /// What the configuration says of each feed; for one that it does not name,
    /// [`FeedPolicy::default`].
    pub feeds: &'a BTreeMap<FeedName, FeedPolicy>,
    /// The never-block list: built-in, configured, and the exceptions in force at `now`.
    pub never_block: &'a [NeverBlock],
    /// When the next of those exceptions ends, or begins.
    pub never_block_changes: Option<Timestamp>,
    /// What operators have withdrawn.
    pub withdrawals: &'a [Withdrawal],
    /// What the guard rails look at.
    pub guarded: &'a Arc<Guarded>,
    /// What persons have decided about entries that wait.
    pub approvals: &'a [Approval],
    /// The time to decide for.
    pub now: Timestamp,
}

/// How the entries of a feed are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedPolicy {
    /// Whether they are only counted.
    pub monitor: bool,
    /// What waits for a person.
    pub hold: HoldPolicy,
}

/// A guard rail: the shortest prefix of each family; 0 allows all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShortestPrefix {
    /// For IPv4.
    pub v4: u8,
    /// For IPv6.
    pub v6: u8,
}

impl ShortestPrefix {
    /// Whether a prefix is long enough.
    #[must_use]
    pub const fn allows(self, net: &IpNet) -> bool {
        match net {
            IpNet::V4(net) => net.prefix_len() >= self.v4,
            IpNet::V6(net) => net.prefix_len() >= self.v6,
        }
    }
}

/// An operator's decision that an order, or one entry of it, no longer holds here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Withdrawal {
    /// The order.
    pub order: OrderId,
    /// The issuer's name of the entry; `None` for all of the order.
    pub entry: Option<Box<str>>,
}

/// What shall hold at `input.now`.
///
/// Rules come in the order of the sources and their entries; of a source with `test` provenance
/// comes nothing at all. Orders with the same identity are one order, which says of itself what
/// the first source said.
///
/// Never-block entries of any scope make holes. The rule that has one is in the result whole; the
/// compiler cuts it.
///
/// `before`, an earlier result or an empty set, makes no difference but that sources whose judgement cannot
/// have changed since are not judged again. Takes O(e + s n) for the `e` entries of those that are, `s` sources and
/// `n` never-block prefixes.
#[must_use]
pub fn merge(input: &PolicyInput<'_>, before: &RuleSet) -> RuleSet {
    let mut rules = RuleSet {
        never_block: input.never_block.to_vec(),
        next_change: input.never_block_changes,
        ..RuleSet::default()
    };
    let known: HashMap<*const VerifiedOrder, &Arc<Judgement>> = before
        .judgements
        .iter()
        .map(|judgement| (Arc::as_ptr(judgement.source()), judgement))
        .collect();
    let protected = protected(input.never_block, before);
    let withdrawals = by_order(input.withdrawals, |withdrawal| &withdrawal.order);
    let approvals = by_order(input.approvals, |approval| &approval.order);
    let live = input
        .sources
        .iter()
        .filter(|source| !matches!(source.provenance(), Provenance::Bundle { test: true, .. }));
    for source in live {
        let mut policy = input.feeds.get(source.feed()).copied().unwrap_or_default();
        if *source.provenance() == Provenance::Table {
            // It was let through before it came into the table.
            policy.hold = HoldPolicy::default();
        }
        let question = Question {
            source,
            policy,
            protected: &protected,
            withdrawals: &of_source(source, &withdrawals),
            guarded: input.guarded,
            approvals: &of_source(source, &approvals),
            now: input.now,
        };
        let known = known.get(&Arc::as_ptr(source));
        let known = known.filter(|judgement| judgement.answers(&question));
        rules.judgements.push(match known {
            Some(judgement) => Arc::clone(judgement),
            None => Arc::new(Judgement::new(&question)),
        });
        let ends = rules.judgements.last().and_then(|j| j.held().first_end);
        rules.next_change = earliest(rules.next_change, ends);
    }
    number(&mut rules, input.feeds);
    rules
}

/// The earlier of two moments that need not be there.
pub(crate) fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Never-block space; the very one of before where it is the same, so that judgements need not look.
fn protected(never_block: &[NeverBlock], before: &RuleSet) -> Arc<Protected> {
    let protected = Protected::new(never_block);
    let known = before.judgements.last().map(|known| known.protected());
    match known.filter(|known| ***known == protected) {
        Some(known) => Arc::clone(known),
        None => Arc::new(protected),
    }
}

/// Decisions by the feed and the reference of their order.
type ByOrder<'a, T> = HashMap<(&'a FeedName, &'a str), Vec<&'a T>>;

fn by_order<T>(decisions: &[T], order: impl Fn(&T) -> &OrderId) -> ByOrder<'_, T> {
    let mut by_order = ByOrder::new();
    for decision in decisions {
        let OrderId { feed, reference } = order(decision);
        let of_order: &mut Vec<_> = by_order.entry((feed, &**reference)).or_default();
        of_order.push(decision);
    }
    by_order
}

/// The decisions that name an order of a source.
fn of_source<'a, T>(source: &VerifiedOrder, decisions: &ByOrder<'a, T>) -> Vec<&'a T> {
    if decisions.is_empty() {
        return Vec::new();
    }
    let orders = source.orders().iter();
    let of_orders = orders.filter_map(|info| decisions.get(&(source.feed(), &*info.reference)));
    of_orders.flatten().copied().collect()
}

/// Numbers the orders that have a rule, and makes the lists.
fn number(rules: &mut RuleSet, feeds: &BTreeMap<FeedName, FeedPolicy>) {
    let RuleSet {
        orders,
        lists,
        judgements,
        ..
    } = rules;
    let mut numbers: HashMap<&OrderId, u32> = HashMap::new();
    for judgement in &*judgements {
        let source = judgement.source();
        let of_source = std::iter::zip(judgement.orders(), judgement.held().tallies());
        let of_source = of_source.map(|(order, tally)| {
            if tally.entries == 0 {
                return UNUSED;
            }
            *numbers.entry(&order.id).or_insert_with(|| {
                // Every order has an entry in memory, so there are far fewer than 2^32.
                let number = u32::try_from(orders.len()).unwrap_or(UNUSED);
                orders.push(Arc::clone(order));
                number
            })
        });
        let of_source = of_source.collect();
        let monitor = feeds
            .get(source.feed())
            .is_some_and(|policy| policy.monitor);
        let (entries, held) = (Arc::clone(source.entries()), Arc::clone(judgement.held()));
        lists.push(RuleList::of(entries, held, of_source, monitor));
    }
}

/// In place of the number of an order that has no rule.
const UNUSED: u32 = u32::MAX;

#[cfg(test)]
mod tests;
