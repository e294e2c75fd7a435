//! The text of `simulate`: a line for each packet, then what became of all.

use std::{fmt::Write as _, net::IpAddr};

use super::{
    count, number,
    table::{Side, Table},
    time,
};
use crate::{
    cli::sanitize,
    simulate::wire::{Ends, Line, Summary},
};

/// Orders that the summary shows; the document has all.
const ORDERS_SHOWN: usize = 20;

/// The line of a packet.
#[must_use]
pub fn line(line: &Line<'_>) -> String {
    let Line {
        n,
        verdict,
        reason,
        orders,
        rule,
        vlan,
        ends,
        inner,
        would_drop,
        ..
    } = line;
    let mut text = format!(
        "{n:>8}  {:<9}  {reason:<23}  {}",
        verdict.name(),
        flow(ends)
    );
    // Writing to a string cannot fail.
    if let Some(inner) = inner {
        let _ = write!(text, " ({})", flow(inner));
    }
    if let Some(vlan) = vlan {
        let _ = write!(text, " vlan {vlan}");
    }
    for (index, order) in orders.iter().enumerate() {
        text += if index == 0 { "  by " } else { ", " };
        text += &sanitize::line(&order.to_string());
    }
    if let Some(rule) = rule {
        text += "  by rule ";
        text += &sanitize::line(rule);
    }
    for (index, what) in would_drop.iter().enumerate() {
        text += if index == 0 { "  monitored: " } else { ", " };
        text += &sanitize::line(what);
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// How many there are beside those that are shown.
fn more(all: usize, [one, many]: [&str; 2]) -> String {
    match all.saturating_sub(ORDERS_SHOWN) {
        0 => String::new(),
        more => format!(
            "  and {}; -o json has all of them\n",
            count(more as u64, one, many)
        ),
    }
}

/// What became of all.
#[must_use]
pub fn summary(summary: &Summary) -> String {
    let Summary {
        packets,
        dropped,
        passed,
        undecided,
        by_reason,
        by_order,
        by_rule,
        would_drop,
        interface,
        at,
        kernel,
        error: _,
    } = summary;
    let mut text = format!(
        "{} on {}, orders as of {}: {} dropped, {} passed, {} undecided.\n",
        count(*packets, "packet", "packets"),
        sanitize::line(interface),
        time(*at),
        number(*dropped),
        number(*passed),
        number(*undecided),
    );
    let head = |what| Table::new(&[(what, Side::Left), ("packets", Side::Right)]);
    let mut table = head("reason");
    let mut reasons: Vec<_> = by_reason.iter().collect();
    reasons.sort_by_key(|(_, packets)| std::cmp::Reverse(**packets));
    for (reason, packets) in reasons {
        table.row([(*reason).to_owned(), number(*packets)]);
    }
    text += &table.render(2);
    if !by_order.is_empty() {
        let mut table = head("order");
        let mut orders: Vec<_> = by_order.iter().collect();
        orders.sort_by_key(|(_, packets)| std::cmp::Reverse(**packets));
        for (order, packets) in orders.iter().take(ORDERS_SHOWN) {
            table.row([order.to_string(), number(**packets)]);
        }
        text += &table.render(2);
        text += &more(orders.len(), ["more order", "more orders"]);
    }
    if !by_rule.is_empty() {
        let mut table = head("rule");
        let mut rules: Vec<_> = by_rule.iter().collect();
        rules.sort_by_key(|(_, packets)| std::cmp::Reverse(**packets));
        for (rule, packets) in rules.iter().take(ORDERS_SHOWN) {
            table.row([(*rule).clone(), number(**packets)]);
        }
        text += &table.render(2);
        text += &more(rules.len(), ["more rule", "more rules"]);
    }
    if *would_drop > 0 {
        text += &format!(
            "{} would have been dropped by what is only monitored.\n",
            count(*would_drop, "packet", "packets")
        );
    }
    if let Some(kernel) = kernel {
        text += &format!(
            "The program in the kernel judged {}, {} otherwise than the host.\n",
            count(kernel.compared, "packet", "packets"),
            number(kernel.differences)
        );
        if kernel.not_run > 0 {
            text += &format!(
                "It cannot run {}: too short, or too long.\n",
                count(kernel.not_run, "packet", "packets")
            );
        }
    }
    text
}

/// `192.0.2.1:53 > 203.0.113.7:40000 udp`; nothing for what is not IP.
fn flow(ends: &Ends) -> String {
    let (Some(source), Some(destination)) = (ends.source, ends.destination) else {
        return String::new();
    };
    let mut text = format!(
        "{} > {}",
        end(source, ends.source_port),
        end(destination, ends.destination_port)
    );
    if let Some(protocol) = &ends.protocol {
        text.push(' ');
        text += protocol;
    }
    text
}

fn end(address: IpAddr, port: Option<u16>) -> String {
    match (address, port) {
        (address, None) => address.to_string(),
        (IpAddr::V4(address), Some(port)) => format!("{address}:{port}"),
        (IpAddr::V6(address), Some(port)) => format!("[{address}]:{port}"),
    }
}
