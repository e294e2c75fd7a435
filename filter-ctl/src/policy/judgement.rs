//! What becomes of the entries of one source.
//!
//! For each entry the first of these that applies is decided: its `until` has passed; an operator has
//! withdrawn it; it lies inside never-block space; a person has rejected it; a guard rail holds it and nobody has
//! approved that; it contains never-block space, and holds for the rest; it holds.
//!
//! A judgement says what it depends on, so that it can be used again while none of it has changed.

use std::{collections::HashSet, sync::Arc};

use jiff::Timestamp;

use super::{
    RuleOrder, Withheld, WithheldReason,
    hold::{Approval, Decision, Found, Guarded, HoldPolicy},
    merge::{FeedPolicy, Withdrawal},
    protected::{Overlap, Protected, Walk},
    rules::{Held, Positions},
};
use crate::order::{
    OrderInfo, RefusalReason, VerifiedOrder,
    entries::{Bits, Record},
};

/// All that a judgement depends on.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) source: &'a Arc<VerifiedOrder>,
    pub(super) policy: FeedPolicy,
    pub(super) protected: &'a Arc<Protected>,
    /// Those that name an order of the source.
    pub(super) withdrawals: &'a [&'a Withdrawal],
    pub(super) guarded: &'a Arc<Guarded>,
    /// Those that name an order of the source.
    pub(super) approvals: &'a [&'a Approval],
    pub(super) now: Timestamp,
}

/// What became of the entries of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    source: Arc<VerifiedOrder>,
    policy: FeedPolicy,
    protected: Arc<Protected>,
    withdrawals: Vec<Withdrawal>,
    guarded: Arc<Guarded>,
    approvals: Vec<Approval>,
    /// The last end before the judgement and the first after it: between them time changes nothing.
    last_end: Option<Timestamp>,
    next_end: Option<Timestamp>,
    /// The orders of the source.
    orders: Vec<Arc<RuleOrder>>,
    held: Arc<Held>,
    /// Entries by position, in the order of their ids.
    withheld: Vec<(u32, WithheldReason)>,
    withheld_unended: usize,
    waiting: usize,
}

impl Judgement {
    /// The source.
    #[must_use]
    pub const fn source(&self) -> &Arc<VerifiedOrder> {
        &self.source
    }

    /// What is withheld: what was decided here, then what admission refused.
    pub fn withheld(&self) -> impl Iterator<Item = Withheld<'_>> {
        let withheld = |entry, net, order, terms, why| Withheld {
            feed: self.source.feed(),
            reference: &self.source.orders()[order as usize].reference,
            entry,
            net,
            terms,
            why,
        };
        let here = self.withheld.iter().map(move |(position, why)| {
            let entry = self.source.entries().at(*position);
            withheld(
                entry.id,
                entry.net,
                entry.terms.order,
                Some(entry.terms),
                *why,
            )
        });
        let before = self.source.refused().iter().map(move |entry| {
            let why = WithheldReason::Refused(entry.reason);
            withheld(&entry.id, entry.net, entry.order, None, why)
        });
        here.chain(before)
    }

    /// How many entries are withheld that have not ended.
    pub(super) const fn withheld_unended(&self) -> usize {
        self.withheld_unended
    }

    /// How many of them wait for persons.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) const fn held(&self) -> &Arc<Held> {
        &self.held
    }

    pub(super) const fn protected(&self) -> &Arc<Protected> {
        &self.protected
    }

    pub(super) fn orders(&self) -> &[Arc<RuleOrder>] {
        &self.orders
    }

    /// Whether it is the answer to this question.
    pub(super) fn answers(&self, question: &Question<'_>) -> bool {
        let Question {
            source,
            policy,
            protected,
            withdrawals,
            guarded,
            approvals,
            now,
        } = *question;
        Arc::ptr_eq(&self.source, source)
            && self.policy == policy
            && (Arc::ptr_eq(&self.protected, protected) || self.protected == *protected)
            && self.withdrawals.iter().eq(withdrawals.iter().copied())
            && (Arc::ptr_eq(&self.guarded, guarded) || self.guarded == *guarded)
            && self.approvals.iter().eq(approvals.iter().copied())
            && self.last_end.is_none_or(|end| end <= now)
            && self.next_end.is_none_or(|end| now < end)
    }

    /// Judges the entries of a source. Takes O(e + n) for `e` entries and `n` never-block and guarded ranges.
    pub(super) fn new(question: &Question<'_>) -> Self {
        let Question {
            source,
            policy,
            protected,
            withdrawals,
            guarded,
            approvals,
            now,
        } = *question;
        let entries = source.entries();
        let ended = entries.ended_terms(now);
        let (before, after) = entries.terms().split_at(ended);
        let mut judge = Judge {
            by_terms: by_terms(source, withdrawals, ended),
            withdrawn: withdrawn(source, withdrawals),
            decided: decided(source, approvals),
            policy: policy.hold,
            held: Positions::all(entries.len()),
            withheld: Vec::new(),
        };
        let Guarded { own, shared } = &**guarded;
        let spaces = Spaces {
            protected: Walk::new(&protected.v4),
            own: Walk::new(&own.v4),
            shared: Walk::new(&shared.v4),
        };
        judge.family(entries.v4(), 0, spaces, policy.hold.shortest.v4);
        let offset = u32::try_from(entries.v4().len()).unwrap_or(u32::MAX);
        let spaces = Spaces {
            protected: Walk::new(&protected.v6),
            own: Walk::new(&own.v6),
            shared: Walk::new(&shared.v6),
        };
        judge.family(entries.v6(), offset, spaces, policy.hold.shortest.v6);
        let Judge {
            held, mut withheld, ..
        } = judge;
        withheld.sort_unstable_by_key(|(position, _)| entries.rank_at(*position));
        let waits = |(_, why): &&(u32, WithheldReason)| matches!(why, WithheldReason::Held(_));
        let waiting = withheld.iter().filter(waits).count();
        let unended = withheld.iter();
        let unended = unended.filter(|(_, why)| *why != WithheldReason::Ended);
        let order = |(order, info): (u32, &OrderInfo)| {
            Arc::new(RuleOrder {
                id: source.order_id(order),
                info: info.clone(),
            })
        };
        Self {
            policy,
            protected: Arc::clone(protected),
            withdrawals: withdrawals.iter().copied().cloned().collect(),
            guarded: Arc::clone(guarded),
            approvals: approvals.iter().copied().cloned().collect(),
            last_end: before.last().map(|terms| terms.until),
            next_end: after.first().map(|terms| terms.until),
            orders: (0..).zip(source.orders()).map(order).collect(),
            held: Arc::new(Held::new(entries, source.orders().len(), held)),
            withheld_unended: unended.count() + source.refused().len(),
            waiting,
            withheld,
            source: Arc::clone(source),
        }
    }
}

/// What the terms alone decide; the first `ended` of them have ended.
fn by_terms(
    source: &VerifiedOrder,
    withdrawals: &[&Withdrawal],
    ended: usize,
) -> Vec<Option<WithheldReason>> {
    let whole = withdrawals.iter();
    let whole = whole.filter(|withdrawal| withdrawal.entry.is_none());
    let whole: Vec<&str> = whole
        .map(|withdrawal| &*withdrawal.order.reference)
        .collect();
    let orders = source.orders().iter();
    let orders: Vec<bool> = if whole.is_empty() {
        vec![false; orders.len()]
    } else {
        let whole: HashSet<&str> = whole.into_iter().collect();
        orders
            .map(|info| whole.contains(&*info.reference))
            .collect()
    };
    let terms = source.entries().terms().iter().enumerate();
    terms
        .map(|(index, terms)| {
            if index < ended {
                Some(WithheldReason::Ended)
            } else {
                orders[terms.order as usize].then_some(WithheldReason::Withdrawn)
            }
        })
        .collect()
}

/// The positions of the entries that are withdrawn one by one, sorted.
fn withdrawn(source: &VerifiedOrder, withdrawals: &[&Withdrawal]) -> Vec<u32> {
    let entries = source.entries();
    let single = withdrawals.iter().filter_map(|withdrawal| {
        let position = entries.find(withdrawal.entry.as_deref()?)?;
        let order = entries.at(position).terms.order as usize;
        (source.orders()[order].reference == withdrawal.order.reference).then_some(position)
    });
    let mut positions: Vec<u32> = single.collect();
    positions.sort_unstable();
    positions
}

/// The decisions of persons by the position of the entry, sorted. One about another prefix is void, and so is an
/// approval of other packets.
fn decided<'a>(source: &VerifiedOrder, approvals: &[&'a Approval]) -> Vec<(u32, &'a Decision)> {
    let entries = source.entries();
    let single = approvals.iter().filter_map(|approval| {
        let position = entries.find(&approval.entry)?;
        let entry = entries.at(position);
        let order = &source.orders()[entry.terms.order as usize];
        let covers = match &approval.decision {
            Decision::Approved(_, seen) => seen.covers(entry.terms),
            Decision::Rejected => true,
        };
        let same = order.reference == approval.order.reference && entry.net == approval.net;
        let same = same && covers;
        same.then_some((position, &approval.decision))
    });
    let mut decided: Vec<_> = single.collect();
    decided.sort_unstable_by_key(|(position, _)| *position);
    decided
}

/// The space that is looked at beside the entries of a family.
struct Spaces<'a, A> {
    protected: Walk<'a, A>,
    own: Walk<'a, A>,
    shared: Walk<'a, A>,
}

/// A judgement in the making.
struct Judge<'a> {
    by_terms: Vec<Option<WithheldReason>>,
    withdrawn: Vec<u32>,
    decided: Vec<(u32, &'a Decision)>,
    policy: HoldPolicy,
    held: Positions,
    withheld: Vec<(u32, WithheldReason)>,
}

impl Judge<'_> {
    /// Judges the entries of one family, which begin at position `offset`.
    fn family<A: Bits>(
        &mut self,
        records: &[Record<A>],
        offset: u32,
        mut spaces: Spaces<'_, A>,
        shortest: u8,
    ) {
        for (position, record) in (offset..).zip(records) {
            let Record { start, length, .. } = *record;
            let last = start.last(length);
            let overlap = spaces.protected.overlap(start, last);
            let found = Found {
                short: length < shortest,
                own: spaces.own.overlap(start, last) != Overlap::None,
                shared: spaces.shared.overlap(start, last) != Overlap::None,
                host: start == last,
            };
            let why = if let Some(why) = self.by_terms[record.terms as usize] {
                why
            } else if self.withdrawn.binary_search(&position).is_ok() {
                WithheldReason::Withdrawn
            } else if overlap == Overlap::Whole {
                WithheldReason::Refused(RefusalReason::NeverBlock)
            } else if let Some(why) = self.hold(position, found) {
                why
            } else {
                if overlap == Overlap::None {
                    continue;
                }
                WithheldReason::Partial
            };
            self.withheld.push((position, why));
            if why != WithheldReason::Partial {
                self.held.remove(position);
            }
        }
    }

    /// Whether an entry waits, or was rejected.
    fn hold(&self, position: u32, found: Found) -> Option<WithheldReason> {
        let decided = self.decided.binary_search_by_key(&position, |(at, _)| *at);
        let decided = decided.ok().map(|index| self.decided[index].1);
        let approved: &[_] = match decided {
            Some(Decision::Rejected) => return Some(WithheldReason::Rejected),
            Some(Decision::Approved(reasons, _)) => reasons,
            None => &[],
        };
        let mut reasons = found.reasons(&self.policy);
        reasons
            .find(|reason| !approved.contains(reason))
            .map(WithheldReason::Held)
    }
}
