//! Capacities, slots across recompiles, and the digest.

use filter_common::{
    limits::{CLAUSES_MAX, PLACE_PREFIXES_MAX, SLOTS_MAX},
    settings::{Enforcement, InterfaceSettings, Role},
    table::Scope,
};

use super::{
    ROOMY, compiled, never_block,
    plain::{RuleSet, compile},
    rule, rule_set,
};
use crate::{
    order::OrderId,
    table::{
        compile::{Capacity, CapacityError, Part},
        slots::SlotLedger,
    },
};

fn hosts(count: u32, order: impl Fn(u32) -> u32, until: impl Fn(u32) -> i64) -> RuleSet {
    let host = |n: u32| {
        // Every second address, so that none are neighbours.
        let address = std::net::Ipv4Addr::from_bits(0x0b00_0000 + 2 * n);
        rule(&format!("{address}/32"), order(n), until(n))
    };
    rule_set((0..count).map(host).collect())
}

fn error(rules: &RuleSet, capacity: Capacity) -> Option<CapacityError> {
    compile(rules, &[], &SlotLedger::default(), capacity).err()
}

#[test]
fn prefixes_that_do_not_fit_are_an_error() {
    let v4 = hosts(100, |_| 0, |_| 2_000);
    let room = |v4_prefixes, v6_prefixes| Capacity {
        v4_prefixes,
        v6_prefixes,
        limit_lines: 0,
    };
    assert_eq!(error(&v4, room(100, 0)), None);
    assert_eq!(
        error(&v4, room(99, 100)),
        Some(CapacityError {
            part: Part::V4Prefixes,
            needed: 100,
            available: 99,
        })
    );
    // Two rules about one prefix are one prefix.
    let twice = rule_set(vec![
        rule("2001:db8::/32", 0, 2_000),
        rule("2001:db8::/32", 1, 2_000),
    ]);
    assert_eq!(error(&twice, room(0, 1)), None);
    assert_eq!(
        error(&twice, room(1, 0)).map(|error| error.to_string()),
        Some(
            "the IPv6 prefixes of all orders would need room for 1, and there is room for 0; raise [capacity]"
                .into()
        )
    );
}

#[test]
fn never_block_prefixes_that_do_not_fit_are_an_error() {
    let mut rules = RuleSet::default();
    let entry = |n: usize| {
        let bits = 0x0b00_0000 + 2 * u32::try_from(n).expect("a small number");
        let address = std::net::Ipv4Addr::from_bits(bits);
        never_block(&format!("{address}/32"), Scope::Lists)
    };
    rules.never_block = (0..PLACE_PREFIXES_MAX).map(entry).collect();
    assert_eq!(error(&rules, ROOMY), None);
    rules.never_block.push(entry(PLACE_PREFIXES_MAX));
    assert_eq!(
        error(&rules, ROOMY),
        Some(CapacityError {
            part: Part::PlaceV4Prefixes,
            needed: PLACE_PREFIXES_MAX + 1,
            available: PLACE_PREFIXES_MAX,
        })
    );
}

#[test]
fn clauses_that_do_not_fit_are_an_error() {
    let most = u32::try_from(CLAUSES_MAX).expect("a small number");
    let rules = hosts(most, |_| 0, |n| 2_000 + i64::from(n));
    assert_eq!(error(&rules, ROOMY), None);
    let rules = hosts(most + 1, |_| 0, |n| 2_000 + i64::from(n));
    assert_eq!(
        error(&rules, ROOMY),
        Some(CapacityError {
            part: Part::Clauses,
            needed: CLAUSES_MAX + 1,
            available: CLAUSES_MAX,
        })
    );
}

#[test]
fn slots_that_do_not_fit_are_an_error() {
    let most = u32::try_from(SLOTS_MAX).expect("a small number");
    assert_eq!(error(&hosts(most, |n| n, |_| 2_000), ROOMY), None);
    assert_eq!(
        error(&hosts(most + 1, |n| n, |_| 2_000), ROOMY),
        Some(CapacityError {
            part: Part::Slots,
            needed: SLOTS_MAX + 1,
            available: SLOTS_MAX,
        })
    );
}

#[test]
fn settings_that_do_not_fit_are_an_error() {
    let settings = [InterfaceSettings::default(); 33];
    let compile = |settings| {
        compile(&RuleSet::default(), settings, &SlotLedger::default(), ROOMY).map_err(|e| e.part)
    };
    assert!(compile(&settings[..32]).is_ok());
    assert_eq!(compile(&settings).err(), Some(Part::Settings));
}

#[test]
fn a_set_of_orders_keeps_its_slot() {
    let mut ledger = SlotLedger::default();
    let first = compile(&hosts(9, |n| n % 3, |_| 2_000), &[], &ledger, ROOMY).expect("fits");
    ledger.adopt(&first.slots).expect("no conflict");
    let slot = |slots: &[(u32, Vec<OrderId>)], order: &str| {
        let name = |id: &OrderId| &*id.reference == order;
        slots
            .iter()
            .find(|(_, set)| set.len() == 1 && set.iter().all(name))
            .map(|(n, _)| *n)
    };
    assert_eq!(first.slots.len(), 3);
    // The first order goes, a fourth comes: the others stay where they are, and the number of the
    // first is not given away before it is retired.
    let mut rules = hosts(9, |n| n % 4, |_| 2_000);
    rules.rules.retain(|rule| rule.order != 0);
    let second = compile(&rules, &[], &ledger, ROOMY).expect("fits");
    for order in ["order-00001", "order-00002"] {
        assert_eq!(slot(&second.slots, order), slot(&first.slots, order));
    }
    assert_eq!(slot(&second.slots, "order-00003"), Some(3));
    ledger.adopt(&second.slots).expect("no conflict");
    let unused = ledger.unused(&second.slots);
    assert_eq!(unused, Vec::from_iter(slot(&first.slots, "order-00000")));
    ledger.retire(&unused);
    let mut rules = hosts(9, |n| n % 5, |_| 2_000);
    rules.rules.retain(|rule| rule.order != 0);
    let third = compile(&rules, &[], &ledger, ROOMY).expect("fits");
    assert_eq!(slot(&third.slots, "order-00004"), unused.first().copied());
    assert_eq!(slot(&third.slots, "order-00003"), Some(3));
}

#[test]
fn the_digest_tells_tables_apart() {
    let rules = hosts(5, |n| n, |_| 2_000);
    let base = compiled(&rules);
    assert_eq!(base, compiled(&rules));
    let mut digests = vec![base.digest];
    let mut add = |rules: &RuleSet, settings: &[InterfaceSettings]| {
        let compiled = compile(rules, settings, &SlotLedger::default(), ROOMY).expect("fits");
        assert!(!digests.contains(&compiled.digest));
        digests.push(compiled.digest);
    };
    for (enforcement, role) in [
        (Enforcement::Monitor, Role::Upstream),
        (Enforcement::Enforce, Role::Customer),
        (Enforcement::Monitor, Role::Customer),
    ] {
        add(&rules, &[InterfaceSettings::new(enforcement, role)]);
    }
    add(&hosts(5, |n| n, |_| 2_001), &[]);
    add(&hosts(4, |n| n, |_| 2_000), &[]);
    let mut protected = rules.clone();
    protected.never_block = vec![never_block("9.0.0.0/8", Scope::Lists)];
    add(&protected, &[]);
    protected.never_block = vec![never_block("9.0.0.0/8", Scope::All)];
    add(&protected, &[]);
    add(&rule_set(vec![rule("2001:db8::/32", 0, 2_000)]), &[]);
    add(&RuleSet::default(), &[]);
}

#[test]
fn the_digest_is_the_same_everywhere() {
    // Digests are compared with those of earlier runs: a change here must be meant.
    let digest = compiled(&hosts(3, |n| n, |_| 2_000)).digest;
    assert_eq!(digest[..8], [151, 236, 22, 164, 147, 193, 135, 171]);
}
