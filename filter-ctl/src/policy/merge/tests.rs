//! Tests of the merge.

use std::{sync::LazyLock, time::Instant};

use filter_common::table::Scope;
use jiff::SignedDuration;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    order::{Direction, EntriesBuilder, OrderInfo, PortRange, RefusalReason, RefusedEntry, Terms},
    policy::{
        HoldReason, WithheldReason,
        hold::{Decision, SeenTerms},
        protected::{Overlap, Walk},
    },
};

static NOW: LazyLock<Timestamp> = LazyLock::new(|| "2026-11-23T08:00:00Z".parse().expect("a time"));
static NO_GUARDS: LazyLock<Arc<Guarded>> = LazyLock::new(Arc::default);
static NO_FEEDS: BTreeMap<FeedName, FeedPolicy> = BTreeMap::new();

fn feed(name: &str) -> FeedName {
    FeedName::try_from(name.to_owned()).expect("a feed's name")
}

fn info(reference: &str) -> OrderInfo {
    OrderInfo {
        reference: reference.into(),
        issuer: "an authority".into(),
        basis: "".into(),
        reason: "".into(),
    }
}

type Entry = (String, IpNet, Terms);

/// An entry whose `until` is some hours from now.
fn entry(id: &str, net: &str, order: u32, hours: i64) -> Entry {
    let terms = Terms {
        direction: Direction::Both,
        protocol: None,
        ports: Box::default(),
        until: *NOW + SignedDuration::from_hours(hours),
        since: *NOW,
        reason: None,
        order,
    };
    (id.to_owned(), net.parse().expect("a prefix"), terms)
}

fn source(name: &str, orders: &[&str], entries: Vec<Entry>) -> Arc<VerifiedOrder> {
    with(name, false, orders, entries, Vec::new())
}

fn with(
    name: &str,
    test: bool,
    orders: &[&str],
    entries: Vec<Entry>,
    refused: Vec<RefusedEntry>,
) -> Arc<VerifiedOrder> {
    let provenance = Provenance::Bundle {
        epoch: 1,
        seq: 1,
        sha256: [0; 32],
        signers: Vec::new(),
        test,
        expires_at: *NOW,
    };
    let orders = orders.iter().map(|order| info(order)).collect();
    let mut packed = EntriesBuilder::default();
    for (id, net, terms) in entries {
        packed.push(&id, net, terms);
    }
    let entries = packed.finish();
    let order = VerifiedOrder::for_test(feed(name), provenance, *NOW, orders, entries, refused);
    Arc::new(order)
}

fn never(net: &str) -> NeverBlock {
    NeverBlock {
        net: net.parse().expect("a prefix"),
        scope: Scope::Lists,
        reason: "configuration".to_owned(),
    }
}

fn merge(input: &PolicyInput<'_>) -> RuleSet {
    super::merge(input, &RuleSet::default())
}

fn input(sources: &[Arc<VerifiedOrder>]) -> PolicyInput<'_> {
    PolicyInput {
        sources,
        feeds: &NO_FEEDS,
        never_block: &[],
        never_block_changes: None,
        withdrawals: &[],
        guarded: &NO_GUARDS,
        approvals: &[],
        now: *NOW,
    }
}

/// The entries in force, and those withheld with the reason.
fn outcome(rules: &RuleSet) -> (Vec<&str>, Vec<(&str, WithheldReason)>) {
    let held = rules.rules().map(|rule| rule.entry.id).collect();
    let withheld = rules.withheld();
    (held, withheld.map(|w| (w.entry, w.why)).collect())
}

#[test]
fn entries_hold_up_to_their_until() {
    let source = source(
        "a",
        &["1"],
        vec![
            entry("e1", "198.51.100.1/32", 0, 2),
            entry("e2", "198.51.100.2/32", 0, 0),
            entry("e3", "198.51.100.3/32", 0, -1),
            entry("e4", "198.51.100.4/32", 0, 1),
        ],
    );
    let rules = merge(&input(&[source]));
    let ended = WithheldReason::Ended;
    assert_eq!(
        outcome(&rules),
        (vec!["e1", "e4"], vec![("e2", ended), ("e3", ended)])
    );
    assert_eq!(
        rules.next_change,
        Some(*NOW + SignedDuration::from_hours(1))
    );
    assert_eq!(
        rules.rules().next().map(|rule| rule.entry.terms.since),
        Some(*NOW)
    );
}

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
        before = super::merge(&input, &before);
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
fn the_next_change_may_be_one_of_the_exceptions() {
    let source = source("a", &["1"], vec![entry("e1", "198.51.100.1/32", 0, 2)]);
    let in_an_hour = Some(*NOW + SignedDuration::from_hours(1));
    let sources = [source];
    let input = PolicyInput {
        never_block_changes: in_an_hour,
        ..input(&sources)
    };
    assert_eq!(merge(&input).next_change, in_an_hour);
    let nothing = PolicyInput {
        sources: &[],
        ..input
    };
    assert_eq!(merge(&nothing).next_change, in_an_hour);
}

#[test]
fn withdrawals_name_an_order_or_an_entry() {
    let entries = vec![
        entry("e1", "198.51.100.1/32", 0, 2),
        entry("e2", "198.51.100.2/32", 1, 2),
        entry("e3", "198.51.100.3/32", 1, 2),
    ];
    let (a, b) = (
        source("a", &["1", "2"], entries.clone()),
        source("b", &["1", "2"], entries),
    );
    let id = |text: &str| OrderId::try_from(text.to_owned()).expect("an order's name");
    let withdrawals = [
        Withdrawal {
            order: id("a:1"),
            entry: None,
        },
        Withdrawal {
            order: id("b:2"),
            entry: Some("e3".into()),
        },
        Withdrawal {
            order: id("c:2"),
            entry: None,
        },
    ];
    let sources = [a, b];
    let rules = merge(&PolicyInput {
        withdrawals: &withdrawals,
        ..input(&sources)
    });
    let withdrawn = WithheldReason::Withdrawn;
    assert_eq!(
        outcome(&rules),
        (
            vec!["e2", "e3", "e1", "e2"],
            vec![("e1", withdrawn), ("e3", withdrawn)]
        )
    );
    let withheld: Vec<_> = rules.withheld().map(|withheld| withheld.order()).collect();
    assert_eq!(withheld, [id("a:1"), id("b:2")]);
    let orders: Vec<_> = rules.orders.iter().map(|order| order.id.clone()).collect();
    assert_eq!(orders, [id("a:2"), id("b:1"), id("b:2")]);
    assert_eq!(rules.rules().nth(3).map(|rule| rule.order), Some(2));
}

#[test]
fn an_order_that_comes_twice_is_one() {
    let (one, two) = (
        source("a", &["1"], vec![entry("e1", "198.51.100.1/32", 0, 2)]),
        source("a", &["0", "1"], vec![entry("e1", "198.51.100.1/32", 1, 3)]),
    );
    let rules = merge(&input(&[one, two]));
    assert_eq!(rules.orders.len(), 1);
    let orders: Vec<_> = rules.rules().map(|rule| rule.order).collect();
    assert_eq!(orders, [0, 0]);
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

#[test]
fn a_test_enforces_nothing() {
    let entries = vec![entry("e1", "198.51.100.1/32", 0, 2)];
    let source = with("a", true, &["1"], entries, Vec::new());
    assert_eq!(merge(&input(&[source])), RuleSet::default());
}

proptest! {
    #[test]
    fn overlaps_are_found(
        protected in vec((any::<u8>(), 0..=8u8), 0..6),
        (bits, length) in (any::<u8>(), 0..=8u8),
    ) {
        // A family of 256 addresses, at the upper end of IPv4.
        let net = |bits: u8, length: u8| {
            let address = u32::from(bits) | 0xffff_ff00;
            ipnet::Ipv4Net::new_assert(address.into(), length + 24).trunc()
        };
        let list: Vec<_> = protected
            .iter()
            .map(|&(bits, length)| never(&net(bits, length).to_string()))
            .collect();
        let net = net(bits, length);
        let covered = |address: std::net::Ipv4Addr| {
            list.iter().any(|entry| entry.net.contains(&std::net::IpAddr::V4(address)))
        };
        let addresses = net.network().to_bits()..=net.broadcast().to_bits();
        let inside = addresses.clone().filter(|bits| covered((*bits).into())).count();
        let expected = match inside {
            0 => Overlap::None,
            all if all == addresses.count() => Overlap::Whole,
            _ => Overlap::Part,
        };
        let protected = Protected::new(&list);
        let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
        let mut walk = Walk::new(&protected.v4);
        // Whatever was asked about before makes no difference.
        for before in 0xffff_ff00..=first {
            walk.overlap(before, u32::MAX);
        }
        prop_assert_eq!(walk.overlap(first, last), expected);
    }
}

/// What there is at one moment: which sources, what of the never-block list, which withdrawals, whether
/// feed `b` is only counted, and how many hours have passed.
type Moment = ([bool; 3], usize, Vec<usize>, bool, i64);

fn moment() -> impl Strategy<Value = Moment> {
    (
        any::<[bool; 3]>(),
        0..3usize,
        vec(0..5usize, 0..3),
        any::<bool>(),
        -3..4i64,
    )
}

fn some_entries() -> impl Strategy<Value = Vec<Entry>> {
    let lengths = prop_oneof![20..=32u8, Just(32)];
    vec((0..16u32, lengths, 0..2u32, -2..3i64), 0..12).prop_map(|entries| {
        let entries = entries.into_iter().enumerate();
        entries
            .map(|(n, (host, length, order, hours))| {
                let address = (0xc633_6400 | host).into();
                let net = ipnet::Ipv4Net::new_assert(address, length).trunc();
                entry(&format!("e{n}"), &net.to_string(), order, hours)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn what_was_judged_before_makes_no_difference(
        entries in [some_entries(), some_entries(), some_entries()],
        moments in vec(moment(), 1..8),
    ) {
        let [one, two, three] = entries;
        let all = [
            source("a", &["1", "2"], one),
            source("b", &["1", "2"], two),
            source("b", &["3", "2"], three),
        ];
        let never_block = [never("198.51.100.4/30"), never("198.51.100.0/29")];
        let withdrawal = |order: &str, entry: Option<&str>| Withdrawal {
            order: OrderId::try_from(order.to_owned()).expect("an order's name"),
            entry: entry.map(Into::into),
        };
        let withdrawals = [
            withdrawal("a:1", None),
            withdrawal("b:2", None),
            withdrawal("b:1", Some("e1")),
            withdrawal("b:3", Some("e2")),
            withdrawal("c:1", None),
        ];
        let mut before = RuleSet::default();
        for (present, protected, withdrawn, monitor, hours) in moments {
            let sources = std::iter::zip(&all, present).filter(|(_, present)| *present);
            let sources: Vec<_> = sources.map(|(source, _)| Arc::clone(source)).collect();
            let withdrawn = withdrawn.into_iter().map(|index| withdrawals[index].clone());
            let withdrawn: Vec<_> = withdrawn.collect();
            let policy = FeedPolicy { monitor, ..FeedPolicy::default() };
            let feeds = BTreeMap::from([(feed("b"), policy)]);
            let input = PolicyInput {
                feeds: &feeds,
                never_block: &never_block[..protected],
                withdrawals: &withdrawn,
                now: *NOW + SignedDuration::from_hours(hours),
                ..input(&sources)
            };
            let fresh = merge(&input);
            let rules = super::merge(&input, &before);
            prop_assert_eq!(&rules, &fresh);
            before = rules;
        }
    }
}

#[test]
#[ignore = "takes its time without optimisation: run with --release"]
fn a_million_entries() {
    let entries = (0..1_000_000u32)
        .map(|n| {
            let address = std::net::Ipv4Addr::from_bits(n.wrapping_mul(2_654_435_761));
            entry(&format!("e{n}"), &format!("{address}/32"), n % 100, 2)
        })
        .collect();
    let orders: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
    let source = source("a", &orders, entries);
    let never_block = crate::policy::special_use::built_in();
    let sources = [source];
    let input = PolicyInput {
        never_block: &never_block,
        ..input(&sources)
    };
    let begun = Instant::now();
    let rules = merge(&input);
    eprintln!(
        "merge: {:?}; {} rules, {} withheld",
        begun.elapsed(),
        rules.len(),
        rules.withheld().count()
    );
    let begun = Instant::now();
    let again = super::merge(&input, &rules);
    eprintln!("merged again: {:?}", begun.elapsed());
    assert!(!again.is_empty());
}
