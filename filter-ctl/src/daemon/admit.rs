//! Bundles and operators' orders: judged, made durable, enforced.

use std::{collections::HashSet, sync::Arc};

use ipnet::IpNet;
use jiff::Timestamp;

use super::{
    desired::SourceKey,
    engine::{Engine, actor_name, failed, invalid, refused},
    handle::{Actor, Answer, Upload},
    receipts::Arrival,
    view::withheld_entry,
};
use crate::{
    audit::Event,
    config::OrdersConfig,
    http::wire::{AddOrder, ApplyReport, Changed, RefusalKind, WithheldEntry},
    order::{
        FeedName, Input, OrderId, OrderInfo, Provenance, VerifiedOrder,
        field::{parse_moment, parse_port_range, parse_protocol, parse_until},
        hex,
        letter::{Entered, Letter, LetterEntry, LetterLimits, enter},
        verify::{Admission, Admitted, Context, Mark, ReadmitAlarm, UntrustedOrder, admit},
    },
    policy::RuleSet,
};

/// Withheld entries that a report lists; their number is always complete.
const REPORTED_MAX: usize = 1000;

impl Engine {
    /// Admits a bundle, commits it, enforces it.
    pub(super) fn apply(&mut self, upload: Upload, actor: &Actor) -> Answer<ApplyReport> {
        let received_at = Timestamp::now();
        let mut arrival = Arrival::of(&upload, received_at);
        let Upload {
            feed,
            bundle,
            signatures,
        } = upload;
        let mut untrusted = UntrustedOrder {
            transport_feed: feed,
            bundle,
            signatures,
        };
        let result = self.apply_bundle(&mut untrusted, actor, &mut arrival);
        self.give_receipt(&arrival, &result);
        self.keep_bundle(&untrusted, &arrival, &result, actor);
        // What failed was not judged: it is no refusal, and can be tried again.
        if let Err(refusal) = &result
            && refusal.kind == RefusalKind::Refused
        {
            let (feed, sha256) = (untrusted.transport_feed, untrusted.bundle.sha256());
            self.note_refusal(feed, sha256, refusal, actor);
        }
        result
    }

    fn apply_bundle(
        &mut self,
        untrusted: &mut UntrustedOrder,
        actor: &Actor,
        arrival: &mut Arrival,
    ) -> Answer<ApplyReport> {
        let received_at = arrival.received_at;
        self.check_time(received_at)?;
        let admission = {
            let mark = |feed: &FeedName| self.marks.get(feed).cloned();
            let previous =
                |feed: &FeedName| self.sources.get(&SourceKey::Bundle(feed.clone())).cloned();
            let bundles = |feed: &FeedName, mark: &Mark| {
                let bundles = self.store.bundles(feed, mark);
                bundles.map_err(|error| error.to_string())
            };
            let context = Context {
                mark: &mark,
                previous: &previous,
                bundles: &bundles,
                ..Context::new(received_at, &self.timezone)
            };
            admit(untrusted, &self.trust, &context)
        };
        arrival.judged(untrusted, &admission, &self.timezone);
        let admission = admission.map_err(|error| {
            self.note_equivocation(&error, untrusted, actor);
            refused(error.code(), error.to_string())
        })?;
        match admission {
            Admission::Repeat { feed, mark } if self.damaged.contains(feed.as_str()) => {
                self.repair(untrusted, &feed, &mark, actor, received_at)
            }
            Admission::Repeat { feed, .. } => self.repeat(&feed, received_at),
            Admission::Test(order) => self.test_bundle(&order, received_at),
            Admission::New(admitted) => self.commit(untrusted, *admitted, actor, received_at),
        }
    }

    fn commit(
        &mut self,
        untrusted: &mut UntrustedOrder,
        admitted: Admitted,
        actor: &Actor,
        received_at: Timestamp,
    ) -> Answer<ApplyReport> {
        let feed = admitted.order.feed().clone();
        self.check_undamaged(Some(&feed))?;
        let key = SourceKey::Bundle(feed.clone());
        let order = Arc::clone(&admitted.order);
        let before = self.sources.get(&key).cloned();
        let sources = self.sources_with(key, Arc::clone(&order));
        let local = self.local.clone();
        let plan = self.plan(&sources, &local)?;
        let stored = self.store.commit(untrusted, &admitted);
        self.stored("commit", stored)?;
        let admitted_at = Timestamp::now();
        let mark = admitted.mark;
        self.sources = sources;
        self.marks.insert(feed.clone(), mark.clone());
        if mark.chain.is_empty() {
            for code in ReadmitAlarm::FILES {
                self.clear_alarm(code, feed.as_str());
            }
        }
        self.judge_signers(&feed, &mark);
        self.end_equivocation(&feed);
        if self.damaged.remove(feed.as_str()) {
            self.clear_alarm("state_damaged", feed.as_str());
        }
        self.record(
            Event::new(&actor_name(actor), "bundle_admitted", feed.as_str())
                .detail("epoch", mark.epoch)
                .detail("seq", mark.seq)
                .detail("sha256", hex::encode(&mark.sha256))
                .detail("signers", mark.signers.join(", "))
                .detail("entries", order.entries().len())
                .detail("refused", order.refused().len()),
        );
        let enforced = self.enforce_plan(plan);
        let enforced_at = Timestamp::now();
        self.prune_bundles(&feed);
        let generation = enforced?;
        let paused = self.pause_of(&feed).is_some();
        if !paused {
            self.enforce_durations
                .observe_between(received_at, enforced_at);
            if before.is_some_and(|before| takes_away(&before, &order)) {
                self.unblock_durations
                    .observe_between(received_at, enforced_at);
            }
        }
        Ok(ApplyReport {
            generation: Some(generation),
            admitted_at,
            enforced_at: (!paused).then_some(enforced_at),
            ..self.report(
                &order,
                if paused { "paused" } else { "enforced" },
                received_at,
            )
        })
    }

    /// Puts the very bundle that the mark names back in place of a stored one that cannot be read.
    fn repair(
        &mut self,
        untrusted: &mut UntrustedOrder,
        feed: &FeedName,
        mark: &Mark,
        actor: &Actor,
        received_at: Timestamp,
    ) -> Answer<ApplyReport> {
        self.check_undamaged(Some(feed))?;
        let stored = self.store.restore(untrusted, feed, mark);
        self.stored("commit", stored)?;
        self.damaged.remove(feed.as_str());
        self.clear_alarm("state_damaged", feed.as_str());
        self.load_feed(feed);
        self.record(Event::new(
            &actor_name(actor),
            "bundle_restored",
            feed.as_str(),
        ));
        self.check_undamaged(None)?;
        self.enforce_desired()?;
        self.repeat(feed, received_at)
    }

    fn repeat(&self, feed: &FeedName, received_at: Timestamp) -> Answer<ApplyReport> {
        let source = self.sources.get(&SourceKey::Bundle(feed.clone())).cloned();
        let source = source.ok_or_else(|| {
            let error = format!("the mark of {feed} names this bundle, but it is not loaded");
            failed("not_loaded", error)
        })?;
        Ok(self.report(&source, "repeat", received_at))
    }

    /// A test bundle goes the whole way, up to what it would amount to, and is not enforced.
    fn test_bundle(
        &mut self,
        order: &VerifiedOrder,
        received_at: Timestamp,
    ) -> Answer<ApplyReport> {
        let key = SourceKey::Bundle(order.feed().clone());
        let sources = self.sources_with(key, Arc::new(order.rehearsed()));
        let local = self.local.clone();
        let plan = self.plan(&sources, &local)?;
        Ok(ApplyReport {
            enforced: 0,
            ..self.report_under(&plan.rules, order, "test", received_at)
        })
    }

    /// What became of the entries of a source that is in force.
    pub(super) fn report(
        &self,
        order: &VerifiedOrder,
        status: &str,
        received_at: Timestamp,
    ) -> ApplyReport {
        self.report_under(&self.rules, order, status, received_at)
    }

    /// What becomes of the entries of a source under these rules.
    fn report_under(
        &self,
        rules: &RuleSet,
        order: &VerifiedOrder,
        status: &str,
        received_at: Timestamp,
    ) -> ApplyReport {
        let (epoch, seq) = match order.provenance() {
            Provenance::Bundle { epoch, seq, .. } => (Some(*epoch), Some(*seq)),
            Provenance::List { .. } | Provenance::Operator { .. } | Provenance::Table => {
                (None, None)
            }
        };
        let references: HashSet<&str> =
            order.orders().iter().map(|info| &*info.reference).collect();
        let is_mine = |feed: &FeedName, reference: &str| {
            feed == order.feed() && references.contains(reference)
        };
        let withheld = rules.withheld_of(order.feed());
        let mut mine = withheld.filter(|entry| is_mine(entry.feed, entry.reference));
        let withheld: Vec<WithheldEntry> = mine
            .by_ref()
            .take(REPORTED_MAX)
            .map(|entry| withheld_entry(&entry))
            .collect();
        let withheld_total = withheld.len() + mine.count();
        let received = order.entries().len() + order.refused().len();
        let paused = self.pause_of(order.feed()).is_some();
        let tallies = rules.tallies();
        let tallies = tallies.filter(|(order, _)| is_mine(&order.id.feed, &order.id.reference));
        let enforced: u64 = tallies.map(|(_, tally)| tally.entries).sum();
        // Of a feed that stands still, what it sends beyond that is not listed one by one.
        let waiting = (received as u64).saturating_sub(enforced);
        let withheld_total = if paused {
            waiting.max(withheld_total as u64)
        } else {
            withheld_total as u64
        };
        let ids = (0..)
            .zip(order.orders())
            .map(|(index, _)| order.order_id(index));
        let mut orders: Vec<OrderId> = ids.collect();
        orders.sort_unstable();
        ApplyReport {
            feed: order.feed().clone(),
            status: status.to_owned(),
            epoch,
            seq,
            received: received as u64,
            enforced,
            withheld,
            withheld_total,
            paused,
            orders,
            generation: self.generation(),
            received_at,
            admitted_at: order.admitted_at(),
            enforced_at: None,
        }
    }

    /// Enters an operator's order, or adds to one.
    pub(super) fn add_order(
        &mut self,
        request: &AddOrder,
        attachment: Option<&Input>,
        actor: &Actor,
    ) -> Answer<ApplyReport> {
        let received_at = Timestamp::now();
        self.check_time(received_at)?;
        self.check_undamaged(None)?;
        let id = OrderId {
            feed: FeedName::operator(),
            reference: request.reference.as_str().into(),
        };
        let withdrawn =
            |record: &super::local::WithdrawalRecord| record.order == id && record.entry.is_none();
        if self.local.withdrawals.iter().any(withdrawn) {
            let error = format!(
                "order {id} is withdrawn; run `filter-ctl order reinstate '{id}'` first, or use \
                 another reference"
            );
            return Err(refused("withdrawn", error));
        }
        let letter = self.letter(request, actor, received_at)?;
        let OrdersConfig {
            shortest_ipv4,
            shortest_ipv6,
            until_max_days,
            hold: _,
        } = self.config.orders;
        let limits = LetterLimits {
            shortest_ipv4,
            shortest_ipv6,
            until_max_days: u16::try_from(until_max_days).unwrap_or(u16::MAX),
            ..LetterLimits::default()
        };
        let Entered { order: letter, .. } = enter(
            self.letters.get(&id.reference).map(|letter| &**letter),
            &letter,
            &limits,
        )
        .map_err(|error| invalid(error.code(), error.to_string()))?;
        let order = letter
            .verified()
            .map_err(|error| invalid(error.code(), error.to_string()))?;
        let order = Arc::new(order);
        let key = SourceKey::Letter(id.reference.clone());
        let sources = self.sources_with(key, Arc::clone(&order));
        let local = self.local.clone();
        let plan = self.plan(&sources, &local)?;
        let stored = self.store.save_operator(&letter);
        self.stored("commit", stored)?;
        let admitted_at = Timestamp::now();
        self.sources = sources;
        self.letters.insert(id.reference.clone(), Arc::new(letter));
        if let Some(attachment) = attachment {
            self.keep_attachment(&id, attachment, &actor_name(actor));
        }
        self.record(
            Event::new(&actor_name(actor), "order_add", id.to_string())
                .detail("issuer", &request.issuer)
                .detail(
                    "sha256",
                    attachment.map_or_else(String::new, |a| hex::encode(&a.sha256())),
                )
                .detail("until", &request.until)
                .detail("entries", request.nets.len()),
        );
        let generation = self.enforce_plan(plan)?;
        let enforced_at = Timestamp::now();
        self.enforce_durations
            .observe_between(received_at, enforced_at);
        Ok(ApplyReport {
            generation: Some(generation),
            admitted_at,
            enforced_at: Some(enforced_at),
            ..self.report(&order, "enforced", received_at)
        })
    }

    fn letter(&self, request: &AddOrder, actor: &Actor, now: Timestamp) -> Answer<Letter> {
        let until = parse_until(&request.until, now, &self.timezone)
            .map_err(|error| invalid("until", error.to_string()))?;
        let deadline = request
            .deadline
            .as_deref()
            .map(|deadline| parse_moment(deadline, &self.timezone))
            .transpose()
            .map_err(|error| invalid("deadline", error.to_string()))?;
        let protocol = match request.proto.as_deref() {
            None => None,
            Some(text) => Some(parse_protocol(text).ok_or_else(|| {
                let error =
                    format!("`{text}` is no protocol: expected a name such as tcp, or 0 to 255");
                invalid("proto", error)
            })?),
        };
        let ports: Result<Vec<_>, _> = request
            .ports
            .iter()
            .map(|port| parse_port_range(port))
            .collect();
        let ports = ports.map_err(|error| invalid("ports", error.to_string()))?;
        let entry = |net: &IpNet| LetterEntry {
            net: *net,
            direction: request.dir,
            protocol,
            ports: ports.clone(),
            until: Some(until),
        };
        // Without an authority of its own, an order is the operator's.
        let issuer = match request.issuer.trim() {
            "" => format!("operator {}", actor.name),
            issuer => issuer.to_owned(),
        };
        Ok(Letter {
            info: OrderInfo {
                reference: request.reference.as_str().into(),
                issuer: issuer.into(),
                basis: request.basis.as_str().into(),
                reason: request.reason.as_str().into(),
            },
            uid: actor.uid.unwrap_or(0),
            user: actor.name.clone(),
            entered_at: now,
            deadline,
            date: request.date,
            entries: request.nets.iter().map(entry).collect(),
            not_enforceable: request.not_enforceable.clone(),
        })
    }

    /// Counts how long it took until what an operator takes away was no longer enforced.
    pub(super) fn note_unblocked(&mut self, asked_at: Timestamp, result: &Answer<Changed>) {
        if result.is_ok() {
            self.unblock_durations
                .observe_between(asked_at, Timestamp::now());
        }
    }

    /// Nothing is admitted while the clock is known to be wrong: an old bundle would look fresh.
    pub(super) fn check_time(&self, now: Timestamp) -> Answer<()> {
        match self.clock.doubt(now) {
            None => Ok(()),
            Some((code, problem)) => Err(failed(code, problem)),
        }
    }
}

/// Whether something that was asked for before is not any more, or is narrower. What has ended by itself does not
/// count.
fn takes_away(before: &VerifiedOrder, after: &VerifiedOrder) -> bool {
    let mut still = after.entries().alongside();
    let now = after.admitted_at();
    let mut asked = before.entries().by_id().filter(|e| e.terms.until > now);
    asked.any(|entry| !still(entry.id).is_some_and(|known| known.asks_the_same(&entry)))
}
