//! A snapshot of the service, from which all reads are answered; `explain` is what it says of one address.

mod explain;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    approval::{ApprovalRecord, seen},
    letters::letter_info,
};
use crate::{
    http::wire::{
        Count, CoveringEntry, HeldEntry, HeldOrder, Holds, NeverBlockEntry, OrderDetail,
        OrderSummary, RuleEntry, Stats, Status, TrustStatus, WithheldEntry,
    },
    metrics,
    observe::{
        ledger::{Ledger, Tally},
        report::{self, real, would},
    },
    order::{FeedName, OrderId, OrderInfo, PortRange, VerifiedOrder, field, letter::OperatorOrder},
    policy::{Rule, RuleSet, Withheld, WithheldReason},
};

/// Entries that `order holds` lists; the others are counted.
const HOLDS_LISTED_MAX: usize = 1_000;

/// The snapshot. Cheap to make: what is large in it is shared.
#[derive(Debug)]
pub struct View {
    /// The document of `status`.
    pub status: Status,
    /// The counters as of the last tick.
    pub stats: Arc<Stats>,
    /// What the metrics say beyond both.
    pub metrics: metrics::Extras,
    /// The rules in force.
    pub rules: Arc<RuleSet>,
    /// What persons have said of entries that wait.
    pub(crate) approvals: Arc<Vec<ApprovalRecord>>,
    /// Every source that is to be in force; of a feed that stands still, what it stands at.
    pub sources: Vec<Arc<VerifiedOrder>>,
    /// Of each feed that stands still, what was admitted last.
    pub waiting: Vec<Arc<VerifiedOrder>>,
    /// Totals by order.
    pub totals: Arc<BTreeMap<OrderId, Tally>>,
    /// What is never blocked.
    pub never_block: Arc<Vec<NeverBlockEntry>>,
    /// The rules in force, without their counters.
    pub rule_entries: Arc<Vec<RuleEntry>>,
    /// What operators have entered.
    pub letters: Vec<Arc<OperatorOrder>>,
    /// The number of the audit log's last record; `None` while the log cannot be opened.
    pub audit_record: Option<u64>,
    /// The trust file in force.
    pub trust: Arc<TrustStatus>,
}

impl View {
    /// What there is to see before anything has been read.
    #[must_use]
    pub fn starting() -> Self {
        let status = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            service: true,
            started_at: None,
            bypass: false,
            generation: None,
            interfaces: Vec::new(),
            feeds: Vec::new(),
            alarms: Vec::new(),
            deadlines: Vec::new(),
            overdue: 0,
        };
        Self {
            status,
            stats: Arc::new(report::stats(&Ledger::default(), Timestamp::now())),
            metrics: metrics::Extras::default(),
            rules: Arc::new(RuleSet::default()),
            approvals: Arc::default(),
            sources: Vec::new(),
            waiting: Vec::new(),
            totals: Arc::new(BTreeMap::new()),
            never_block: Arc::new(Vec::new()),
            rule_entries: Arc::default(),
            letters: Vec::new(),
            audit_record: None,
            trust: Arc::default(),
        }
    }

    /// See [`super::handle::Handle::status`].
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.clone()
    }

    /// See [`super::handle::Handle::exceptions`].
    #[must_use]
    pub fn exceptions(&self) -> Vec<NeverBlockEntry> {
        self.never_block.as_ref().clone()
    }

    /// See [`super::handle::Handle::rules`].
    #[must_use]
    pub fn rule_entries(&self) -> Vec<RuleEntry> {
        let entries = self.rule_entries.iter();
        entries.map(|entry| self.counted(entry)).collect()
    }

    /// A rule with its counters.
    fn counted(&self, entry: &RuleEntry) -> RuleEntry {
        let mut rules = self.stats.rules.iter();
        let found = rules.find(|counted| counted.rule == entry.id.as_str());
        let mut entry = entry.clone();
        if let Some(counted) = found {
            entry.matched = counted.matched;
            entry.dropped = Count {
                packets: counted.packets,
                bytes: counted.bytes,
            };
        }
        entry
    }

    fn is_paused(&self, feed: &FeedName) -> bool {
        self.waiting.iter().any(|source| source.feed() == feed)
    }

    /// See [`super::handle::Handle::orders`].
    #[must_use]
    pub fn orders(&self) -> Vec<OrderSummary> {
        let mut summaries = BTreeMap::new();
        for (id, info) in self.infos() {
            summaries.insert(id.clone(), self.empty_summary(&id, info));
        }
        for (order, tally) in self.rules.tallies() {
            if let Some(summary) = summaries.get_mut(&order.id) {
                summary.enforced += tally.entries;
                if let Some((since, until)) = tally.span {
                    widen(summary, since, until);
                }
            }
        }
        let mut withheld: HashMap<(&FeedName, &str), NotInForce> = HashMap::new();
        for entry in self.rules.withheld() {
            let of_order = withheld.entry((entry.feed, entry.reference)).or_default();
            of_order.entries += 1;
            match entry.why {
                WithheldReason::Withdrawn => of_order.withdrawn = true,
                WithheldReason::Refused(_) | WithheldReason::Rejected => of_order.refused = true,
                WithheldReason::Held(_) => of_order.held = true,
                WithheldReason::Partial | WithheldReason::Ended => {}
            }
        }
        let without_address = self.letters.iter().filter(|l| l.entries.is_empty());
        let without_address: HashSet<&str> = without_address
            .map(|letter| &*letter.info.reference)
            .collect();
        for (id, summary) in &mut summaries {
            let asks_nothing =
                id.feed.as_str() == FeedName::OPERATOR && without_address.contains(&*id.reference);
            let withheld = withheld.get(&(&id.feed, &*id.reference));
            let withheld = withheld.copied().unwrap_or_default();
            summary.withheld = withheld.entries;
            let status = match (summary.enforced, summary.withheld) {
                (0, _) if asks_nothing => "not_enforceable",
                (0, _) if withheld.withdrawn => "withdrawn",
                (0, _) if withheld.held => "held",
                (0, _) if withheld.refused => "refused",
                (0, _) if self.is_paused(&id.feed) => "paused",
                (0, _) => "ended",
                (_, 0) => "in_force",
                _ => "partial",
            };
            status.clone_into(&mut summary.status);
        }
        summaries.into_values().collect()
    }

    /// See [`super::handle::Handle::holds`].
    #[must_use]
    pub fn holds(&self) -> Holds {
        let by_entry: HashMap<(&OrderId, &str), &ApprovalRecord> = self
            .approvals
            .iter()
            .map(|record| ((&record.order, &*record.entry), record))
            .collect();
        let (mut entries, mut total) = (Vec::new(), 0);
        let mut by_order: BTreeMap<OrderId, Vec<Withheld<'_>>> = BTreeMap::new();
        for waiting in self.rules.withheld() {
            let WithheldReason::Held(reason) = waiting.why else {
                continue;
            };
            total += 1;
            let id = waiting.order();
            if let Some(terms) = waiting.terms
                && entries.len() < HOLDS_LISTED_MAX
            {
                let known = by_entry.get(&(&id, waiting.entry));
                let known = known.filter(|record| record.net == waiting.net);
                entries.push(HeldEntry {
                    entry: waiting.entry.to_owned(),
                    net: waiting.net,
                    dir: terms.direction,
                    proto: terms.protocol.map(protocol),
                    ports: terms.ports.iter().map(|range| port_range(*range)).collect(),
                    until: terms.until,
                    seen: seen([&waiting]),
                    reason,
                    approved_by: known.map_or_else(Vec::new, |record| record.approved.clone()),
                    id: id.clone(),
                });
            }
            by_order.entry(id).or_default().push(waiting);
        }
        let orders = by_order.into_iter().take(HOLDS_LISTED_MAX);
        let orders = orders.map(|(id, waiting)| HeldOrder {
            id,
            waiting: waiting.len() as u64,
            seen: seen(&waiting),
        });
        Holds {
            entries,
            total,
            orders: orders.collect(),
        }
    }

    /// See [`super::handle::Handle::order`].
    #[must_use]
    pub fn order(&self, id: &OrderId) -> Option<OrderDetail> {
        let summary = self
            .orders()
            .into_iter()
            .find(|summary| summary.id == *id)?;
        let orders = self.rules.orders.iter();
        let number = orders.map(|order| &order.id).position(|other| other == id);
        let mine = self
            .rules
            .rules()
            .filter(|rule| Some(rule.order as usize) == number);
        let withheld = self.rules.withheld_of(&id.feed);
        let withheld = withheld.filter(|entry| *entry.reference == *id.reference);
        Some(OrderDetail {
            summary,
            entries: mine.map(|rule| self.covering_entry(&rule)).collect(),
            not_enforced: withheld
                .map(|entry| withheld_entry(&entry))
                .chain(self.waiting_of(id))
                .collect(),
            letter: self.letter(id).map(letter_info),
        })
    }

    fn letter(&self, id: &OrderId) -> Option<&OperatorOrder> {
        let mut letters = self.letters.iter();
        letters
            .find(|letter| {
                id.feed.as_str() == FeedName::OPERATOR && letter.info.reference == id.reference
            })
            .map(|letter| &**letter)
    }

    /// Every order that a source names, with what it says of itself.
    fn infos(&self) -> impl Iterator<Item = (OrderId, &OrderInfo)> {
        self.waiting.iter().chain(&self.sources).flat_map(|source| {
            source.orders().iter().map(|info| {
                let id = OrderId {
                    feed: source.feed().clone(),
                    reference: info.reference.clone(),
                };
                (id, info)
            })
        })
    }

    fn empty_summary(&self, id: &OrderId, info: &OrderInfo) -> OrderSummary {
        let total = self.totals.get(id).copied().unwrap_or_default();
        OrderSummary {
            id: id.clone(),
            feed: id.feed.clone(),
            issuer: info.issuer.to_string(),
            reference: info.reference.to_string(),
            basis: info.basis.to_string(),
            reason: info.reason.to_string(),
            status: String::new(),
            enforced: 0,
            withheld: 0,
            since: None,
            until: None,
            dropped: real(total),
            would_drop: would(total),
        }
    }

    fn covering_entry(&self, rule: &Rule<'_>) -> CoveringEntry {
        let (id, net, terms) = (rule.entry.id, rule.entry.net, rule.entry.terms);
        let order = &self.rules.orders[rule.order as usize];
        CoveringEntry {
            id: order.id.clone(),
            entry: id.to_owned(),
            feed: order.id.feed.clone(),
            issuer: order.info.issuer.to_string(),
            reference: order.info.reference.to_string(),
            basis: order.info.basis.to_string(),
            reason: order.info.reason.to_string(),
            net,
            dir: terms.direction,
            proto: terms.protocol.map(protocol),
            ports: terms.ports.iter().map(|range| port_range(*range)).collect(),
            mode: if rule.monitor { "monitor" } else { "enforce" }.to_owned(),
            paused: self.is_paused(&order.id.feed),
            since: terms.since,
            until: terms.until,
            dropped: real(self.totals.get(&order.id).copied().unwrap_or_default()),
        }
    }
}

/// What is withheld of an order.
#[derive(Clone, Copy, Default)]
struct NotInForce {
    entries: u64,
    withdrawn: bool,
    refused: bool,
    held: bool,
}

fn widen(summary: &mut OrderSummary, since: Timestamp, until: Timestamp) {
    summary.since = Some(summary.since.map_or(since, |earliest| earliest.min(since)));
    summary.until = Some(summary.until.map_or(until, |latest| latest.max(until)));
}

/// An entry that is not in force, as it is shown.
#[must_use]
pub fn withheld_entry(withheld: &Withheld<'_>) -> WithheldEntry {
    let (status, reason) = match withheld.why {
        WithheldReason::Refused(reason) => ("refused", Some(reason.name().to_owned())),
        WithheldReason::Held(reason) => ("held", Some(reason.name().to_owned())),
        WithheldReason::Rejected => ("refused", Some("rejected".to_owned())),
        WithheldReason::Partial => ("partial", Some("never_block".to_owned())),
        WithheldReason::Withdrawn => ("withdrawn", None),
        WithheldReason::Ended => ("ended", None),
    };
    WithheldEntry {
        id: withheld.order(),
        entry: withheld.entry.to_owned(),
        net: withheld.net,
        status: status.to_owned(),
        reason,
    }
}

fn protocol(number: u8) -> String {
    field::protocol_name(number).map_or_else(|| number.to_string(), ToOwned::to_owned)
}

fn port_range(range: PortRange) -> String {
    if range.first == range.last {
        range.first.to_string()
    } else {
        format!("{}-{}", range.first, range.last)
    }
}
