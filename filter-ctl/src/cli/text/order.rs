//! The text of the `order` verbs.

use jiff::Timestamp;

use super::{
    bytes, count, explain, fields, number, optional_time,
    table::{Side, Table},
    time, time_and_distance,
};
use crate::{
    http::wire::{ApplyReport, CoveringEntry, LetterInfo, OrderDetail, OrderSummary},
    order::Direction,
};

/// A line for each order.
#[must_use]
pub fn list(orders: &[OrderSummary]) -> String {
    if orders.is_empty() {
        return "There are no orders.\n".to_owned();
    }
    let mut table = Table::new(&[
        ("ID", Side::Left),
        ("STATUS", Side::Left),
        ("ENFORCED", Side::Right),
        ("WITHHELD", Side::Right),
        ("DROPPED", Side::Right),
        ("UNTIL", Side::Left),
        ("ISSUER", Side::Left),
    ]);
    for order in orders {
        table.row([
            order.id.to_string(),
            order.status.clone(),
            number(order.enforced),
            number(order.withheld),
            number(order.dropped.packets),
            optional_time(order.until),
            order.issuer.clone(),
        ]);
    }
    table.render(0)
}

/// One order in full, as of `now`.
#[must_use]
pub fn show(order: &OrderDetail, now: Timestamp) -> String {
    let OrderDetail {
        summary,
        entries,
        not_enforced,
        letter,
    } = order;
    let at = |time: Option<Timestamp>| {
        time.map_or_else(|| "-".to_owned(), |time| time_and_distance(time, now))
    };
    let amount = |packets, volume| {
        let packets = count(packets, "packet", "packets");
        format!("{packets} ({})", bytes(volume))
    };
    let OrderSummary {
        dropped,
        would_drop,
        ..
    } = summary;
    let mut text = fields(
        0,
        &[
            ("Order", summary.id.to_string()),
            ("Status", summary.status.clone()),
            ("Issuer", summary.issuer.clone()),
            ("Basis", summary.basis.clone()),
            ("Reason", summary.reason.clone()),
            ("Since", at(summary.since)),
            ("Until", at(summary.until)),
            ("Dropped", amount(dropped.packets, dropped.bytes)),
            ("Would drop", amount(would_drop.packets, would_drop.bytes)),
        ],
    );
    if !entries.is_empty() {
        text += &format!("\nIn force: {}\n", number(entries.len() as u64));
        text += &entry_table(entries);
    }
    if !not_enforced.is_empty() {
        let entries = number(not_enforced.len() as u64);
        text += &format!("\nNot in force, or only in part: {entries}\n");
        text += &explain::withheld_table(not_enforced);
    }
    if let Some(letter) = letter {
        text += &letter_text(letter);
    }
    text
}

fn letter_text(letter: &LetterInfo) -> String {
    let date = letter
        .date
        .map_or_else(String::new, |date| date.to_string());
    let enforced = letter.enforced.map(|enforced| enforced.at);
    let mut text = "\n".to_owned()
        + &fields(
            0,
            &[
                ("Letter of", date),
                ("Entered", time(letter.entered_at)),
                ("Entered by", letter.entered_by.clone()),
                ("First enforced", optional_time(enforced)),
                ("Report due", optional_time(letter.deadline)),
                ("Report sent", optional_time(letter.report_sent_at)),
            ],
        );
    let listed = &letter.not_enforceable;
    if !listed.is_empty() {
        let all = listed.len() as u64 + letter.not_enforceable_more;
        text += &format!("\nCannot be blocked by a packet filter: {}\n", number(all));
        let mut table = Table::new(&[("KIND", Side::Left), ("TEXT", Side::Left)]);
        for indicator in listed {
            table.row([indicator.kind.name().to_owned(), indicator.text.clone()]);
        }
        text += &table.render(2);
    }
    text
}

fn entry_table(entries: &[CoveringEntry]) -> String {
    let mut table = Table::new(&[
        ("NET", Side::Left),
        ("PACKETS", Side::Left),
        ("MODE", Side::Left),
        ("UNTIL", Side::Left),
        ("ENTRY", Side::Left),
    ]);
    for entry in entries {
        table.row([
            entry.net.to_string(),
            packets(entry.dir, entry.proto.as_deref(), &entry.ports),
            entry.mode.clone(),
            time(entry.until),
            entry.entry.clone(),
        ]);
    }
    table.render(2)
}

/// Which packets of an address are meant.
#[must_use]
pub const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::From => "from it",
        Direction::To => "to it",
        Direction::Both => "from and to it",
    }
}

/// Which packets an entry is about.
#[must_use]
pub fn packets(dir: Direction, proto: Option<&str>, ports: &[String]) -> String {
    let mut text = direction(dir).to_owned();
    if let Some(protocol) = proto {
        text += &format!(", {protocol}");
    }
    if !ports.is_empty() {
        text += &format!(", ports {}", ports.join(" "));
    }
    text
}

/// What became of a bundle, or of an operator's order.
#[must_use]
pub fn report(report: &ApplyReport) -> String {
    let ApplyReport {
        feed,
        status,
        epoch,
        seq,
        orders,
        received,
        enforced,
        withheld,
        withheld_total,
        paused,
        generation,
        received_at,
        admitted_at: _,
        enforced_at,
    } = report;
    let what = match (epoch, seq) {
        (Some(epoch), Some(seq)) => format!("bundle {epoch}/{seq} of feed {feed}"),
        _ => match orders.as_slice() {
            [order] => format!("order {order}"),
            _ => format!("orders of feed {feed}"),
        },
    };
    let head = match status.as_str() {
        "enforced" => format!(
            "{what}: {} of {} in force",
            number(*enforced),
            count(*received, "entry", "entries")
        ),
        "paused" => format!("{what}: admitted"),
        "repeat" => format!("{what}: these very bytes were admitted before; nothing changed"),
        "test" => format!("{what}: valid, and as a test not to be enforced"),
        other => format!("{what}: {other}"),
    };
    let mut text = crate::cli::sanitize::line(&head).into_owned();
    if let Some(generation) = generation {
        text += &format!(", generation {generation}");
    }
    if let Some(enforced_at) = enforced_at {
        let milliseconds = enforced_at.as_millisecond() - received_at.as_millisecond();
        text += &format!(", {milliseconds} ms after receipt");
    }
    text += ".\n";
    if *paused {
        text += &format!(
            "Feed {feed} is paused: what it withdraws is no longer enforced, what it adds waits for \
             `filter-ctl feed sync {feed}`.\n"
        );
    }
    if !withheld.is_empty() {
        text += &format!(
            "\nNot in force, or only in part: {}\n{}",
            number(*withheld_total),
            explain::withheld_table(withheld)
        );
        text += &explain::more(withheld.len(), *withheld_total);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::samples;

    #[test]
    fn the_list() {
        assert_eq!(list(&[]), "There are no orders.\n");
        assert_eq!(
            list(&[samples::order_summary()]),
            "\
ID                    STATUS   ENFORCED  WITHHELD    DROPPED  UNTIL                 ISSUER
ncsc:298/VNCERT-DPUC  partial         2         1  1,234,567  2026-12-30 00:00:00Z  VNCERT/CC
"
        );
    }

    #[test]
    fn one_order() {
        assert_eq!(
            show(
                &samples::order_detail(),
                samples::time("2026-11-23T12:00:04Z")
            ),
            "\
Order       ncsc:298/VNCERT-DPUC
Status      partial
Issuer      VNCERT/CC
Basis       Decree 53/2022
Reason      botnet C2
Since       2026-11-23 08:00:04Z (4 h ago)
Until       2026-12-30 00:00:00Z (in 36 d)
Dropped     1,234,567 packets (74.10 MB)
Would drop  0 packets (0 B)

In force: 1
  NET             PACKETS                          MODE     UNTIL                 ENTRY
  203.0.113.0/24  to it, tcp, ports 443 8000-8010  enforce  2026-12-30 00:00:00Z  e2

Not in force, or only in part: 1
  NET           STATUS   REASON       ORDER                 ENTRY
  192.0.2.0/24  refused  never_block  ncsc:298/VNCERT-DPUC  e7
"
        );
    }

    #[test]
    fn what_became_of_a_bundle() {
        let mut applied = samples::apply_report();
        applied.withheld_total = 1_200;
        assert_eq!(
            report(&applied),
            "\
bundle 1/42 of feed ncsc: 2 of 3 entries in force, generation 42, 1500 ms after receipt.

Not in force, or only in part: 1,200
  NET           STATUS   REASON       ORDER                 ENTRY
  192.0.2.0/24  refused  never_block  ncsc:298/VNCERT-DPUC  e7
  and 1,199 more
"
        );
        applied.status = "test".to_owned();
        applied.withheld.clear();
        (applied.generation, applied.enforced_at) = (None, None);
        let expected = "bundle 1/42 of feed ncsc: valid, and as a test not to be enforced.\n";
        assert_eq!(report(&applied), expected);
    }
}
