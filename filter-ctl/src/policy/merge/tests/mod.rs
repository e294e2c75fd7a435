//! Tests of the merge.

mod again;
mod withheld;

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
