//! Random rule sets, decided by the table and by the model.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use filter_common::{
    settings::{Enforcement, InterfaceSettings, Role},
    table::Scope,
    verdict::{Reason, Verdict},
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use jiff::Timestamp;
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    compiled, frame, kernel, listed,
    model::{self, Seen},
    never_block, order, orders_of,
    plain::{Rule, RuleSet},
    rows::well_formed,
    rule,
};
use crate::{
    order::{Direction, PortRange},
    table::compile::Compiled,
};

const PROTOCOLS: [u8; 4] = [6, 17, 1, 47];

/// Addresses that lie close together, so that prefixes nest, and both ends of the space.
fn v4() -> impl Strategy<Value = Ipv4Addr> {
    let byte = || select(vec![0u8, 1, 2, 7, 127, 128, 254, 255]);
    prop_oneof![
        8 => (byte(), byte()).prop_map(|(c, d)| Ipv4Addr::new(198, 51, c, d)),
        1 => Just(Ipv4Addr::UNSPECIFIED),
        1 => Just(Ipv4Addr::BROADCAST),
        1 => any::<u32>().prop_map(Ipv4Addr::from_bits),
    ]
}

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    let group = || select(vec![0u16, 1, 0x7fff, 0x8000, 0xffff]);
    prop_oneof![
        8 => (group(), group(), group())
            .prop_map(|(c, d, h)| Ipv6Addr::new(0x2001, 0xdb8, c, d, 0, 0, 0, h)),
        1 => Just(Ipv6Addr::UNSPECIFIED),
        1 => Just(Ipv6Addr::from_bits(u128::MAX)),
        1 => any::<u128>().prop_map(Ipv6Addr::from_bits),
    ]
}

fn net() -> impl Strategy<Value = IpNet> {
    let v4 = (v4(), prop_oneof![0..=32u8, 14..=32u8, Just(32)])
        .prop_map(|(address, length)| IpNet::V4(Ipv4Net::new_assert(address, length).trunc()));
    let v6 = (v6(), prop_oneof![0..=128u8, 30..=64u8, Just(128)])
        .prop_map(|(address, length)| IpNet::V6(Ipv6Net::new_assert(address, length).trunc()));
    prop_oneof![3 => v4, 2 => v6]
}

/// Disjoint ranges that touch and overlap those of other rules.
fn ports() -> impl Strategy<Value = Box<[PortRange]>> {
    let ranges = |ranges: &[(u16, u16)]| -> Box<[PortRange]> {
        let range = |&(first, last)| PortRange { first, last };
        ranges.iter().map(range).collect()
    };
    select(vec![
        ranges(&[]),
        ranges(&[(80, 80)]),
        ranges(&[(80, 81), (443, 443)]),
        ranges(&[(81, 82)]),
        ranges(&[(0, 1023), (65_535, 65_535)]),
        ranges(&[(0, 65_535)]),
    ])
}

/// A time around the first hours of the tests' clock.
fn unix() -> impl Strategy<Value = i64> {
    prop_oneof![
        (1_000..1_008i64).prop_map(|hours| hours * 3_600),
        1_000 * 3_600..1_008 * 3_600i64,
    ]
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let direction = select(vec![Direction::From, Direction::To, Direction::Both]);
    let until = (unix(), 0..2i32).prop_map(|(seconds, nanosecond)| {
        Timestamp::new(seconds, nanosecond).expect("a time in range")
    });
    let protocol = prop_oneof![Just(None), select(PROTOCOLS.to_vec()).prop_map(Some)];
    (
        net(),
        direction,
        protocol,
        ports(),
        until,
        any::<bool>(),
        0..6u32,
    )
        .prop_map(
            |(net, direction, protocol, ports, until, monitor, order)| Rule {
                net,
                direction,
                ports: match protocol {
                    Some(6 | 17) => ports,
                    _ => Box::default(),
                },
                protocol,
                until,
                monitor: monitor && order < 3,
                order,
                ..rule("192.0.2.0/24", order, 0)
            },
        )
}

fn any_rules(rules: usize) -> impl Strategy<Value = RuleSet> {
    let scope = select(vec![Scope::Lists, Scope::All]);
    let never = vec((net(), scope), 0..4).prop_map(|entries| {
        // The whole space is never protected, or there would be nothing to see.
        let entries = entries.into_iter().filter(|(net, _)| net.prefix_len() > 12);
        entries
            .map(|(net, scope)| never_block(&net.to_string(), scope))
            .collect()
    });
    (vec(any_rule(), 0..rules), never).prop_map(|(rules, never_block)| RuleSet {
        orders: (0..6).map(order).collect(),
        rules,
        never_block,
    })
}

/// The first and the last address of every prefix, and those just outside.
fn boundaries(rules: &RuleSet) -> Vec<IpAddr> {
    let listed = rules.rules.iter().map(|rule| rule.net);
    let never = rules.never_block.iter().map(|entry| entry.net);
    let mut found = Vec::new();
    for net in listed.chain(never) {
        match net {
            IpNet::V4(net) => {
                let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
                let all = [first, last, first.wrapping_sub(1), last.wrapping_add(1)];
                found.extend(all.map(|bits| IpAddr::V4(bits.into())));
            }
            IpNet::V6(net) => {
                let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
                let all = [first, last, first.wrapping_sub(1), last.wrapping_add(1)];
                found.extend(all.map(|bits| IpAddr::V6(bits.into())));
            }
        }
    }
    found
}

fn check(rules: &RuleSet, compiled: &Compiled, seen: Seen, unix: i64) -> Result<(), TestCaseError> {
    let bytes = frame(seen.source, seen.destination, seen.protocol, seen.ports);
    let enforce = InterfaceSettings::new(Enforcement::Enforce, Role::Upstream);
    let (verdict, told) = kernel(compiled, &bytes, enforce, unix);
    let expected = model::decide(rules, &rules.indexes(&compiled.overflowed), seen, unix);
    prop_assert_eq!(
        by_orders(verdict),
        expected.reason,
        "{:?} at {}",
        seen,
        unix
    );
    if verdict.reason() == Reason::Order {
        let charged = orders_of(compiled, verdict.slot);
        prop_assert_eq!(charged, expected.charged.clone(), "{:?} at {}", seen, unix);
    }
    prop_assert_eq!(verdict.would_drop(), !expected.told.is_empty());
    let told = told.into_iter().flat_map(|slot| orders_of(compiled, slot));
    let mut told: Vec<_> = told.collect();
    told.sort_unstable();
    prop_assert_eq!(told, expected.told.clone(), "{:?} at {}", seen, unix);

    // An interface that monitors drops nothing and tells of whatever it would have dropped.
    let monitor = InterfaceSettings::new(Enforcement::Monitor, Role::Upstream);
    let (verdict, told) = kernel(compiled, &bytes, monitor, unix);
    let dropped = expected.reason == Reason::Order;
    prop_assert_eq!(verdict.would_drop(), dropped || !expected.told.is_empty());
    prop_assert_ne!(verdict.reason(), Reason::Order);
    if dropped {
        let told: Vec<_> = told
            .into_iter()
            .map(|slot| orders_of(compiled, slot))
            .collect();
        prop_assert!(told.contains(&expected.charged));
    }
    Ok(())
}

/// The reason, where it is one of the orders or of never-block; policies are no matter of the rules.
fn by_orders(verdict: Verdict) -> Reason {
    match verdict.reason() {
        Reason::Policy(_) => Reason::Clean,
        reason => reason,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_table_means_what_the_rules_say(
        rules in any_rules(40),
        random_v4 in vec((v4(), v4()), 8),
        random_v6 in vec((v6(), v6()), 8),
        protocols in vec((select(PROTOCOLS.to_vec()), option::weighted(0.9, ports_seen())), 16),
        times in vec(unix(), 16),
    ) {
        let compiled = compiled(&rules);
        well_formed(&compiled.table);

        let v4 = random_v4.into_iter().map(|(a, b)| (IpAddr::V4(a), IpAddr::V4(b)));
        let v6 = random_v6.into_iter().map(|(a, b)| (IpAddr::V6(a), IpAddr::V6(b)));
        // A peer that only the shortest prefixes list.
        let peer = |address: IpAddr| match address {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(77, 1, 2, 3)),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0x2a00, 1, 2, 3, 4, 5, 6, 7)),
        };
        let boundaries = boundaries(&rules);
        for &address in &boundaries {
            // The orders' table makes the holes as well, not only the lookup before it.
            prop_assert!(model::scope_of(&rules, address).is_none() || !listed(&compiled, address));
        }
        let boundaries = boundaries.into_iter().flat_map(|address| {
            [(address, peer(address)), (peer(address), address)]
        });
        let how = protocols.into_iter().zip(times).cycle();
        for ((source, destination), ((protocol, ports), unix)) in
            v4.chain(v6).chain(boundaries).zip(how)
        {
            let seen = Seen { source, destination, protocol, ports };
            check(&rules, &compiled, seen, unix)?;
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_the_rules_does_not_matter(
        (rules, shuffled) in vec(any_rule(), 0..40)
            .prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
    ) {
        let mut one = super::rule_set(Vec::new());
        one.orders = (0..6).map(order).collect();
        one.rules = rules;
        let mut other = one.clone();
        other.rules = shuffled;
        // The numbers of the orders do not matter either.
        other.orders.reverse();
        for rule in &mut other.rules {
            rule.order = 5 - rule.order;
        }
        let (one, other) = (compiled(&one), compiled(&other));
        prop_assert_eq!(one.digest, other.digest);
        prop_assert!(one == other);
    }
}

/// Many conditions on three nested prefixes.
fn crowded() -> impl Strategy<Value = Vec<Rule>> {
    let net = select(vec!["198.51.0.0/16", "198.51.100.0/24", "198.51.100.7/32"]);
    let ranges = vec((0..40u16, 0..3u16), 0..3).prop_map(|ranges| {
        let range = |(n, (at, more)): (u16, (u16, u16))| PortRange {
            first: 100 * n + at,
            last: 100 * n + at + more,
        };
        (0..).zip(ranges).map(range).collect::<Box<[_]>>()
    });
    let one = (any_rule(), net, ranges, unix()).prop_map(|(any, net, ports, until)| Rule {
        net: net.parse().expect("a prefix"),
        protocol: Some(6),
        ports,
        until: Timestamp::from_second(until).expect("a time in range"),
        ..any
    });
    vec(one, 60..250).prop_map(|mut rules| {
        // Names tell rules apart, as in a feed.
        for (n, rule) in rules.iter_mut().enumerate() {
            rule.entry = format!("{n:04}").into();
        }
        rules
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn crowds_are_refused_by_name_and_nothing_else_is_lost(
        (rules, shuffled) in crowded()
            .prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
        seen in vec((ports_seen_in_crowds(), unix()), 64),
    ) {
        let mut one = super::rule_set(Vec::new());
        one.orders = (0..6).map(order).collect();
        one.rules = rules;
        let compiled_one = compiled(&one);
        for ((ports, unix), host) in seen.into_iter().zip([7u8, 8].into_iter().cycle()) {
            let listed = IpAddr::V4(Ipv4Addr::new(198, 51, 100, host));
            let around = IpAddr::V4(Ipv4Addr::new(198, 51, 99, 1));
            for (source, destination) in [(listed, around), (around, listed)] {
                let seen = Seen { source, destination, protocol: 6, ports: Some(ports) };
                check(&one, &compiled_one, seen, unix)?;
            }
        }
        let mut other = one.clone();
        other.rules = shuffled;
        let compiled_other = compiled(&other);
        prop_assert_eq!(&compiled_one.table, &compiled_other.table);
        let refused = |rules: &RuleSet, compiled: &Compiled| {
            let indexes = rules.indexes(&compiled.overflowed).into_iter();
            let names = indexes.map(|index| rules.rules[index].entry.clone());
            names.collect::<std::collections::BTreeSet<_>>()
        };
        prop_assert_eq!(
            refused(&one, &compiled_one),
            refused(&other, &compiled_other)
        );
    }
}

fn ports_seen_in_crowds() -> impl Strategy<Value = [u16; 2]> {
    let port = || (0..3u16, 0..43u16).prop_map(|(n, at)| 100 * n + at);
    [port(), port()]
}

fn ports_seen() -> impl Strategy<Value = [u16; 2]> {
    let port = || prop_oneof![select(vec![0, 80, 81, 82, 443, 1023, 65_535]), any::<u16>()];
    [port(), port()]
}
