//! The text of `stats`: what was dropped, and why.

use super::{
    bytes, number,
    table::{Side, Table},
    time,
};
use crate::http::wire::{Count, Stats, Totals};

/// Orders that are shown; `-o json` has them all.
const ORDERS_SHOWN: usize = 20;

/// The text.
#[must_use]
pub fn text(stats: &Stats) -> String {
    let mut text = format!("Counters at {}\n\n", time(stats.at));
    text += &totals(stats.totals);
    text += &section("Interfaces", &interfaces(stats));
    text += &section("Reasons", &reasons(stats));
    text += &section("Feeds", &feeds(stats));
    text += &section(&orders_title(stats), &orders(stats));
    text += &section("Rules", &rules(stats));
    text
}

fn section(title: &str, table: &str) -> String {
    if table.is_empty() {
        String::new()
    } else {
        format!("\n{title}\n{table}")
    }
}

fn totals(totals: Totals) -> String {
    let Totals {
        packets,
        bytes: all,
        passed,
        dropped,
        would_drop,
    } = totals;
    let mut table = Table::new(&[
        ("", Side::Left),
        ("PACKETS", Side::Right),
        ("BYTES", Side::Right),
    ]);
    let all = Count {
        packets,
        bytes: all,
    };
    for (name, count) in [
        ("dropped", dropped),
        ("would drop", would_drop),
        ("passed", passed),
        ("all", all),
    ] {
        table.row([name.to_owned(), number(count.packets), bytes(count.bytes)]);
    }
    table.render(2)
}

fn interfaces(stats: &Stats) -> String {
    let mut table = Table::new(&[
        ("NAME", Side::Left),
        ("DROPPED", Side::Right),
        ("BYTES", Side::Right),
        ("WOULD DROP", Side::Right),
        ("PASSED", Side::Right),
        ("BYTES", Side::Right),
    ]);
    for interface in &stats.interfaces {
        let Totals {
            passed,
            dropped,
            would_drop,
            ..
        } = interface.totals;
        table.row([
            interface.name.clone(),
            number(dropped.packets),
            bytes(dropped.bytes),
            number(would_drop.packets),
            number(passed.packets),
            bytes(passed.bytes),
        ]);
    }
    table.render(2)
}

fn reasons(stats: &Stats) -> String {
    let mut table = Table::new(&[
        ("VERDICT", Side::Left),
        ("REASON", Side::Left),
        ("PACKETS", Side::Right),
        ("BYTES", Side::Right),
    ]);
    let mut reasons: Vec<_> = stats.reasons.iter().collect();
    // Drops first; otherwise as they come, by number of packets.
    reasons.sort_by_key(|reason| reason.verdict != "drop");
    for reason in reasons {
        table.row([
            reason.verdict.clone(),
            reason.reason.clone(),
            number(reason.packets),
            bytes(reason.bytes),
        ]);
    }
    table.render(2)
}

fn feeds(stats: &Stats) -> String {
    let mut table = Table::new(&[
        ("NAME", Side::Left),
        ("DROPPED", Side::Right),
        ("BYTES", Side::Right),
        ("WOULD DROP", Side::Right),
    ]);
    for feed in &stats.feeds {
        table.row([
            feed.feed.to_string(),
            number(feed.packets),
            bytes(feed.bytes),
            number(feed.would_drop.packets),
        ]);
    }
    table.render(2)
}

fn orders_title(stats: &Stats) -> String {
    if stats.orders.len() > ORDERS_SHOWN {
        let all = number(stats.orders.len() as u64);
        format!("Orders, the {ORDERS_SHOWN} of {all} that dropped most")
    } else {
        "Orders".to_owned()
    }
}

fn orders(stats: &Stats) -> String {
    let mut table = Table::new(&[
        ("ID", Side::Left),
        ("DROPPED", Side::Right),
        ("BYTES", Side::Right),
        ("WOULD DROP", Side::Right),
    ]);
    let mut orders: Vec<_> = stats.orders.iter().collect();
    orders.sort_by_key(|order| std::cmp::Reverse((order.packets, order.would_drop.packets)));
    for order in orders.into_iter().take(ORDERS_SHOWN) {
        table.row([
            order.id.to_string(),
            number(order.packets),
            bytes(order.bytes),
            number(order.would_drop.packets),
        ]);
    }
    table.render(2)
}

fn rules(stats: &Stats) -> String {
    let mut table = Table::new(&[
        ("RULE", Side::Left),
        ("DROPPED", Side::Right),
        ("BYTES", Side::Right),
        ("MATCHED", Side::Right),
    ]);
    for rule in &stats.rules {
        table.row([
            rule.rule.clone(),
            number(rule.packets),
            bytes(rule.bytes),
            number(rule.matched.packets),
        ]);
    }
    table.render(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::samples;

    #[test]
    fn all_sections() {
        assert_eq!(
            text(&samples::stats()),
            "\
Counters at 2026-11-23 12:00:00Z

                    PACKETS     BYTES
  dropped         1,234,567  74.10 MB
  would drop             12     720 B
  passed      9,875,308,643   7.65 TB
  all         9,876,543,210   7.65 TB

Interfaces
  NAME    DROPPED     BYTES  WOULD DROP         PASSED    BYTES
  eth0  1,234,567  74.10 MB          12  9,875,308,643  7.65 TB

Reasons
  VERDICT  REASON        PACKETS     BYTES
  drop     order       1,234,567  74.10 MB
  pass     clean   9,875,308,643   7.65 TB

Feeds
  NAME    DROPPED     BYTES  WOULD DROP
  ncsc  1,234,567  74.10 MB          12

Orders
  ID                      DROPPED     BYTES  WOULD DROP
  ncsc:298/VNCERT-DPUC  1,234,567  74.10 MB          12
"
        );
    }

    #[test]
    fn many_orders_are_cut_to_those_that_matter() {
        let mut stats = samples::stats();
        let order = stats.orders.remove(0);
        for packets in 0..30 {
            let mut order = order.clone();
            order.packets = packets;
            stats.orders.push(order);
        }
        let text = text(&stats);
        assert!(
            text.contains("\nOrders, the 20 of 30 that dropped most\n"),
            "{text}"
        );
        assert_eq!(text.matches("VNCERT").count(), 20);
    }
}
