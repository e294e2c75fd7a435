//! Tests of the tables as a whole, and what their parts' tests share.

mod cells;
mod differential;
mod limits;
mod model;
pub(super) mod plain;
mod rows;
mod scale;

use std::net::IpAddr;

use filter_common::{
    address::{Address, Family},
    decide::{Tables as _, decide},
    packet::classify,
    settings::InterfaceSettings,
    table::Scope,
    verdict::Verdict,
};
use jiff::Timestamp;

use crate::{
    order::{Direction, OrderId, OrderInfo},
    policy::{NeverBlock, RuleOrder},
    table::{
        clock::{BootClock, StoppedClock},
        compile::{Capacity, Compiled},
        host::{Buckets, HostTables},
        slots::SlotLedger,
    },
};

use self::plain::{Rule, RuleSet, compile};

pub(super) fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(hours * 3_600).expect("a time in range")
}

pub(super) fn rule(net: &str, order: u32, until_hours: i64) -> Rule {
    Rule {
        net: net.parse().expect("a prefix"),
        direction: Direction::Both,
        protocol: None,
        ports: Box::default(),
        until: at(until_hours),
        monitor: false,
        order,
        entry: format!("{net} {order} {until_hours}").into(),
    }
}

pub(super) fn order(number: u32) -> RuleOrder {
    let reference: Box<str> = format!("order-{number:05}").into();
    RuleOrder {
        id: OrderId::try_from(format!("test:{reference}")).expect("an order's name"),
        info: OrderInfo {
            reference,
            issuer: "an authority".into(),
            basis: "".into(),
            reason: "".into(),
        },
    }
}

pub(super) fn rule_set(rules: Vec<Rule>) -> RuleSet {
    let orders = rules.iter().map(|rule| rule.order + 1).max().unwrap_or(0);
    RuleSet {
        orders: (0..orders).map(order).collect(),
        rules,
        ..RuleSet::default()
    }
}

pub(super) fn never_block(net: &str, scope: Scope) -> NeverBlock {
    NeverBlock {
        net: net.parse().expect("a prefix"),
        scope,
        reason: "configuration".to_owned(),
    }
}

/// Room enough for any test.
pub(super) const ROOMY: Capacity = Capacity {
    v4_prefixes: 3_000_000,
    v6_prefixes: 1_000_000,
    limit_lines: 0,
};

pub(super) fn compiled(rules: &RuleSet) -> Compiled {
    compile(rules, &[], &SlotLedger::default(), ROOMY).expect("all fits")
}

/// The machine of the tests was booted 1,000 hours into Unix time.
const CLOCK: BootClock = BootClock {
    boottime_at_unix_0: -1_000 * 3_600,
};

fn host_tables(compiled: &Compiled) -> HostTables<'_> {
    HostTables {
        table: &compiled.table,
        interface: 0,
        clock: CLOCK,
    }
}

/// What the kernel would do with a frame: the verdict, and the slots told that they would drop.
pub(super) fn kernel(
    compiled: &Compiled,
    frame: &[u8],
    settings: InterfaceSettings,
    unix: i64,
) -> (Verdict, Vec<u32>) {
    let tables = host_tables(compiled);
    let mut buckets = Buckets::new(&compiled.table.guard);
    let clock = StoppedClock {
        boottime: CLOCK.boottime(unix),
        tick: Buckets::tick(0),
    };
    let length = frame.len();
    let frame = classify(frame, settings.tunnels());
    let verdict = decide(&frame, settings, &tables, &clock, buckets.begin(length));
    (verdict, buckets.would)
}

/// Whether the orders' table has anything for an address, the never-block list aside.
pub(super) fn listed(compiled: &Compiled, address: IpAddr) -> bool {
    let tables = host_tables(compiled);
    let number = match address {
        IpAddr::V4(v4) => tables.listed(Family::V4, Address::from_v4(v4.octets())),
        IpAddr::V6(v6) => tables.listed(Family::V6, Address::from_v6(v6.octets())),
    };
    number != 0
}

/// The orders that a slot means.
pub(super) fn orders_of(compiled: &Compiled, slot: u32) -> Vec<String> {
    let (_, orders) = compiled
        .slots
        .iter()
        .find(|(number, _)| *number == slot)
        .expect("a slot of the table");
    orders.iter().map(|id| id.reference.to_string()).collect()
}

/// An Ethernet frame between two addresses of one family.
///
/// `ports` are written for any protocol; without them the packet is a fragment other than the first.
pub(super) fn frame(
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    ports: Option<[u16; 2]>,
) -> Vec<u8> {
    let mut frame = vec![2; 12];
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            frame.extend([8, 0, 0x45, 0, 0, 40, 0, 0]);
            frame.extend(if ports.is_some() { [0, 0] } else { [0x20, 1] });
            frame.extend([64, protocol, 0, 0]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let next = if ports.is_some() { protocol } else { 44 };
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, next, 64]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
            if ports.is_none() {
                frame.extend([protocol, 0, 0, 8, 0, 0, 0, 1]);
            }
        }
        _ => panic!("addresses of two families"),
    }
    let [from, to] = ports.unwrap_or([443, 443]);
    frame.extend(from.to_be_bytes());
    frame.extend(to.to_be_bytes());
    frame.extend([0; 16]);
    frame
}
