//! The counters as a document.

use std::collections::BTreeMap;

use filter_common::verdict::Action;
use jiff::Timestamp;

use super::ledger::{Ledger, Tally, verdict_of};
use crate::http::wire::{
    Count, FeedStats, InterfaceStats, OrderStats, ReasonStats, RuleStats, Stats, Totals,
};

/// What was dropped.
#[must_use]
pub const fn real(tally: Tally) -> Count {
    Count {
        packets: tally.packets,
        bytes: tally.bytes,
    }
}

/// What would have been dropped.
#[must_use]
pub const fn would(tally: Tally) -> Count {
    Count {
        packets: tally.would_packets,
        bytes: tally.would_bytes,
    }
}

/// The document of `stats`.
#[must_use]
pub fn stats(ledger: &Ledger, at: Timestamp) -> Stats {
    let mut all: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut interfaces = Vec::new();
    for (name, reasons) in ledger.verdicts() {
        for (reason, tally) in reasons {
            all.entry(reason).or_default().add(*tally);
        }
        let reasons = reasons
            .iter()
            .map(|(reason, tally)| (reason.as_str(), *tally))
            .collect();
        interfaces.push(InterfaceStats {
            name: name.clone(),
            totals: totals(&reasons),
            reasons: reason_stats(&reasons),
        });
    }
    Stats {
        at,
        totals: totals(&all),
        interfaces,
        reasons: reason_stats(&all),
        feeds: ledger
            .feeds()
            .iter()
            .map(|(feed, tally)| FeedStats {
                feed: feed.clone(),
                packets: tally.packets,
                bytes: tally.bytes,
                would_drop: would(*tally),
            })
            .collect(),
        orders: ledger
            .orders()
            .iter()
            .map(|(id, tally)| OrderStats {
                id: id.clone(),
                feed: id.feed.clone(),
                reference: id.reference.to_string(),
                packets: tally.packets,
                bytes: tally.bytes,
                would_drop: would(*tally),
            })
            .collect(),
        rules: ledger
            .rules()
            .iter()
            .map(|(rule, tally)| RuleStats {
                rule: rule.to_owned(),
                packets: tally.dropped_packets,
                bytes: tally.dropped_bytes,
                matched: Count {
                    packets: tally.matched_packets,
                    bytes: tally.matched_bytes,
                },
            })
            .collect(),
    }
}

fn totals(reasons: &BTreeMap<&str, Tally>) -> Totals {
    let mut totals = Totals::default();
    for (reason, tally) in reasons {
        totals.packets += tally.packets;
        totals.bytes += tally.bytes;
        let sum = match verdict_of(reason).1 {
            Action::Pass => &mut totals.passed,
            Action::Drop => &mut totals.dropped,
        };
        sum.packets += tally.packets;
        sum.bytes += tally.bytes;
        totals.would_drop.packets += tally.would_packets;
        totals.would_drop.bytes += tally.would_bytes;
    }
    totals
}

/// Reasons that have occurred, by number of packets.
fn reason_stats(reasons: &BTreeMap<&str, Tally>) -> Vec<ReasonStats> {
    let mut stats: Vec<ReasonStats> = reasons
        .iter()
        .filter(|(_, tally)| tally.packets > 0 || tally.would_packets > 0)
        .map(|(key, tally)| {
            let (reason, action) = verdict_of(key);
            ReasonStats {
                reason: reason.to_owned(),
                verdict: match action {
                    Action::Pass => "pass",
                    Action::Drop => "drop",
                }
                .to_owned(),
                packets: tally.packets,
                bytes: tally.bytes,
                would_drop: would(*tally),
            }
        })
        .collect();
    stats.sort_by(|a, b| {
        b.packets
            .cmp(&a.packets)
            .then_with(|| a.reason.cmp(&b.reason))
    });
    stats
}
