//! The text of a scrape, and the manual's list of metrics.

use std::{collections::BTreeSet, time::Duration};

use super::*;
use crate::http::samples;

const MANUAL: &str = include_str!("../../../docs/metrics.md");

fn scrape() -> String {
    let mut extras = Extras {
        v4_rows_capacity: 2_097_153,
        v6_rows_capacity: 524_289,
        v4_prefixes_capacity: 1_048_576,
        v6_prefixes_capacity: 262_144,
        capacity_errors: 1,
        drifts: 2,
        audit_failures: 3,
        deadlines: vec![Deadline {
            order: "298/VNCERT-DPUC".to_owned(),
            seconds: -60,
        }],
        overdue: 1,
        trust: TrustExtras {
            version: Some(3),
            expires: Some("2027-01-01T00:00:00Z".parse().unwrap()),
            keys: vec![(
                "ncsc-2026".to_owned(),
                "2026-12-31T00:00:00Z".parse().unwrap(),
            )],
        },
        refused_bundles: vec![RefusedBundles {
            feed: FeedName::operator(),
            code: "bad_signature".to_owned(),
            count: 2,
        }],
        pulls: vec![PullCount {
            feed: FeedName::operator(),
            failures: BTreeMap::from([("http_504".to_owned(), 3)]),
            last_success: Some(Timestamp::UNIX_EPOCH),
        }],
        push: PushCounts {
            requests: [((Some(samples::feed()), 202), 3)].into(),
            handshakes_failed: 1,
        },
        samples: SampleCounts {
            by_reason: [("order", 20)].into(),
            tallies: Tallies {
                samples_over_rate: 980,
                samples_lost: 4,
                ..Tallies::default()
            },
        },
        groups: [(
            "web".to_owned(),
            GroupTally {
                packets: [0, 9, 0, 0, 0, 0, 0],
                dropped_packets: 5,
                ..GroupTally::default()
            },
        )]
        .into(),
        ..Extras::default()
    };
    extras.publish.observe(Duration::from_millis(20));
    render(&Sample {
        status: &samples::status(),
        stats: &samples::stats(),
        extras: &extras,
    })
    .unwrap()
}

#[test]
fn series_have_their_labels_and_values() {
    let text = scrape();
    for line in [
        "# TYPE levee_packets_total counter",
        "levee_packets_total{interface=\"eth0\",verdict=\"drop\",reason=\"order\"} 1234567",
        "levee_packets_total{interface=\"eth0\",verdict=\"pass\",reason=\"bypass\"} 0",
        "levee_would_drop_packets_total{interface=\"eth0\"} 12",
        "levee_feed_packets_total{feed=\"ncsc\",verdict=\"would_drop\"} 12",
        "levee_feed_entries{feed=\"ncsc\",state=\"withheld\"} 3",
        "levee_feed_expiry_timestamp_seconds{feed=\"ncsc\"} 1795507200",
        "levee_bundles_refused_total{feed=\"operator\",code=\"bad_signature\"} 2",
        "levee_attached{interface=\"eth1\",mode=\"generic\"} 0",
        "levee_alarms{code=\"feed_stale\"} 1",
        "levee_table_capacity_rows{family=\"ipv6\"} 524289",
        "levee_publish_seconds_bucket{le=\"0.01\"} 0",
        "levee_publish_seconds_bucket{le=\"0.025\"} 1",
        "levee_publish_seconds_count 1",
        "levee_bypass 0",
        "levee_push_requests_total{feed=\"ncsc\",code=\"202\"} 3",
        "levee_push_handshakes_failed_total 1",
        "levee_order_deadline_seconds{order=\"298/VNCERT-DPUC\"} -60",
        "levee_orders_overdue 1",
        "levee_samples_total{reason=\"order\"} 20",
        "levee_samples_suppressed_total 980",
        "levee_samples_lost_total 4",
        "levee_group_packets_total{group=\"web\",class=\"syn\"} 9",
        "levee_group_dropped_packets_total{group=\"web\"} 5",
        "levee_trust_version 3",
        "levee_trust_key_expiry_timestamp_seconds{key=\"ncsc-2026\"} 1798675200",
    ] {
        assert!(text.lines().any(|l| l == line), "no `{line}` in\n{text}");
    }
}

#[test]
fn the_manual_lists_every_metric_and_no_other() {
    let text = scrape();
    let exported: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let documented: BTreeSet<&str> = MANUAL
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert_eq!(exported, documented);
}

#[test]
fn no_label_carries_an_address() {
    for line in scrape().lines().filter(|line| !line.starts_with('#')) {
        let labels = line.split_once('{').map_or("", |(_, rest)| rest);
        for value in labels.split('"').skip(1).step_by(2) {
            assert!(value.parse::<std::net::IpAddr>().is_err(), "{line}");
            assert!(value.parse::<ipnet::IpNet>().is_err(), "{line}");
        }
    }
}
