//! Tests of the packed entries.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use jiff::SignedDuration;
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

fn terms() -> impl Strategy<Value = Terms> {
    let direction = select(vec![Direction::From, Direction::To, Direction::Both]);
    let ports = select(vec![vec![], vec![(80, 80)], vec![(80, 81), (443, 443)]]);
    let reason = select(vec![None, Some("botnet"), Some("scans")]);
    (direction, ports, 0..5i64, 0..3i64, reason, 0..3u32).prop_map(
        |(direction, ports, until, since, reason, order)| Terms {
            direction,
            protocol: (!ports.is_empty()).then_some(6),
            ports: ports
                .into_iter()
                .map(|(first, last)| PortRange { first, last })
                .collect(),
            until: hour(until),
            since: hour(since - 3),
            reason: reason.map(Arc::from),
            order,
        },
    )
}

fn hour(hour: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour)
}

fn net() -> impl Strategy<Value = IpNet> {
    let v4 = (any::<u32>(), 0..=32u8).prop_map(|(bits, length)| {
        // Few addresses, so that prefixes nest and come twice.
        let net = Ipv4Net::new_assert((bits & 0xc000_0003).into(), length);
        IpNet::V4(net.trunc())
    });
    let v6 = (any::<u128>(), 0..=128u8).prop_map(|(bits, length)| {
        let net = Ipv6Net::new_assert((bits & (3 << 126 | 3)).into(), length);
        IpNet::V6(net.trunc())
    });
    prop_oneof![v4, v6]
}

type Plain = BTreeMap<String, (IpNet, Terms)>;

/// Entries by id, in an order of their own.
fn plain() -> impl Strategy<Value = (Plain, Vec<String>)> {
    let entries = vec(("(abc)?[\\x00a-c]{0,11}é?", net(), terms()), 0..40);
    entries
        .prop_map(|entries| {
            let entries = entries.into_iter();
            entries.map(|(id, net, terms)| (id, (net, terms))).collect()
        })
        .prop_flat_map(|plain: Plain| {
            let ids: Vec<String> = plain.keys().cloned().collect();
            (Just(plain), Just(ids).prop_shuffle())
        })
}

fn packed(plain: &Plain, ids: &[String]) -> Entries {
    let mut entries = EntriesBuilder::default();
    for id in ids {
        let (net, terms) = &plain[id];
        entries.push(id, *net, terms.clone());
    }
    entries.finish()
}

fn unpacked(entries: &Entries) -> Plain {
    let entries = entries.by_id();
    entries
        .map(|entry| (entry.id.to_owned(), (entry.net, entry.terms.clone())))
        .collect()
}

proptest! {
    #[test]
    fn what_is_packed_is_what_was_taken((plain, ids) in plain()) {
        let entries = packed(&plain, &ids);
        prop_assert_eq!(entries.len(), plain.len());
        prop_assert!(entries.by_id().map(|entry| entry.id).eq(plain.keys()));
        prop_assert_eq!(&unpacked(&entries), &plain);
        // In whatever order they come.
        let sorted: Vec<String> = plain.keys().cloned().collect();
        prop_assert_eq!(&entries, &packed(&plain, &sorted));
        prop_assert_eq!(entries.duplicate(), None);
    }

    #[test]
    fn positions_are_sorted_by_prefix_and_found_by_id((plain, ids) in plain()) {
        let entries = packed(&plain, &ids);
        let count = u32::try_from(entries.len()).expect("a small number");
        let key = |position| {
            let Entry { id, net, .. } = entries.at(position);
            (net.network(), net.prefix_len(), id)
        };
        prop_assert!((0..count).map(key).is_sorted());
        for position in 0..count {
            prop_assert_eq!(entries.find(entries.at(position).id), Some(position));
            let rank = entries.rank_at(position) as usize;
            prop_assert_eq!(entries.positions_by_id()[rank], position);
        }
        prop_assert_eq!(entries.find("none of them"), None);
    }

    #[test]
    fn what_covers_an_address_is_found((plain, ids) in plain(), asked in net()) {
        let entries = packed(&plain, &ids);
        let address = asked.addr();
        let found = entries.covering(address).into_iter().map(|at| entries.at(at));
        let mut found: Vec<_> = found.map(|entry| (entry.net.prefix_len(), entry.id)).collect();
        prop_assert!(found.is_sorted_by(|a, b| a.0 >= b.0));
        found.sort_unstable();
        let covering = plain.iter().filter(|(_, (net, _))| net.contains(&address));
        let mut expected: Vec<_> = covering.map(|(id, (net, _))| (net.prefix_len(), &**id)).collect();
        expected.sort_unstable();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn what_has_ended_is_counted((plain, ids) in plain(), now in -1..6i64) {
        let entries = packed(&plain, &ids);
        let now = hour(now);
        let unended = plain.values().filter(|(_, terms)| now < terms.until).count();
        prop_assert_eq!(entries.unended(now), unended);
        let (ended, others) = entries.terms().split_at(entries.ended_terms(now));
        prop_assert!(ended.iter().all(|terms| terms.until <= now));
        prop_assert!(others.iter().all(|terms| now < terms.until));
    }

    #[test]
    fn a_stamp_changes_nothing_but_since((mut plain, ids) in plain(), stamps in vec(0..3i64, 40)) {
        let entries = packed(&plain, &ids);
        for (stamp, (_, terms)) in stamps.iter().zip(plain.values_mut()) {
            terms.since = hour(*stamp);
        }
        let mut answers = stamps.iter();
        let stamped = entries.stamp(|_| hour(*answers.next().expect("as many as entries")));
        prop_assert_eq!(&stamped, &packed(&plain, &ids));
    }
}

#[test]
fn an_id_that_comes_twice_is_named() {
    let mut entries = EntriesBuilder::default();
    let terms = Terms {
        direction: Direction::Both,
        protocol: None,
        ports: Box::default(),
        until: hour(1),
        since: hour(0),
        reason: None,
        order: 0,
    };
    for id in ["b", "a", "c", "b"] {
        entries.push(id, "192.0.2.1/32".parse().expect("a prefix"), terms.clone());
    }
    assert_eq!(entries.finish().duplicate(), Some("b"));
}
