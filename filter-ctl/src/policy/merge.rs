//! From sources to the rules in force.
//!
//! [`merge`] decides for each entry of each source whether it holds, by the first of these that
//! applies: its `until` has passed; an operator has withdrawn it; the feed's guard rail refuses its
//! length; it lies inside never-block space; it contains some, and holds for the rest; it holds.

use std::collections::{BTreeMap, HashMap, HashSet};

use ipnet::IpNet;
use jiff::Timestamp;

use super::{NeverBlock, Rule, RuleOrder, RuleSet, Withheld, WithheldReason};
use crate::order::{Entry, FeedName, OrderId, Provenance, RefusalReason, VerifiedOrder};

/// All that the rules in force depend on.
#[derive(Clone, Copy, Debug)]
pub struct PolicyInput<'a> {
    /// What was admitted: the state of each feed, and each order of an operator.
    pub sources: &'a [&'a VerifiedOrder],
    /// What the configuration says of each feed; for one that it does not name,
    /// [`FeedPolicy::default`].
    pub feeds: &'a BTreeMap<FeedName, FeedPolicy>,
    /// The never-block list: built-in, configured, and the exceptions in force at `now`.
    pub never_block: &'a [NeverBlock],
    /// When the next of those exceptions ends, or begins.
    pub never_block_changes: Option<Timestamp>,
    /// What operators have withdrawn.
    pub withdrawals: &'a [Withdrawal],
    /// The time to decide for.
    pub now: Timestamp,
}

/// How the entries of a feed are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedPolicy {
    /// Whether they are only counted.
    pub monitor: bool,
    /// The shortest prefix that is enforced.
    ///
    /// Admission has judged this once; here it takes effect when the configuration has become
    /// stricter since.
    pub shortest: ShortestPrefix,
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
/// Takes O(e log n) for `e` entries and `n` never-block prefixes.
#[must_use]
pub fn merge(input: &PolicyInput<'_>) -> RuleSet {
    let mut merger = Merger {
        input: *input,
        protected: Protected::new(input.never_block),
        numbers: HashMap::new(),
        rules: RuleSet {
            never_block: input.never_block.to_vec(),
            next_change: input.never_block_changes,
            ..RuleSet::default()
        },
    };
    let mut withdrawals: HashMap<&OrderId, Withdrawn<'_>> = HashMap::new();
    for withdrawal in input.withdrawals {
        let of_order = withdrawals.entry(&withdrawal.order).or_default();
        match &withdrawal.entry {
            Some(entry) => {
                of_order.entries.insert(entry);
            }
            None => of_order.whole = true,
        }
    }
    let live = |source: &&&VerifiedOrder| {
        !matches!(source.provenance(), Provenance::Bundle { test: true, .. })
    };
    let entries = |source: &&VerifiedOrder| source.entries().len();
    let total = input.sources.iter().filter(live).map(entries).sum();
    merger.rules.rules.reserve_exact(total);
    for source in input.sources.iter().filter(live) {
        merger.source(source, &withdrawals);
    }
    merger.rules
}

/// What is withdrawn of one order.
#[derive(Default)]
struct Withdrawn<'a> {
    whole: bool,
    entries: HashSet<&'a str>,
}

struct Merger<'a> {
    input: PolicyInput<'a>,
    protected: Protected,
    numbers: HashMap<OrderId, u32>,
    rules: RuleSet,
}

/// An order of the source at hand.
struct SourceOrder<'a> {
    id: OrderId,
    /// Its index in the rule set, once a rule needs it.
    number: Option<u32>,
    withdrawn: Option<&'a Withdrawn<'a>>,
}

impl Merger<'_> {
    fn source(&mut self, source: &VerifiedOrder, withdrawals: &HashMap<&OrderId, Withdrawn<'_>>) {
        let policy = self
            .input
            .feeds
            .get(source.feed())
            .copied()
            .unwrap_or_default();
        let mut orders: Vec<SourceOrder<'_>> = (0u32..)
            .zip(source.orders())
            .map(|(order, _)| {
                let id = source.order_id(order);
                SourceOrder {
                    withdrawn: withdrawals.get(&id),
                    number: None,
                    id,
                }
            })
            .collect();
        for entry in source.entries() {
            let order = &mut orders[entry.order as usize];
            if let Some(why) = self.objection(entry, order, policy) {
                self.withhold(&order.id, &entry.id, entry.net, why);
                if why != WithheldReason::Partial {
                    continue;
                }
            }
            let number = *order
                .number
                .get_or_insert_with(|| self.number(&order.id, source, entry.order));
            self.admit(entry, number, policy);
        }
        for refused in source.refused() {
            let why = WithheldReason::Refused(refused.reason);
            self.withhold(
                &orders[refused.order as usize].id,
                &refused.id,
                refused.net,
                why,
            );
        }
    }

    /// Why an entry does not hold, or not in full.
    fn objection(
        &self,
        entry: &Entry,
        order: &SourceOrder<'_>,
        policy: FeedPolicy,
    ) -> Option<WithheldReason> {
        if entry.until <= self.input.now {
            return Some(WithheldReason::Ended);
        }
        if let Some(withdrawn) = order.withdrawn
            && (withdrawn.whole || withdrawn.entries.contains(&*entry.id))
        {
            return Some(WithheldReason::Withdrawn);
        }
        if !policy.shortest.allows(&entry.net) {
            return Some(WithheldReason::Refused(RefusalReason::PrefixTooShort));
        }
        match self.protected.overlap(&entry.net) {
            Overlap::None => None,
            Overlap::Part => Some(WithheldReason::Partial),
            Overlap::Whole => Some(WithheldReason::Refused(RefusalReason::NeverBlock)),
        }
    }

    /// The index of an order in the rule set.
    fn number(&mut self, id: &OrderId, source: &VerifiedOrder, order: u32) -> u32 {
        if let Some(&number) = self.numbers.get(id) {
            return number;
        }
        // Every order has an entry in memory, so there are far fewer than 2^32.
        let number = u32::try_from(self.rules.orders.len()).unwrap_or(u32::MAX);
        self.rules.orders.push(RuleOrder {
            id: id.clone(),
            info: source.orders()[order as usize].clone(),
        });
        self.numbers.insert(id.clone(), number);
        number
    }

    fn admit(&mut self, entry: &Entry, order: u32, policy: FeedPolicy) {
        let next = self.rules.next_change.get_or_insert(entry.until);
        *next = entry.until.min(*next);
        self.rules.rules.push(Rule {
            net: entry.net,
            direction: entry.direction,
            protocol: entry.protocol,
            ports: entry.ports.clone(),
            until: entry.until,
            since: entry.since,
            monitor: policy.monitor,
            order,
            entry: entry.id.clone(),
        });
    }

    fn withhold(&mut self, order: &OrderId, entry: &str, net: IpNet, why: WithheldReason) {
        self.rules.withheld.push(Withheld {
            order: order.clone(),
            entry: entry.into(),
            net,
            why,
        });
    }
}

/// How much of a prefix is never-block space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overlap {
    None,
    Part,
    Whole,
}

/// Never-block space as ranges from a first to a last address: sorted, disjoint, not adjacent.
struct Protected {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl Protected {
    fn new(list: &[NeverBlock]) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for NeverBlock { net, .. } in list {
            match net {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        Self {
            v4: union(v4, |last| last.checked_add(1)),
            v6: union(v6, |last| last.checked_add(1)),
        }
    }

    fn overlap(&self, net: &IpNet) -> Overlap {
        match net {
            IpNet::V4(net) => overlap(&self.v4, net.network().to_bits(), net.broadcast().to_bits()),
            IpNet::V6(net) => overlap(&self.v6, net.network().to_bits(), net.broadcast().to_bits()),
        }
    }
}

/// The ranges without overlaps and without neighbours.
fn union<A: Copy + Ord>(mut ranges: Vec<(A, A)>, next: impl Fn(A) -> Option<A>) -> Vec<(A, A)> {
    ranges.sort_unstable();
    ranges.dedup_by(|range, before| {
        // After the last address of all comes none, and nothing begins there.
        let joins = next(before.1).is_none_or(|next| range.0 <= next);
        if joins {
            before.1 = before.1.max(range.1);
        }
        joins
    });
    ranges
}

fn overlap<A: Copy + Ord>(ranges: &[(A, A)], first: A, last: A) -> Overlap {
    // The ranges are disjoint, so only the last that begins before the end can reach it.
    let before = ranges.partition_point(|range| range.0 <= last);
    match ranges[..before].last() {
        Some(range) if range.0 <= first && last <= range.1 => Overlap::Whole,
        Some(range) if first <= range.1 => Overlap::Part,
        _ => Overlap::None,
    }
}

#[cfg(test)]
mod tests;
