//! What does not hold, or not whole, and why.

use super::*;

#[test]
fn what_a_guard_rail_holds_passes_by_an_approval_of_those_very_packets_and_reasons_only() {
    let entries = vec![
        // A host in a cloud, and the prefix of the cloud.
        entry("e1", "52.95.1.7/32", 0, 2),
        entry("e2", "52.95.0.0/16", 0, 2),
        entry("e3", "203.0.113.7/32", 0, 2),
        entry("e4", "198.51.100.0/24", 0, 2),
        entry("e5", "2001:db8:9::/48", 0, 2),
    ];
    let sources = [source("a", &["1"], entries)];
    let nets = |texts: &[&str]| -> Vec<IpNet> {
        texts
            .iter()
            .map(|text| text.parse().expect("a prefix"))
            .collect()
    };
    let own = nets(&["203.0.113.0/24", "2001:db8::/32"]);
    let guarded = Arc::new(Guarded::new(&own, &nets(&["52.95.0.0/17"])));
    let hold = HoldPolicy {
        shortest: ShortestPrefix { v4: 24, v6: 48 },
        own_space: true,
        shared_infrastructure: true,
    };
    let policy = FeedPolicy {
        monitor: false,
        hold,
    };
    let feeds = BTreeMap::from([(feed("a"), policy)]);
    let decide = |entry: &str, net: &str, decision| Approval {
        order: OrderId {
            feed: feed("a"),
            reference: "1".into(),
        },
        entry: entry.into(),
        net: net.parse().expect("a prefix"),
        decision,
    };
    let mut before = RuleSet::default();
    let mut with = |approvals: &[Approval]| {
        let input = PolicyInput {
            feeds: &feeds,
            guarded: &guarded,
            approvals,
            ..input(&sources)
        };
        before = super::super::merge(&input, &before);
        // What was judged before makes no difference.
        assert_eq!(before, merge(&input));
        let withheld = before.withheld().map(|w| (w.entry.to_owned(), w.why));
        withheld.collect::<Vec<_>>()
    };
    let waits = |entry: &str, reason| (entry.to_owned(), WithheldReason::Held(reason));
    let all = vec![
        waits("e2", HoldReason::ShortPrefix),
        waits("e3", HoldReason::OwnSpace),
        waits("e5", HoldReason::OwnSpace),
    ];
    assert_eq!(with(&[]), all);
    let seen = SeenTerms::of(&entry("e2", "52.95.0.0/16", 0, 1).2);
    let short = Decision::Approved(vec![HoldReason::ShortPrefix], seen.clone());
    let other_net = decide(
        "e2",
        "52.0.0.0/8",
        Decision::Approved(HoldReason::ALL.to_vec(), seen.clone()),
    );
    assert_eq!(with(&[other_net]), all);
    assert_eq!(
        with(&[decide("e2", "52.95.0.0/16", short)]),
        [
            waits("e2", HoldReason::SharedInfrastructure),
            waits("e3", HoldReason::OwnSpace),
            waits("e5", HoldReason::OwnSpace)
        ]
    );
    let reasons = vec![HoldReason::ShortPrefix, HoldReason::SharedInfrastructure];
    // Seen when it blocked DNS only, it does not pass as one that blocks everything.
    let narrow = Terms {
        protocol: Some(17),
        ports: Box::new([PortRange {
            first: 53,
            last: 53,
        }]),
        ..entry("e2", "52.95.0.0/16", 0, 1).2
    };
    let narrow = Decision::Approved(reasons.clone(), SeenTerms::of(&narrow));
    assert_eq!(with(&[decide("e2", "52.95.0.0/16", narrow)]), all);
    let both = Decision::Approved(reasons, seen);
    let rejected = decide("e3", "203.0.113.7/32", Decision::Rejected);
    assert_eq!(
        with(&[decide("e2", "52.95.0.0/16", both), rejected]),
        [
            ("e3".to_owned(), WithheldReason::Rejected),
            waits("e5", HoldReason::OwnSpace)
        ]
    );
    assert_eq!(with(&[]), all);
}

#[test]
fn never_block_space_is_refused_or_spared() {
    let nets = [
        "198.51.100.7/32",
        "198.51.100.0/24",
        "198.51.101.0/24",
        // Two protected halves.
        "198.51.102.0/24",
        "2001:db8::1/128",
        "2001:db8::/32",
        "2001:db9::/32",
        "::/0",
        "255.255.255.255/32",
    ];
    // Ids that sort as they stand here.
    let ids: Vec<String> = (0..)
        .zip(nets)
        .map(|(n, net)| format!("{n} {net}"))
        .collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let entries = std::iter::zip(&ids, nets).map(|(id, net)| entry(id, net, 0, 1));
    let source = source("a", &["1"], entries.collect());
    let never_block = [
        never("198.51.102.128/25"),
        never("198.51.100.0/28"),
        never("198.51.100.4/30"),
        never("198.51.102.0/25"),
        never("255.255.255.0/24"),
        never("2001:db8::/64"),
        never("ffff::/16"),
    ];
    let sources = [source];
    let rules = merge(&PolicyInput {
        never_block: &never_block,
        ..input(&sources)
    });
    let refused = WithheldReason::Refused(RefusalReason::NeverBlock);
    let partial = WithheldReason::Partial;
    assert_eq!(
        outcome(&rules),
        (
            vec![ids[1], ids[2], ids[5], ids[6], ids[7]],
            vec![
                (ids[0], refused),
                (ids[1], partial),
                (ids[3], refused),
                (ids[4], refused),
                (ids[5], partial),
                (ids[7], partial),
                (ids[8], refused),
            ]
        )
    );
    assert_eq!(rules.never_block, never_block);
}

#[test]
fn feeds_have_a_mode_and_a_guard_rail() {
    let entries = vec![
        entry("e1", "198.51.100.0/24", 0, 2),
        entry("e2", "198.51.0.0/16", 0, 2),
        entry("e3", "2001:db8:7::/48", 0, 2),
        entry("e4", "2001:db8::/32", 0, 2),
    ];
    let (a, b) = (
        source("a", &["1"], entries.clone()),
        source("b", &["1"], entries),
    );
    let policy = FeedPolicy {
        monitor: true,
        hold: HoldPolicy {
            shortest: ShortestPrefix { v4: 24, v6: 48 },
            ..HoldPolicy::default()
        },
    };
    let feeds = BTreeMap::from([(feed("b"), policy)]);
    let sources = [a, b];
    let rules = merge(&PolicyInput {
        feeds: &feeds,
        ..input(&sources)
    });
    let short = WithheldReason::Held(HoldReason::ShortPrefix);
    assert_eq!(
        outcome(&rules),
        (
            vec!["e1", "e2", "e3", "e4", "e1", "e3"],
            vec![("e2", short), ("e4", short)]
        )
    );
    let monitored: Vec<_> = rules.rules().map(|rule| rule.monitor).collect();
    assert_eq!(monitored, [false, false, false, false, true, true]);
}

#[test]
fn what_admission_refused_is_named() {
    let refused = RefusedEntry {
        id: "e9".into(),
        net: "198.51.100.9/32".parse().expect("a prefix"),
        order: 0,
        reason: RefusalReason::NoUntil,
    };
    let source = with("a", false, &["1"], Vec::new(), vec![refused.clone()]);
    let rules = merge(&input(&[source]));
    let why = WithheldReason::Refused(RefusalReason::NoUntil);
    assert_eq!(outcome(&rules), (vec![], vec![("e9", why)]));
    assert!(rules.orders.is_empty());
    assert_eq!(rules.next_change, None);
}
