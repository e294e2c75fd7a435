//! A published list, and a list of the size that the product is made for.

use std::{net::IpAddr, time::Instant};

use filter_common::{settings::InterfaceSettings, verdict::Reason};

use super::{
    ROOMY, compiled, frame, kernel,
    plain::{Rule, RuleSet},
    rule, rule_set,
};
use crate::{
    order::PortRange,
    table::{
        compile::compile,
        explain,
        print::{digest, prints},
        slots::SlotLedger,
    },
};

#[test]
fn every_host_of_a_published_list_is_found() {
    const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/ipsum.txt");
    let Ok(text) = std::fs::read_to_string(LIST) else {
        eprintln!("SKIPPED: the list `ipsum.txt` is not there");
        return;
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let hosts: Vec<&str> = lines
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(!hosts.is_empty());
    let rules = hosts
        .iter()
        .map(|host| rule(&format!("{host}/32"), 0, 2_000));
    let compiled = compiled(&rule_set(rules.collect()));
    let peer: IpAddr = "203.0.113.1".parse().expect("an address");
    let dropped = |source, destination| {
        let frame = frame(source, destination, 17, Some([53, 53]));
        let (verdict, _) = kernel(
            &compiled,
            &frame,
            InterfaceSettings::default(),
            1_500 * 3_600,
        );
        verdict.reason() == Reason::Order
    };
    let listed: std::collections::HashSet<IpAddr> = hosts
        .iter()
        .map(|host| host.parse().expect("an address"))
        .collect();
    for &host in &listed {
        assert!(dropped(host, peer) && dropped(peer, host), "{host}");
        let IpAddr::V4(v4) = host else { continue };
        let next = IpAddr::V4(v4.to_bits().wrapping_add(1).into());
        assert_eq!(dropped(next, peer), listed.contains(&next), "{next}");
    }
}

/// A sequence that looks random and is the same in every run.
fn scrambled(n: u64) -> u64 {
    let mut x = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A hundred orders; one entry in fifty has ports; every tenth host is listed twice.
fn million() -> RuleSet {
    let template = rule("0.0.0.0/32", 0, 2_000);
    let make = |n: u64, net| {
        let order = u32::try_from(scrambled(n) % 100).expect("a small number");
        let tcp = n.is_multiple_of(50);
        let https = PortRange {
            first: 443,
            last: 443,
        };
        Rule {
            net,
            order,
            until: template.until + jiff::SignedDuration::from_hours(i64::from(order % 7)),
            protocol: tcp.then_some(6),
            ports: if tcp {
                Box::new([https])
            } else {
                Box::default()
            },
            entry: format!("e{n}").into(),
            ..template.clone()
        }
    };
    let v4 = (0..1_000_000u64).map(|n| {
        #[expect(clippy::cast_possible_truncation, reason = "any 32 bits will do")]
        let bits = scrambled(n - u64::from(n % 10 == 9)) as u32;
        make(n, ipnet::Ipv4Net::new_assert(bits.into(), 32).into())
    });
    let v6 = (0..250_000u64).map(|n| {
        let bits = 0x2 << 124 | u128::from(scrambled(n)) << 60;
        let length = if n % 2 == 0 { 64 } else { 128 };
        make(
            n,
            ipnet::Ipv6Net::new_assert(bits.into(), length)
                .trunc()
                .into(),
        )
    });
    RuleSet {
        rules: v4.chain(v6).collect(),
        ..rule_set(vec![rule("192.0.2.1/32", 99, 2_000)])
    }
}

#[test]
#[ignore = "takes its time without optimisation: run with --release"]
fn a_million_and_a_quarter() {
    let rules = million().merged();
    let mut compiled = None;
    for _ in 0..5 {
        let begun = Instant::now();
        let result = compile(&rules, &[], &SlotLedger::default(), ROOMY).expect("all fits");
        eprintln!(
            "compile: {:?}; clauses {}, slots {}",
            begun.elapsed(),
            result.table.clauses.len(),
            result.slots.len(),
        );
        compiled = Some(result);
    }
    let compiled = compiled.expect("five of them");
    assert!(compiled.overflowed.is_empty());
    let begun = Instant::now();
    let sum = digest(&prints(&compiled.table), &compiled.table.clauses);
    eprintln!("of that the digest: {:?}", begun.elapsed());
    assert_eq!(sum, compiled.digest);
    let first = rules.rules().next().expect("a rule");
    let begun = Instant::now();
    let covering = explain::covering(&rules, first.entry.net.addr());
    eprintln!("covering: {:?}", begun.elapsed());
    assert!(covering.contains(&first));
}
