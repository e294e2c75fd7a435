//! Cells, case by case: what is stored, and for whom.

use super::{
    at, compiled, frame, host_tables, kernel, never_block, orders_of, plain::Rule, rule, rule_set,
};
use crate::{
    order::{Direction, PortRange},
    table::compile::Compiled,
};
use filter_common::{
    address::{Address, Family},
    decide::Tables as _,
    limits::CLAUSES_PER_CELL_MAX,
    settings::InterfaceSettings,
    table::{ROOTS_6, RowValue, Scope},
    verdict::Reason,
};

/// The orders charged for a TCP packet from an address to port 443 of nobody in particular; none if
/// it passes.
fn charged(compiled: &Compiled, source: &str, hours: i64) -> Vec<String> {
    let source = source.parse().expect("an address");
    let destination = "77.1.2.3".parse().expect("an address");
    let frame = frame(source, destination, 6, Some([443, 443]));
    let (verdict, _) = kernel(
        compiled,
        &frame,
        InterfaceSettings::default(),
        hours * 3_600,
    );
    if verdict.reason() == Reason::Order {
        orders_of(compiled, verdict.slot)
    } else {
        Vec::new()
    }
}

fn names(numbers: &[u32]) -> Vec<String> {
    numbers.iter().map(|n| format!("order-{n:05}")).collect()
}

fn tcp(net: &str, order: u32, until: i64, ports: &[(u16, u16)]) -> Rule {
    let range = |&(first, last)| PortRange { first, last };
    Rule {
        protocol: Some(6),
        ports: ports.iter().map(range).collect(),
        ..rule(net, order, until)
    }
}

#[test]
fn hosts_of_one_order_share_one_clause() {
    let hosts = (0..=255).map(|host| rule(&format!("198.51.100.{host}/32"), 0, 2_000));
    let compiled = compiled(&rule_set(hosts.collect()));
    assert_eq!(compiled.table.clauses.len(), 1);
    // Neighbours are one interval.
    assert_eq!(compiled.table.v4.starts.len(), 1);
    assert_eq!(compiled.slots.len(), 1);
}

#[test]
fn an_empty_set_blocks_nothing() {
    let compiled = compiled(&rule_set(Vec::new()));
    assert_eq!(compiled.table.v4.starts.len(), 0);
    assert_eq!(compiled.table.v6.starts.len(), 0);
    assert!(compiled.table.clauses.is_empty());
    assert_eq!(charged(&compiled, "0.0.0.0", 1_500), names(&[]));
    assert_eq!(charged(&compiled, "255.255.255.255", 1_500), names(&[]));
}

#[test]
fn the_whole_space_can_be_listed() {
    let compiled = compiled(&rule_set(vec![
        rule("0.0.0.0/0", 0, 2_000),
        rule("255.255.255.255/32", 1, 2_000),
        rule("0.0.0.0/32", 1, 2_000),
        rule("::/0", 0, 2_000),
    ]));
    assert_eq!(charged(&compiled, "0.0.0.0", 1_500), names(&[1]));
    assert_eq!(charged(&compiled, "0.0.0.1", 1_500), names(&[0]));
    assert_eq!(charged(&compiled, "255.255.255.254", 1_500), names(&[0]));
    assert_eq!(charged(&compiled, "255.255.255.255", 1_500), names(&[1]));
    assert_eq!(compiled.table.v6.starts.len(), ROOTS_6 + 1);
}

#[test]
fn a_narrow_entry_does_not_unblock_what_is_around_it() {
    let listed = rule_set(vec![
        rule("198.51.100.0/24", 0, 2_000),
        tcp("198.51.100.7/32", 1, 2_000, &[(80, 80)]),
    ]);
    let elsewhere = compiled(&listed);
    assert_eq!(charged(&elsewhere, "198.51.100.7", 1_500), names(&[0]));
    let listed = rule_set(vec![
        rule("198.51.100.0/24", 0, 2_000),
        tcp("198.51.100.7/32", 1, 2_000, &[(443, 443)]),
    ]);
    let compiled = compiled(&listed);
    assert_eq!(charged(&compiled, "198.51.100.7", 1_500), names(&[1]));
    assert_eq!(charged(&compiled, "198.51.100.8", 1_500), names(&[0]));
}

#[test]
fn each_order_is_charged_as_long_as_it_holds() {
    let compiled = compiled(&rule_set(vec![
        rule("198.51.100.7/32", 2, 1_030),
        rule("198.51.100.7/32", 0, 1_010),
        rule("198.51.100.7/32", 1, 1_020),
        // The same order twice counts once, for the longer time.
        rule("198.51.100.7/32", 1, 1_005),
        rule("198.51.100.7/32", 3, 1_030),
    ]));
    let at_hour = |hours| charged(&compiled, "198.51.100.7", hours);
    assert_eq!(at_hour(1_009), names(&[0, 1, 2, 3]));
    assert_eq!(at_hour(1_010), names(&[1, 2, 3]));
    assert_eq!(at_hour(1_020), names(&[2, 3]));
    assert_eq!(at_hour(1_030), names(&[]));
    assert_eq!(compiled.table.clauses.len(), 3);
}

#[test]
fn until_is_rounded_up_to_the_hour() {
    let mut rule = rule("198.51.100.7/32", 0, 0);
    rule.until = at(1_010) + jiff::SignedDuration::from_nanos(1);
    let table = compiled(&rule_set(vec![rule.clone()])).table;
    assert_eq!(table.clauses[0].until, 1_011 * 3_600);
    rule.until = at(1_010);
    let table = compiled(&rule_set(vec![rule])).table;
    assert_eq!(table.clauses[0].until, 1_010 * 3_600);
}

#[test]
fn a_clause_that_is_never_reached_is_left_out() {
    let clauses = |rules| compiled(&rule_set(rules)).table.clauses.len();
    let (around, host) = ("198.51.100.0/24", "198.51.100.7/32");
    // One cell for the /24, one for the host.
    assert_eq!(clauses(vec![rule(around, 0, 10), rule(host, 1, 10)]), 2);
    assert_eq!(clauses(vec![rule(around, 0, 11), rule(host, 1, 10)]), 3);
    // What is monitored hides nothing.
    let mut monitored = rule(host, 1, 10);
    monitored.monitor = true;
    assert_eq!(clauses(vec![rule(around, 0, 10), monitored.clone()]), 3);
    monitored.net = around.parse().expect("a prefix");
    assert_eq!(clauses(vec![monitored, rule(host, 1, 10)]), 2);
    let mut from = rule(around, 0, 10);
    from.direction = Direction::From;
    assert_eq!(clauses(vec![from.clone(), tcp(host, 1, 10, &[])]), 3);
    from.protocol = Some(6);
    assert_eq!(clauses(vec![from, tcp(host, 1, 10, &[])]), 2);
    // All ports are not all packets: fragments have none.
    let all_ports = tcp(host, 1, 10, &[(0, 65_535)]);
    assert_eq!(clauses(vec![tcp(around, 0, 10, &[]), all_ports.clone()]), 3);
    assert_eq!(clauses(vec![tcp(around, 0, 10, &[(5, 9)]), all_ports]), 2);
}

#[test]
fn never_block_space_is_a_hole() {
    let mut rules = rule_set(vec![
        rule("198.51.100.0/24", 0, 2_000),
        rule("198.51.100.7/32", 1, 2_000),
    ]);
    rules.never_block = vec![
        never_block("198.51.100.4/30", Scope::Lists),
        never_block("198.51.100.6/32", Scope::All),
    ];
    let compiled = compiled(&rules);
    for (address, expected) in [
        ("198.51.100.3", names(&[0])),
        ("198.51.100.4", names(&[])),
        ("198.51.100.7", names(&[])),
        ("198.51.100.8", names(&[0])),
    ] {
        assert_eq!(charged(&compiled, address, 1_500), expected, "{address}");
    }
    let number = |value: &u32| RowValue::from_bits(*value).number();
    let scopes: Vec<_> = compiled.table.places_v4.values.iter().map(number).collect();
    assert_eq!(scopes, [1, 2, 1]);
    // Not by the kernel's lookup alone: the orders' table itself has nothing there.
    let rows: Vec<_> = compiled.table.v4.values.iter().map(number).collect();
    assert_eq!(rows, [1, 1, 0]);
}

#[test]
fn a_cell_that_would_be_too_long_refuses_its_own_rules() {
    let limit = u16::try_from(CLAUSES_PER_CELL_MAX).expect("a small number");
    let port = |net, n: u16| tcp(net, u32::from(n), 2_000, &[(n, n)]);
    // As many as fit around; inside, one more.
    let mut rules: Vec<_> = (0..limit).map(|n| port("198.51.100.0/24", n)).collect();
    rules.insert(7, port("198.51.100.7/32", limit));
    // It replaces what is around by something wider, so it fits.
    rules.push(rule("198.51.100.8/32", 99, 2_000));
    let rules = rule_set(rules);
    let compiled = compiled(&rules);
    assert_eq!(rules.indexes(&compiled.overflowed), [7]);
    assert_eq!(charged(&compiled, "198.51.100.8", 1_500), names(&[99]));
    let value = |address: u32| {
        let address = Address::from_v4(address.to_be_bytes());
        host_tables(&compiled).listed(Family::V4, address)
    };
    assert_eq!(value(0xc633_6407), value(0xc633_6406));
}

#[test]
fn what_blocks_most_for_longest_is_kept() {
    // 100 deadlines for one host: the longest hold, so the host stays blocked.
    let host = "198.51.100.7/32";
    let rules: Vec<_> = (0..100)
        .map(|n| rule(host, n, 2_000 + i64::from(n)))
        .collect();
    let rules = rule_set(rules);
    let long = compiled(&rules);
    let refused = rules.indexes(&long.overflowed);
    assert_eq!(refused, (0..36).collect::<Vec<_>>());
    let all: Vec<_> = (36..100).collect();
    assert_eq!(charged(&long, "198.51.100.7", 1_500), names(&all));
    assert_eq!(charged(&long, "198.51.100.7", 2_098), names(&[99]));
    // Many narrow ones do not displace the wide one.
    let mut rules: Vec<_> = (0..200u16)
        .map(|n| tcp(host, 0, 2_000, &[(n, n)]))
        .collect();
    rules.push(rule(host, 1, 1_900));
    let compiled = compiled(&rule_set(rules));
    assert_eq!(compiled.overflowed.len(), 200 - 63);
    assert_eq!(charged(&compiled, "198.51.100.7", 1_500), names(&[1]));
}

#[test]
fn rules_with_what_is_already_there_are_never_too_many() {
    let host = "198.51.100.7/32";
    let ports = |order| (0..64u16).map(move |n| tcp(host, order, 2_000, &[(n, n)]));
    let rules = (0..20).flat_map(ports).collect();
    let compiled = compiled(&rule_set(rules));
    assert!(compiled.overflowed.is_empty());
    assert_eq!(compiled.table.clauses.len(), 64);
}
