//! Persons decide about entries that the guard rails hold.
//!
//! A decision names the entry, its prefix, which packets it means, and the reasons that applied when the first
//! person approved. Where
//! one of these takes two persons, they are two distinct users other than root, because everybody who may
//! become root is one and the same person there.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    desired::feed_policy,
    engine::{Engine, actor_name, invalid, not_found, refused},
    handle::{Actor, Answer},
    local::Local,
};
use crate::{
    audit::Event,
    config::ApprovalConfig,
    http::wire::{Changed, DecideHold, Person},
    order::OrderId,
    policy::{
        HoldReason, Withheld, WithheldReason,
        hold::{Approval, Decision, SeenTerms},
    },
};

/// Entries about which persons can have decided at a time. A further one is refused.
pub(super) const APPROVALS_MAX: usize = 65_536;

/// What persons have said of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApprovalRecord {
    /// The order.
    pub order: OrderId,
    /// The issuer's name of the entry.
    pub entry: Box<str>,
    /// The prefix that they have seen.
    pub net: ipnet::IpNet,
    /// Which packets they have seen; an approval that does not say so is void.
    #[serde(default)]
    pub seen: Option<SeenTerms>,
    /// The reasons for which it was held.
    pub reasons: Vec<HoldReason>,
    /// Who has approved it.
    pub approved: Vec<Person>,
    /// Who has rejected it since.
    pub rejected: Option<Person>,
}

impl ApprovalRecord {
    /// How many persons it takes.
    fn needed(&self, config: ApprovalConfig) -> usize {
        let persons = self.reasons.iter().map(|reason| config.persons(*reason));
        usize::from(persons.max().unwrap_or(0)).max(1)
    }

    /// How many further persons it takes. Root is nobody where it takes two.
    fn missing(&self, config: ApprovalConfig) -> usize {
        let needed = self.needed(config);
        let counts = |uid: &u32| needed < 2 || *uid != 0;
        // Whatever the file says, one person is one.
        let persons: BTreeSet<u32> = self.approved.iter().map(|person| person.uid).collect();
        needed.saturating_sub(persons.iter().filter(|uid| counts(uid)).count())
    }

    /// The decision, once it is one.
    pub(crate) fn decision(&self, config: ApprovalConfig) -> Option<Approval> {
        let decision = if self.rejected.is_some() {
            Decision::Rejected
        } else if self.missing(config) == 0 {
            Decision::Approved(self.reasons.clone(), self.seen.clone()?)
        } else {
            return None;
        };
        Some(Approval {
            order: self.order.clone(),
            entry: self.entry.clone(),
            net: self.net,
            decision,
        })
    }

    fn key(&self) -> (OrderId, Box<str>) {
        (self.order.clone(), self.entry.clone())
    }
}

/// The records while a request changes them, found by order and entry.
struct Decisions {
    local: Local,
    index: HashMap<(OrderId, Box<str>), usize>,
}

impl Engine {
    /// Adds a person's approval to every entry that the request means.
    pub(super) fn approve(&mut self, request: &DecideHold, actor: &Actor) -> Answer<Changed> {
        let person = self.decider(request, actor)?;
        let mut decisions = Decisions::new(&self.local);
        let (mut entries, mut through, mut missing) = (0, 0, 0);
        let rules = std::sync::Arc::clone(&self.rules);
        for waiting in rules.withheld_of(&request.id.feed) {
            if !is_meant(request, &waiting) {
                continue;
            }
            let mut record = self.record_of(&decisions, &waiting);
            record.rejected = None;
            if person.uid == 0 && record.needed(self.config.approval) > 1 {
                let error = "this takes two users other than root, and root is not counted; run the \
                             command as yourself, a member of the groups `levee` and `levee-admin`";
                return Err(refused("root_cannot_approve", error.to_owned()));
            }
            if record.approved.iter().any(|known| known.uid == person.uid) {
                continue;
            }
            record.approved.push(person.clone());
            match record.missing(self.config.approval) {
                0 => through += 1,
                more => missing = missing.max(more),
            }
            entries += 1;
            decisions.put(record)?;
        }
        if entries == 0 {
            let error = format!(
                "{} has approved all of {} that waits already; another user has to",
                actor_name(actor),
                subject(request)
            );
            return Err(refused("already_approved", error));
        }
        let message = if missing == 0 {
            format!("{} approved: {through} let through", subject(request))
        } else {
            format!(
                "{} approved: {entries} by you, {through} let through; the others still wait for \
                 {missing} further user",
                subject(request)
            )
        };
        let event = Event::new(&actor_name(actor), "approve", subject(request))
            .detail("entries", entries)
            .detail("let_through", through)
            .detail("reason", &request.reason);
        self.decide(decisions.local, Local::save_approvals, event, message)
    }

    /// Keeps out every entry that the request means, until it is approved.
    pub(super) fn reject(&mut self, request: &DecideHold, actor: &Actor) -> Answer<Changed> {
        let person = self.decider(request, actor)?;
        let mut decisions = Decisions::new(&self.local);
        let mut entries = 0;
        let rules = std::sync::Arc::clone(&self.rules);
        for waiting in rules.withheld_of(&request.id.feed) {
            if is_meant(request, &waiting) {
                let mut record = self.record_of(&decisions, &waiting);
                record.approved.clear();
                record.rejected = Some(person.clone());
                entries += 1;
                decisions.put(record)?;
            }
        }
        let message = format!("{} rejected: {entries} stay out", subject(request));
        let event = Event::new(&actor_name(actor), "reject", subject(request))
            .detail("entries", entries)
            .detail("reason", &request.reason);
        self.decide(decisions.local, Local::save_approvals, event, message)
    }

    /// The person who asks, if the request can be carried out.
    fn decider(&self, request: &DecideHold, actor: &Actor) -> Answer<Person> {
        self.check_undamaged(None)?;
        if request.reason.trim().is_empty() {
            let error = "an approval or a rejection needs a reason".to_owned();
            return Err(invalid("reason", error));
        }
        let mut withheld = self.rules.withheld_of(&request.id.feed);
        if !withheld.any(|waiting| is_meant(request, &waiting)) {
            let error = format!(
                "nothing of {} waits for an approval; see `filter-ctl order holds`",
                subject(request)
            );
            return Err(not_found("not_held", error));
        }
        let Some(uid) = actor.uid else {
            let error = "only a person can decide about an entry that waits".to_owned();
            return Err(refused("no_person", error));
        };
        Ok(Person {
            uid,
            name: actor.name.clone(),
            at: Timestamp::now(),
            reason: request.reason.clone(),
        })
    }

    /// What persons have said of an entry so far. Said of another prefix, of other packets, or of fewer reasons,
    /// it is void.
    fn record_of(&self, decisions: &Decisions, waiting: &Withheld<'_>) -> ApprovalRecord {
        let hold = feed_policy(&self.config, &decisions.local, waiting.feed).hold;
        let seen = waiting.terms.map(SeenTerms::of);
        let reasons = self.config.guarded.reasons(&hold, &waiting.net);
        let known = decisions.find(waiting);
        let same = |record: &&ApprovalRecord| {
            record.net == waiting.net
                && record.seen == seen
                && reasons.iter().all(|r| record.reasons.contains(r))
        };
        known
            .filter(same)
            .cloned()
            .unwrap_or_else(|| ApprovalRecord {
                order: waiting.order(),
                entry: waiting.entry.into(),
                net: waiting.net,
                seen,
                reasons,
                approved: Vec::new(),
                rejected: None,
            })
    }
}

/// Whether a request is about this entry.
fn is_meant(request: &DecideHold, entry: &Withheld<'_>) -> bool {
    let named = request.entry.as_deref();
    *entry.reference == *request.id.reference
        && named.is_none_or(|named| named == entry.entry)
        && match entry.why {
            WithheldReason::Held(_) => true,
            // Who approves what was rejected has to name it.
            WithheldReason::Rejected => named.is_some(),
            _ => false,
        }
}

impl Decisions {
    fn new(local: &Local) -> Self {
        let local = local.clone();
        let index = local.approvals.iter().zip(0..);
        let index = index.map(|(record, at)| (record.key(), at)).collect();
        Self { local, index }
    }

    fn find(&self, waiting: &Withheld<'_>) -> Option<&ApprovalRecord> {
        let at = self.index.get(&(waiting.order(), waiting.entry.into()))?;
        self.local.approvals.get(*at)
    }

    /// Puts a record in place of the one about the same entry.
    fn put(&mut self, record: ApprovalRecord) -> Answer<()> {
        let approvals = &mut self.local.approvals;
        if let Some(at) = self.index.get(&record.key()) {
            approvals[*at] = record;
            return Ok(());
        }
        if approvals.len() >= APPROVALS_MAX {
            let error =
                format!("{APPROVALS_MAX} entries are decided about already, which is the limit");
            return Err(refused("limit", error));
        }
        self.index.insert(record.key(), approvals.len());
        approvals.push(record);
        Ok(())
    }
}

fn subject(request: &DecideHold) -> String {
    match &request.entry {
        Some(entry) => format!("entry {entry} of order {}", request.id),
        None => format!("order {}", request.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(uid: u32) -> Person {
        Person {
            uid,
            name: format!("user {uid}"),
            at: Timestamp::UNIX_EPOCH,
            reason: "checked".to_owned(),
        }
    }

    fn terms() -> crate::order::Terms {
        crate::order::Terms {
            direction: crate::order::Direction::To,
            protocol: None,
            ports: Box::default(),
            until: Timestamp::UNIX_EPOCH,
            since: Timestamp::UNIX_EPOCH,
            reason: None,
            order: 0,
        }
    }

    fn record(approved: &[u32]) -> ApprovalRecord {
        ApprovalRecord {
            order: OrderId {
                feed: crate::order::FeedName::operator(),
                reference: "1".into(),
            },
            entry: "e1".into(),
            net: "198.51.100.0/24".parse().unwrap(),
            seen: Some(SeenTerms::of(&terms())),
            reasons: vec![HoldReason::OwnSpace, HoldReason::ShortPrefix],
            approved: approved.iter().map(|uid| person(*uid)).collect(),
            rejected: None,
        }
    }

    #[test]
    fn the_strictest_reason_says_how_many_it_takes_and_root_counts_only_where_one_does() {
        let config = |own_space, short_prefix| ApprovalConfig {
            own_space,
            short_prefix,
            shared_infrastructure: 2,
        };
        let passes = |approved: &[u32], config| record(approved).decision(config).is_some();
        assert!(!passes(&[], config(1, 1)));
        assert!(passes(&[0], config(1, 1)));
        assert!(!passes(&[1000], config(1, 2)));
        assert!(!passes(&[0, 1000], config(2, 1)));
        assert!(passes(&[1000, 1001], config(2, 2)));
    }

    #[test]
    fn a_rejection_outweighs_approvals() {
        let mut record = record(&[1000, 1001]);
        record.rejected = Some(person(1002));
        let decision = record.decision(ApprovalConfig::default());
        assert_eq!(decision.map(|d| d.decision), Some(Decision::Rejected));
    }

    proptest::proptest! {
        #[test]
        fn fewer_persons_than_it_takes_decide_nothing(
            approved in proptest::collection::vec(0..4_u32, 0..6),
            (own_space, short_prefix) in (0..3_u8, 0..3_u8),
        ) {
            let config = ApprovalConfig { own_space, short_prefix, shared_infrastructure: 2 };
            let needed = own_space.max(short_prefix).max(1);
            let persons: BTreeSet<u32> = approved.iter().copied().collect();
            // Root is one of two for nobody.
            let counted = persons.iter().filter(|uid| needed == 1 || **uid != 0).count();
            let decided = record(&approved).decision(config).is_some();
            proptest::prop_assert_eq!(decided, counted >= usize::from(needed));
        }
    }
}
