//! Every metric.

use std::collections::BTreeMap;

use filter_common::{abi::ABI_VERSION, verdict::Reason};
use jiff::Timestamp;

use super::{Extras, Sample, family::Family, traffic};
use crate::{
    http::{
        push::monitor::PushCounts,
        wire::{Count, FeedStatus, InterfaceStats, ReasonStats, Stats, Status},
    },
    order::FeedName,
};

/// All metrics but those of the process.
pub(super) fn families(sample: &Sample<'_>) -> Vec<Family> {
    let mut families = service(sample.status, sample.extras);
    families.extend(tables(sample.status, sample.extras));
    families.extend(packets(sample.stats));
    families.extend(feeds(sample));
    families.extend(pulls(sample.extras));
    families.extend(push(&sample.extras.push));
    families.extend(traffic::families(sample.extras));
    families.extend(letters(sample.extras));
    families.extend(sample.extras.trust.families());
    families
}

fn service(status: &Status, extras: &Extras) -> Vec<Family> {
    let Extras {
        capacity_errors,
        drifts,
        enforce,
        unblock,
        publish,
        evidence,
        ..
    } = extras;
    let abi = ABI_VERSION.to_string();
    let generation = status.generation.as_ref();
    let mut alarms = BTreeMap::<&str, u64>::new();
    for alarm in &status.alarms {
        *alarms.entry(&alarm.code).or_default() += 1;
    }
    vec![
        Family::gauge(
            "levee_build_info",
            "The version of the service and of its pinned maps",
        )
        .with(&[("version", &status.version), ("abi", &abi)], 1),
        Family::gauge(
            "levee_bypass",
            "Whether the kill switch is on and everything passes",
        )
        .with(&[], status.bypass.into()),
        Family::gauge("levee_attached", "Whether the program is on the interface").each(
            &status.interfaces,
            |family, interface| {
                family.with(
                    &[
                        ("interface", &interface.name),
                        ("mode", interface.mode.name()),
                    ],
                    interface.attached.into(),
                )
            },
        ),
        Family::gauge("levee_alarms", "Alarms that are raised, by code")
            .each(alarms, |family, (code, count)| {
                family.with(&[("code", code)], count)
            }),
        Family::gauge("levee_generation", "The generation in force")
            .each(generation, |family, generation| {
                family.with(&[], generation.number)
            }),
        Family::gauge(
            "levee_generation_published_timestamp_seconds",
            "When the generation in force became live",
        )
        .each(generation, |family, generation| {
            family.with(&[], seconds(generation.published_at))
        }),
        Family::counter(
            "levee_capacity_errors_total",
            "Rule sets refused because they did not fit; the previous one stayed in force",
        )
        .with(&[], *capacity_errors),
        Family::counter(
            "levee_drifts_total",
            "Checks that found something else in the kernel than was put there; it was written anew",
        )
        .with(&[], *drifts),
        Family::histogram(
            "levee_time_to_enforce_seconds",
            "From the receipt of an order to its enforcement",
            enforce,
        ),
        Family::histogram(
            "levee_time_to_unblock_seconds",
            "From the receipt of a withdrawal, an exception or a bundle that takes entries away to its enforcement",
            unblock,
        ),
        Family::gauge("levee_evidence_inputs", "Inputs kept as evidence").with(&[], evidence.inputs),
        Family::gauge("levee_evidence_bytes", "Bytes of the inputs kept as evidence")
            .with(&[], evidence.bytes),
        Family::counter(
            "levee_evidence_failures_total",
            "Inputs that could not be kept as evidence, or removed",
        )
        .with(&[], evidence.failures),
        Family::counter(
            "levee_evidence_removed_early_total",
            "Inputs removed before their time, because there were too many",
        )
        .with(&[], evidence.removed_early),
        Family::histogram(
            "levee_publish_seconds",
            "The writing of a generation into the kernel",
            publish,
        ),
    ]
}

/// What authorities ask of their listener.
fn push(counts: &PushCounts) -> Vec<Family> {
    vec![
        Family::counter(
            "levee_push_requests_total",
            "Requests of authorities, by feed and HTTP status",
        )
        .each(&counts.requests, |family, ((feed, code), count)| {
            let feed = feed.as_ref().map_or("", FeedName::as_str);
            family.with(&[("feed", feed), ("code", &code.to_string())], *count)
        }),
        Family::counter(
            "levee_push_handshakes_failed_total",
            "Connections to the authorities' listener that ended before both certificates were accepted",
        )
        .with(&[], counts.handshakes_failed),
    ]
}

/// How full the orders' tables are.
fn tables(status: &Status, extras: &Extras) -> Vec<Family> {
    let generation = status.generation.as_ref();
    let rows = [
        ("ipv4", generation.and_then(|generation| generation.v4_rows)),
        ("ipv6", generation.and_then(|generation| generation.v6_rows)),
    ];
    let prefixes = [
        (
            "ipv4",
            generation.and_then(|generation| generation.v4_prefixes),
        ),
        (
            "ipv6",
            generation.and_then(|generation| generation.v6_prefixes),
        ),
    ];
    let Extras {
        v4_rows_capacity,
        v6_rows_capacity,
        v4_prefixes_capacity,
        v6_prefixes_capacity,
        ..
    } = extras;
    vec![
        Family::gauge(
            "levee_table_prefixes",
            "Distinct prefixes of all orders in force",
        )
        .each(prefixes, |family, (name, prefixes)| match prefixes {
            Some(prefixes) => family.with(&[("family", name)], prefixes),
            None => family,
        }),
        Family::gauge(
            "levee_table_capacity_prefixes",
            "Distinct prefixes for which there is room",
        )
        .with(&[("family", "ipv4")], *v4_prefixes_capacity)
        .with(&[("family", "ipv6")], *v6_prefixes_capacity),
        Family::gauge("levee_table_rows", "Rows of the orders' tables in use").each(
            rows,
            |family, (name, rows)| match rows {
                Some(rows) => family.with(&[("family", name)], rows),
                None => family,
            },
        ),
        Family::gauge(
            "levee_table_capacity_rows",
            "Rows of the orders' tables that there are",
        )
        .with(&[("family", "ipv4")], *v4_rows_capacity)
        .with(&[("family", "ipv6")], *v6_rows_capacity),
    ]
}

fn packets(stats: &Stats) -> Vec<Family> {
    let by_reason = |family: Family, value: fn(&ReasonStats) -> u64| {
        family.each(&stats.interfaces, |family, interface| {
            let pass = Reason::all().filter(|reason| reason.can_pass());
            let drop = Reason::all().filter(|reason| reason.can_drop());
            let all: Vec<_> = pass
                .map(|reason| (reason, "pass"))
                .chain(drop.map(|reason| (reason, "drop")))
                .collect();
            family.each(&all, |family, (reason, verdict)| {
                let labels = [
                    ("interface", interface.name.as_str()),
                    ("verdict", *verdict),
                    ("reason", reason.name()),
                ];
                family.with(
                    &labels,
                    counted(interface, *reason, verdict).map_or(0, value),
                )
            })
        })
    };
    let would_drop = Family::counter(
        "levee_would_drop_packets_total",
        "Packets that passed and would have been dropped had all been enforced",
    );
    let policy_would_drop = Family::counter(
        "levee_would_drop_matches_total",
        "Monitored matches by reason; a packet counts once for each reason that it matches",
    );
    vec![
        by_reason(
            Family::counter("levee_packets_total", "Packets; each counts once"),
            |counted| counted.packets,
        ),
        by_reason(
            Family::counter(
                "levee_bytes_total",
                "Bytes of their frames, without the frame check sequence",
            ),
            |counted| counted.bytes,
        ),
        would_drop.each(&stats.interfaces, |family, interface| {
            family.with(
                &[("interface", &interface.name)],
                interface.totals.would_drop.packets,
            )
        }),
        policy_would_drop.each(&stats.interfaces, |family, interface| {
            let dropping: Vec<_> = Reason::all().filter(|reason| reason.can_drop()).collect();
            family.each(&dropping, |family, reason| {
                let labels = [
                    ("interface", interface.name.as_str()),
                    ("reason", reason.name()),
                ];
                let would = counted(interface, *reason, "drop");
                family.with(
                    &labels,
                    would.map_or(0, |counted| counted.would_drop.packets),
                )
            })
        }),
    ]
}

/// Reasons that have not occurred are absent from the document, and zero in the metrics: a rate needs
/// a series to begin at zero.
fn counted<'a>(
    interface: &'a InterfaceStats,
    reason: Reason,
    verdict: &str,
) -> Option<&'a ReasonStats> {
    interface
        .reasons
        .iter()
        .find(|counted| counted.reason == reason.name() && counted.verdict == verdict)
}

fn feeds(sample: &Sample<'_>) -> Vec<Family> {
    let dropped = |family: Family, value: fn(&Count) -> u64| {
        family.each(&sample.stats.feeds, |family, feed| {
            let dropped = Count {
                packets: feed.packets,
                bytes: feed.bytes,
            };
            let name = feed.feed.as_str();
            family
                .with(&[("feed", name), ("verdict", "drop")], value(&dropped))
                .with(
                    &[("feed", name), ("verdict", "would_drop")],
                    value(&feed.would_drop),
                )
        })
    };
    let state = |family: Family, value: fn(&FeedStatus) -> Option<u64>| {
        family.each(&sample.status.feeds, |family, feed| match value(feed) {
            Some(value) => family.with(&[("feed", feed.feed.as_str())], value),
            None => family,
        })
    };
    vec![
        dropped(
            Family::counter(
                "levee_feed_packets_total",
                "Packets that orders of the feed dropped; one that several feeds cover counts for each",
            ),
            |count| count.packets,
        ),
        dropped(
            Family::counter("levee_feed_bytes_total", "Bytes of the same packets"),
            |count| count.bytes,
        ),
        Family::gauge("levee_feed_entries", "Entries of the feed, by state").each(
            &sample.status.feeds,
            |family, feed| {
                let name = feed.feed.as_str();
                family
                    .with(&[("feed", name), ("state", "desired")], feed.desired)
                    .with(&[("feed", name), ("state", "enforced")], feed.enforced)
                    .with(&[("feed", name), ("state", "withheld")], feed.withheld)
                    .with(&[("feed", name), ("state", "held")], feed.held)
            },
        ),
        state(
            Family::gauge(
                "levee_feed_paused",
                "Whether the feed stands still, paused or rolled back",
            ),
            |feed| Some(feed.paused.is_some().into()),
        ),
        state(
            Family::gauge(
                "levee_feed_drift_entries",
                "Entries of the feed that the kernel was last found not to enforce as it should",
            ),
            |feed| Some(feed.drift),
        ),
        state(
            Family::gauge("levee_feed_epoch", "The epoch of the bundle in force"),
            |feed| feed.epoch,
        ),
        state(
            Family::gauge(
                "levee_feed_seq",
                "The sequence number of the bundle in force",
            ),
            |feed| feed.seq,
        ),
        state(
            Family::gauge(
                "levee_feed_admitted_timestamp_seconds",
                "When the bundle in force was admitted",
            ),
            |feed| feed.admitted_at.map(seconds),
        ),
        state(
            Family::gauge(
                "levee_feed_expiry_timestamp_seconds",
                "From when on the feed counts as stale; its entries run to their own end",
            ),
            |feed| feed.expires_at.map(seconds),
        ),
        Family::counter(
            "levee_bundles_refused_total",
            "Bundles refused since the service started, by reason",
        )
        .each(&sample.extras.refused_bundles, |family, refused| {
            family.with(
                &[("feed", refused.feed.as_str()), ("code", &refused.code)],
                refused.count,
            )
        }),
    ]
}

fn pulls(extras: &Extras) -> Vec<Family> {
    vec![
        Family::counter(
            "levee_feed_pull_failures_total",
            "Fetches of the feed that failed since the service started, by reason",
        )
        .each(&extras.pulls, |family, pull| {
            family.each(&pull.failures, |family, (code, count)| {
                family.with(&[("feed", pull.feed.as_str()), ("code", code)], *count)
            })
        }),
        Family::gauge(
            "levee_feed_last_success_timestamp_seconds",
            "When fetching the feed last succeeded",
        )
        .each(&extras.pulls, |family, pull| match pull.last_success {
            Some(time) => family.with(&[("feed", pull.feed.as_str())], seconds(time)),
            None => family,
        }),
    ]
}

/// The audit log, and what authorities wait for.
fn letters(extras: &Extras) -> Vec<Family> {
    vec![
        Family::counter(
            "levee_audit_failures_total",
            "Records of the audit log that could not be written since the service started",
        )
        .with(&[], extras.audit_failures),
        Family::gauge(
            "levee_order_deadline_seconds",
            "Until the report on an operator's order is due; negative once that has passed",
        )
        .each(&extras.deadlines, |family, deadline| {
            family.with_signed(&[("order", &deadline.order)], deadline.seconds)
        }),
        Family::gauge(
            "levee_orders_overdue",
            "Operators' orders whose report is overdue",
        )
        .with(&[], extras.overdue),
    ]
}

/// Times before 1970 do not occur.
pub(super) fn seconds(time: Timestamp) -> u64 {
    time.as_second().try_into().unwrap_or(0)
}
