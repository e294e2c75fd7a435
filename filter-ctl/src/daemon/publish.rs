//! What the service shows of itself: the view, made anew after every change and every tick. What of it grows with
//! the number of orders or exceptions is made anew only when it has changed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use filter_common::table::Scope;
use ipnet::IpNet;
use jiff::Timestamp;

use super::{
    approval::ApprovalRecord,
    desired::{Sources, never_block, next_exception_end},
    engine::Engine,
    feed_switch::FeedMode,
    local::{Exception, Local},
    view::View,
};
use crate::{
    config::{ActionSetting, Config, InterfaceConfig, NeverBlockSetting, RoleSetting},
    http::wire::{
        Alarm, Count, FeedStatus, Generation, InterfaceStatus, NeverBlockEntry, RuleEntry, Stats,
        Status,
    },
    metrics::{self, RefusedBundles},
    observe::{ledger::Tally, offline, report},
    order::{FeedName, OrderId, Provenance, VerifiedOrder, hex},
    policy::{NeverBlock, RuleSet},
    rule::{Rule, order::nlri},
};

/// What of the view is large, kept until it changes.
#[derive(Debug, Default)]
pub(super) struct Shown {
    counted: Option<Counted>,
    protected: Option<Protected>,
    approvals: Arc<Vec<ApprovalRecord>>,
    ranked: Option<Ranked>,
}

/// The counters, as of one revision of the ledger.
#[derive(Debug)]
struct Counted {
    revision: u64,
    stats: Arc<Stats>,
    totals: Arc<BTreeMap<OrderId, Tally>>,
}

/// The rules in force, and what they were made from.
#[derive(Debug)]
struct Ranked {
    rules: Arc<RuleSet>,
    entries: Arc<Vec<RuleEntry>>,
}

/// The never-block list, with all that it depends on.
#[derive(Debug)]
struct Protected {
    settings: Vec<NeverBlockSetting>,
    exceptions: Vec<Exception>,
    /// When it was made, and when the first of the exceptions ends: from the one to the other time changes
    /// nothing.
    made: Timestamp,
    next_end: Option<Timestamp>,
    entries: Arc<Vec<NeverBlockEntry>>,
}

impl Engine {
    /// Publishes the view. Readers see the old one or the new one, whole.
    pub(super) fn publish_view(&mut self) {
        let now = self.now();
        let (stats, totals) = self.counted(now);
        let (deadlines, shown, overdue) = self.deadlines(now);
        let in_force = self.pinned.in_force(&self.sources, &self.local.pauses);
        let in_force = self.with_recovered(in_force);
        let document = Status {
            deadlines: shown,
            overdue,
            ..self.status(now, &in_force)
        };
        let view = View {
            status: document,
            stats,
            metrics: metrics::Extras {
                v4_rows_capacity: u64::from(self.capacity().v4_rows()),
                v6_rows_capacity: u64::from(self.capacity().v6_rows()),
                v4_prefixes_capacity: u64::from(self.capacity().v4_prefixes),
                v6_prefixes_capacity: u64::from(self.capacity().v6_prefixes),
                capacity_errors: self.capacity_errors,
                drifts: self.drifts,
                pulls: self.pull_counts(),
                trust: metrics::TrustExtras::of(&self.trust),
                refused_bundles: self.refused_bundles(),
                push: self.push.counts(),
                audit_failures: self.audit.failures,
                deadlines,
                overdue,
                samples: metrics::SampleCounts {
                    by_reason: self.hub.by_reason(),
                    tallies: self.sampling.tallies,
                },
                groups: self.ledger.groups().totals().clone(),
                enforce: self.enforce_durations,
                unblock: self.unblock_durations,
                evidence: self.evidence_counts(),
                publish: self.publish_durations,
            },
            rules: Arc::clone(&self.rules),
            approvals: self.approvals_shown(),
            waiting: self.waiting(),
            sources: in_force.into_values().collect(),
            totals,
            never_block: self.never_block_entries(now),
            rule_entries: self.rule_entries(),
            letters: self.letters.values().map(Arc::clone).collect(),
            audit_record: self.audit.last(),
            trust: Arc::new(self.trust_status()),
        };
        self.view.send_replace(Arc::new(view));
    }

    fn counted(&mut self, now: Timestamp) -> (Arc<Stats>, Arc<BTreeMap<OrderId, Tally>>) {
        let revision = self.ledger.revision();
        let known = self.shown.counted.take();
        let known = known.filter(|known| known.revision == revision);
        let counted = self.shown.counted.insert(known.unwrap_or_else(|| Counted {
            revision,
            stats: Arc::new(report::stats(&self.ledger, now)),
            totals: Arc::new(self.ledger.orders().clone()),
        }));
        (Arc::clone(&counted.stats), Arc::clone(&counted.totals))
    }

    fn status(&self, now: Timestamp, in_force: &Sources) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            service: true,
            started_at: Some(self.started_at),
            bypass: self.instance.bypass(),
            generation: self.instance.live().ok().flatten().map(|live| Generation {
                entries: Some(self.rules.len() as u64),
                v4_rows: Some(self.table_rows[0]),
                v6_rows: Some(self.table_rows[1]),
                v4_prefixes: Some(self.table_prefixes[0]),
                v6_prefixes: Some(self.table_prefixes[1]),
                ..offline::generation(&live)
            }),
            interfaces: self.interface_statuses(),
            feeds: self.statuses_of(in_force, now),
            alarms: self.alarm_list(),
            deadlines: Vec::new(),
            overdue: 0,
        }
    }

    /// Whether anything is dropped on an interface.
    fn enforces_on(&self, interface: &InterfaceConfig) -> bool {
        let vlans = interface.vlans.iter().filter_map(|vlan| vlan.action);
        let mut actions = vlans.chain([interface.action]);
        self.is_attached(&interface.name, interface.mode)
            && actions.any(|action| action == ActionSetting::Enforce)
    }

    /// On how many interfaces anything is dropped.
    pub(super) fn enforcing_interfaces(&self) -> u64 {
        let interfaces = self.config.interfaces.iter();
        interfaces
            .filter(|interface| self.enforces_on(interface))
            .count() as u64
    }

    fn interface_statuses(&self) -> Vec<InterfaceStatus> {
        let interfaces = self.config.interfaces.iter();
        interfaces
            .map(|interface| InterfaceStatus {
                enforces: Some(self.enforces_on(interface)),
                name: interface.name.clone(),
                role: match interface.role {
                    RoleSetting::Upstream => "upstream",
                    RoleSetting::Customer => "customer",
                }
                .to_owned(),
                mode: interface.mode,
                action: match interface.action {
                    ActionSetting::Enforce => "enforce",
                    ActionSetting::Monitor => "monitor",
                }
                .to_owned(),
                attached: self.is_attached(&interface.name, interface.mode),
                error: if self.detached.contains(&interface.name) {
                    Some("taken off by hand".to_owned())
                } else {
                    self.interface_errors.get(&interface.name).cloned()
                },
            })
            .collect()
    }

    /// What was admitted last of feeds that stand still.
    fn waiting(&self) -> Vec<Arc<VerifiedOrder>> {
        let sources = self.sources.iter();
        let paused =
            sources.filter(|(key, _)| key.feed().is_some_and(|f| self.pause_of(f).is_some()));
        paused.map(|(_, source)| Arc::clone(source)).collect()
    }

    /// Whether there is such a feed: configured, trusted, or one that something is stored of.
    pub(super) fn knows_feed(&self, feed: &FeedName) -> bool {
        let mut configured = self.config.feeds.iter().map(|feed| &feed.name);
        let mut trusted = self.trust.feeds().iter().map(|feed| &feed.name);
        let mut stored = self.sources.values().map(|source| source.feed());
        *feed == FeedName::operator()
            || configured.any(|known| known == feed)
            || trusted.any(|known| known == feed)
            || stored.any(|known| known == feed)
    }

    fn statuses_of(&self, in_force: &Sources, now: Timestamp) -> Vec<FeedStatus> {
        let alarms = self.alarm_list();
        let mut statuses: BTreeMap<FeedName, FeedStatus> = BTreeMap::new();
        let configured = self.config.feeds.iter().map(|feed| feed.name.clone());
        let trusted = self.trust.feeds().iter().map(|feed| feed.name.clone());
        for feed in configured.chain(trusted).chain([FeedName::operator()]) {
            statuses
                .entry(feed.clone())
                .or_insert_with(|| self.feed_status(feed, &alarms));
        }
        for (key, source) in in_force {
            let feed = source.feed().clone();
            let status = statuses
                .entry(feed.clone())
                .or_insert_with(|| self.feed_status(feed, &alarms));
            let latest = self.sources.get(key).unwrap_or(source);
            describe(status, source, latest, now);
        }
        for tally in self.rules.feeds() {
            if let Some(status) = statuses.get_mut(tally.feed) {
                status.enforced += tally.enforced;
                status.withheld += tally.withheld;
                status.held += tally.held;
            }
        }
        statuses.into_values().collect()
    }

    fn feed_status(&self, feed: FeedName, alarms: &[Alarm]) -> FeedStatus {
        let record = self.feeds.get(&feed).cloned().unwrap_or_default();
        let mode = FeedMode::of(&self.config, &self.local, &feed);
        let alarms = alarms.iter().filter(|a| a.subject == feed.as_str());
        let alarms = alarms.cloned().collect();
        let paused = self.paused_status(&feed);
        let pull = self.pulls.get(&feed);
        let drift = self.drifted.get(&feed).copied().unwrap_or_default();
        FeedStatus {
            feed,
            mode: mode.name().to_owned(),
            epoch: None,
            seq: None,
            admitted_at: None,
            expires_at: None,
            desired: 0,
            enforced: 0,
            withheld: 0,
            held: 0,
            alarms,
            refused_bundles: record.refused.values().sum(),
            last_refusal: record.last_refusal,
            paused,
            last_success: pull.and_then(|pull| pull.last_success),
            held_update: pull.and_then(|pull| pull.held.clone()),
            drift,
        }
    }

    fn approvals_shown(&mut self) -> Arc<Vec<ApprovalRecord>> {
        if *self.shown.approvals != self.local.approvals {
            self.shown.approvals = Arc::new(self.local.approvals.clone());
        }
        Arc::clone(&self.shown.approvals)
    }

    fn refused_bundles(&self) -> Vec<RefusedBundles> {
        let counts = self.feeds.iter().flat_map(|(feed, record)| {
            let refused = record.refused.iter();
            refused.map(|(code, count)| (feed.clone(), code.clone(), *count))
        });
        counts
            .map(|(feed, code, count)| RefusedBundles { feed, code, count })
            .collect()
    }

    fn rule_entries(&mut self) -> Arc<Vec<RuleEntry>> {
        let known = self.shown.ranked.take();
        let known = known.filter(|known| Arc::ptr_eq(&known.rules, &self.rules));
        let ranked = self.shown.ranked.insert(known.unwrap_or_else(|| {
            let ranked = (1..).zip(&self.rules.rules);
            let entries =
                ranked.map(|(rank, rule)| rule_entry(rank, rule, &self.config, &self.local));
            Ranked {
                entries: Arc::new(entries.collect()),
                rules: Arc::clone(&self.rules),
            }
        }));
        Arc::clone(&ranked.entries)
    }

    fn never_block_entries(&mut self, now: Timestamp) -> Arc<Vec<NeverBlockEntry>> {
        let (settings, exceptions) = (&self.config.never_block, &self.local.exceptions);
        let is_current = |known: &Protected| {
            known.settings == *settings
                && known.exceptions == *exceptions
                && known.made <= now
                && known.next_end.is_none_or(|end| now < end)
        };
        let known = self.shown.protected.take().filter(is_current);
        let protected = self.shown.protected.insert(known.unwrap_or_else(|| {
            let by_net: HashMap<IpNet, &Exception> = exceptions
                .iter()
                .map(|exception| (exception.net, exception))
                .collect();
            let list = never_block(&self.config, &self.local, now);
            let entries = list.iter().map(|entry| never_block_entry(entry, &by_net));
            Protected {
                settings: settings.clone(),
                exceptions: exceptions.clone(),
                made: now,
                next_end: next_exception_end(&self.local, now),
                entries: Arc::new(entries.collect()),
            }
        }));
        Arc::clone(&protected.entries)
    }
}

fn rule_entry(rank: usize, rule: &Rule, config: &Config, local: &Local) -> RuleEntry {
    let added = local.rules.find(&rule.id);
    let configured = config.rules.iter().find(|known| known.rule.id == rule.id);
    let added = added.filter(|_| configured.is_none());
    let reason = match (configured, added) {
        (Some(configured), _) => configured.reason.clone(),
        (None, Some(added)) => added.reason.clone(),
        // It has ended, and its generation is still in force.
        (None, None) => String::new(),
    };
    let origin = if configured.is_some() {
        "configuration"
    } else {
        "added"
    };
    RuleEntry {
        id: rule.id.clone(),
        rank,
        text: rule.text.to_string(),
        nlri: hex::encode(&nlri(&rule.matching)),
        origin: origin.to_owned(),
        since: added.map(|added| added.at),
        until: rule.until,
        by: added.map(|added| added.by.clone()),
        reason,
        matched: Count::default(),
        dropped: Count::default(),
    }
}

fn never_block_entry(
    entry: &NeverBlock,
    exceptions: &HashMap<IpNet, &Exception>,
) -> NeverBlockEntry {
    let (origin, reason) = entry
        .reason
        .split_once(": ")
        .unwrap_or(("built-in", &entry.reason));
    let exception = match origin {
        "exception" => exceptions.get(&entry.net),
        _ => None,
    };
    NeverBlockEntry {
        net: entry.net,
        scope: match entry.scope {
            Scope::Lists => "lists",
            Scope::All => "all",
        }
        .to_owned(),
        origin: origin.to_owned(),
        reason: reason.to_owned(),
        until: exception.and_then(|exception| exception.until),
        by: exception.map(|exception| exception.by.clone()),
    }
}

/// Adds a source to the status of its feed, of which `latest` was admitted last. How fresh a feed is does not depend on
/// where it stands.
fn describe(
    status: &mut FeedStatus,
    source: &VerifiedOrder,
    latest: &VerifiedOrder,
    now: Timestamp,
) {
    if let Provenance::Bundle { epoch, seq, .. } = source.provenance() {
        status.epoch = Some(*epoch);
        status.seq = Some(*seq);
    }
    status.expires_at = expiry(latest).or(status.expires_at);
    status.admitted_at = status.admitted_at.max(Some(source.admitted_at()));
    status.desired += source.entries().unended(now) as u64;
}

/// From when on a source counts as stale.
const fn expiry(source: &VerifiedOrder) -> Option<Timestamp> {
    match source.provenance() {
        Provenance::Bundle { expires_at, .. } => Some(*expires_at),
        Provenance::List { until, .. } => Some(*until),
        Provenance::Operator { .. } | Provenance::Table => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        http::samples::{status, time},
        order::Entries,
    };

    #[test]
    fn what_is_recovered_of_a_feed_does_not_hide_when_the_rest_of_it_expires() {
        let mut feed = status().feeds.remove(0);
        feed.expires_at = None;
        let (now, until) = (time("2026-11-01T08:00:00Z"), time("2026-11-08T08:00:00Z"));
        let list = Provenance::List {
            sha256: [0; 32],
            fetched_at: now,
            until,
        };
        for provenance in [list, Provenance::Table] {
            let (none, entries) = (Vec::new(), Entries::default());
            let name = feed.feed.clone();
            let source = VerifiedOrder::for_test(name, provenance, now, Vec::new(), entries, none);
            describe(&mut feed, &source, &source, now);
            assert_eq!(feed.expires_at, Some(until));
        }
    }
}
