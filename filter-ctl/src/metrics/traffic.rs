//! Samples, and what comes for host groups.

use filter_common::limit::Class;

use super::{Extras, family::Family};
use crate::observe::groups::GroupTally;

pub(super) fn families(extras: &Extras) -> Vec<Family> {
    let Extras {
        samples, groups, ..
    } = extras;
    let tallies = samples.tallies;
    let by_class = |family: Family, select: fn(&GroupTally) -> &[u64]| {
        family.each(groups, |family, (group, tally)| {
            let counts = Class::ALL.iter().zip(select(tally));
            family.each(counts, |family, (class, count)| {
                family.with(&[("group", group), ("class", class.name())], *count)
            })
        })
    };
    vec![
        Family::counter(
            "levee_samples_total",
            "Samples of dropped packets, by reason, since the service started",
        )
        .each(&samples.by_reason, |family, (reason, count)| {
            family.with(&[("reason", reason)], *count)
        }),
        Family::counter(
            "levee_samples_suppressed_total",
            "Dropped packets of which no sample was made, because there were enough of their reason",
        )
        .with(&[], tallies.samples_over_rate),
        Family::counter(
            "levee_samples_lost_total",
            "Samples that were lost because the service did not read them in time",
        )
        .with(&[], tallies.samples_lost),
        Family::counter(
            "levee_unmetered_packets_total",
            "Packets to protected destinations that had no meter of their own; their group has counted them",
        )
        .with(&[], tallies.unmetered),
        Family::counter(
            "levee_shared_bucket_packets_total",
            "Packets charged to a bucket that their destination shared with another",
        )
        .with(&[], tallies.shared_bucket),
        by_class(
            Family::counter(
                "levee_group_packets_total",
                "Packets for a host group by class, before rules and limits",
            ),
            |tally| &tally.packets,
        ),
        by_class(
            Family::counter("levee_group_bytes_total", "Their bytes"),
            |tally| &tally.bytes,
        ),
        Family::counter(
            "levee_group_dropped_packets_total",
            "Packets for a host group that rules and limits dropped",
        )
        .each(groups, |family, (group, tally)| {
            family.with(&[("group", group)], tally.dropped_packets)
        }),
    ]
}
