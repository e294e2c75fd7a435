//! The text of `explain`: blocked or not, and on whose order.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    bytes, count, fields, number, optional_time,
    order::{direction, packets},
    table::{Side, Table},
    time, time_and_distance,
};
use crate::{
    cli::sanitize,
    http::wire::{CoveringEntry, Explanation, NeverBlockEntry, RuleAtEnd, WithheldEntry},
};

/// The text, as of `now`.
#[must_use]
pub fn text(explanation: &Explanation, now: Timestamp) -> String {
    let Explanation {
        address,
        stands_for,
        host_group,
        limits,
        policies,
        rules,
        rules_total,
        blocked,
        not_dropping,
        orders,
        never_block,
        withheld,
        generation,
    } = explanation;
    let verdict = if *blocked {
        let enforcing = orders.iter().filter(|entry| entry.mode != "monitor");
        let entries = count(enforcing.count() as u64, "entry", "entries");
        format!("{address} is BLOCKED by {entries}")
    } else if never_block.is_some() {
        format!("{address} is not blocked: it is on the never-block list")
    } else if let Some(why) = not_dropping.as_deref().filter(|_| !orders.is_empty()) {
        let why = match why {
            "kill_switch" => "the kill switch is on",
            _ => "no interface enforces",
        };
        format!(
            "{address} is not blocked, though orders in force cover it: {why}, nothing is dropped"
        )
    } else if !orders.is_empty() {
        format!("{address} is not blocked, though orders in force cover it")
    } else {
        format!("{address} is not blocked: no order in force covers it")
    };
    let mut text = match generation {
        Some(generation) => format!("{verdict} (generation {generation}).\n"),
        None => format!("{verdict} (nothing is in force).\n"),
    };
    if let Some(v4) = stands_for {
        text += &format!("It is behind a NAT64 prefix and stands for {v4}.\n");
    }
    if let Some(group) = host_group {
        text += &format!("It is in the host group {}.\n", sanitize::line(group));
        let settings = [
            ("limits", settings(limits)),
            ("policies", settings(policies)),
        ];
        text += &fields(2, &settings);
    }
    if let Some(entry) = never_block {
        text += &format!("\n{}", protection(entry));
    }
    for entry in orders {
        text += &format!("\n{}", covering(entry, now));
    }
    if !withheld.is_empty() {
        text += "\nNot in force\n";
        text += &withheld_table(withheld);
    }
    if !rules.is_empty() {
        text += "\nRules that can match packets from and to it";
        if never_block
            .as_ref()
            .is_some_and(|entry| entry.scope == "all")
        {
            text += ", which pass without being asked about";
        }
        text += "\n";
        text += &rules_table(rules);
        text += &more(rules.len(), *rules_total);
    }
    text
}

/// Settings on one line, in the words of the configuration.
fn settings(settings: &BTreeMap<String, String>) -> String {
    let settings = settings.iter();
    let settings: Vec<String> = settings
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    settings.join(", ")
}

fn rules_table(rules: &[RuleAtEnd]) -> String {
    let mut table = Table::new(&[
        ("RANK", Side::Right),
        ("ID", Side::Left),
        ("PACKETS", Side::Left),
        ("MATCHED", Side::Right),
        ("DROPPED", Side::Right),
        ("UNTIL", Side::Left),
        ("RULE", Side::Left),
    ]);
    for RuleAtEnd { dir, rule, .. } in rules {
        table.row([
            rule.rank.to_string(),
            rule.id.to_string(),
            direction(*dir).to_owned(),
            number(rule.matched.packets),
            number(rule.dropped.packets),
            optional_time(rule.until),
            rule.text.clone(),
        ]);
    }
    table.render(2)
}

fn protection(entry: &NeverBlockEntry) -> String {
    let what = if entry.scope == "all" {
        "never blocked, whatever for"
    } else {
        "never blocked by orders"
    };
    let by = entry.by.as_ref().map_or_else(String::new, Clone::clone);
    let until = entry.until.map_or_else(String::new, time);
    format!(
        "{} {what}\n{}",
        entry.net,
        fields(
            2,
            &[
                ("origin", entry.origin.clone()),
                ("reason", entry.reason.clone()),
                ("until", until),
                ("by", by),
            ],
        )
    )
}

fn covering(entry: &CoveringEntry, now: Timestamp) -> String {
    let monitored = if entry.mode == "monitor" {
        ", counted only (monitor)"
    } else {
        ""
    };
    let paused = if entry.paused { ", feed paused" } else { "" };
    let head = format!(
        "{} {}{monitored}{paused}",
        entry.net,
        packets(entry.dir, entry.proto.as_deref(), &entry.ports)
    );
    format!(
        "{}\n{}",
        sanitize::line(&head),
        fields(
            2,
            &[
                ("order", format!("{}, entry {}", entry.id, entry.entry)),
                ("issuer", entry.issuer.clone()),
                ("basis", entry.basis.clone()),
                ("reason", entry.reason.clone()),
                ("since", time(entry.since)),
                ("until", time_and_distance(entry.until, now)),
                (
                    "dropped",
                    format!(
                        "{} ({}) by the whole order",
                        count(entry.dropped.packets, "packet", "packets"),
                        bytes(entry.dropped.bytes)
                    ),
                ),
            ],
        )
    )
}

/// Entries that are not in force, a line each.
#[must_use]
pub fn withheld_table(entries: &[WithheldEntry]) -> String {
    let mut table = Table::new(&[
        ("NET", Side::Left),
        ("STATUS", Side::Left),
        ("REASON", Side::Left),
        ("ORDER", Side::Left),
        ("ENTRY", Side::Left),
    ]);
    for entry in entries {
        table.row([
            entry.net.to_string(),
            entry.status.clone(),
            entry.reason.clone().unwrap_or_else(|| "-".to_owned()),
            entry.id.to_string(),
            entry.entry.clone(),
        ]);
    }
    table.render(2)
}

/// How many more entries there are than are listed.
#[must_use]
pub fn more(listed: usize, total: u64) -> String {
    match total.saturating_sub(listed as u64) {
        0 => String::new(),
        more => format!("  and {} more\n", number(more)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::samples;

    #[test]
    fn a_blocked_address() {
        let mut explanation = samples::explanation();
        explanation.orders[0].reason = "botnet\x1b[31m C2".to_owned();
        explanation.withheld.push(samples::withheld_entry());
        assert_eq!(
            text(&explanation, samples::time("2026-11-23T12:00:00Z")),
            "\
203.0.113.7 is BLOCKED by 1 entry (generation 42).

203.0.113.0/24 to it, tcp, ports 443 8000-8010
  order    ncsc:298/VNCERT-DPUC, entry e2
  issuer   VNCERT/CC
  basis    Decree 53/2022
  reason   botnet\\u{1b}[31m C2
  since    2026-11-23 08:00:04Z
  until    2026-12-30 00:00:00Z (in 36 d)
  dropped  1,234,567 packets (74.10 MB) by the whole order

Not in force
  NET           STATUS   REASON       ORDER                 ENTRY
  192.0.2.0/24  refused  never_block  ncsc:298/VNCERT-DPUC  e7
"
        );
    }

    #[test]
    fn an_address_behind_a_translator() {
        let mut explanation = samples::explanation();
        explanation.address = "64:ff9b::203.0.113.7".parse().unwrap();
        explanation.stands_for = Some("203.0.113.7".parse().unwrap());
        explanation.host_group = Some("name-servers".to_owned());
        let text = text(&explanation, samples::time("2026-11-23T12:00:00Z"));
        let head: Vec<&str> = text.lines().take(3).collect();
        assert_eq!(
            head,
            [
                "64:ff9b::cb00:7107 is BLOCKED by 1 entry (generation 42).",
                "It is behind a NAT64 prefix and stands for 203.0.113.7.",
                "It is in the host group name-servers.",
            ]
        );
    }

    #[test]
    fn rules_and_limits_are_told_and_what_is_left_out_is_counted() {
        let mut explanation = samples::explanation();
        explanation.blocked = false;
        explanation.orders.clear();
        explanation.host_group = Some("web".to_owned());
        let settings = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
        explanation.limits = settings("syn", "5 kpps").into();
        explanation.limits.extend(settings("icmp", "1 Mbit/s"));
        explanation.policies = settings("land", "drop").into();
        explanation.rules = vec![samples::rule_at_end()];
        explanation.rules_total = 4;
        let now = samples::time("2026-11-23T12:00:00Z");
        assert_eq!(
            text(&explanation, now),
            "\
203.0.113.7 is not blocked: no order in force covers it (generation 42).
It is in the host group web.
  limits    icmp 1 Mbit/s, syn 5 kpps
  policies  land drop

Rules that can match packets from and to it
  RANK  ID   PACKETS         MATCHED  DROPPED  UNTIL                 RULE
     1  ntp  from and to it   12,345   12,000  2026-11-23 10:00:04Z  proto = udp sport = 123 length >= 468 then drop
  and 3 more
"
        );
        explanation.never_block = Some(samples::never_block_entry());
        assert!(!text(&explanation, now).contains("without being asked"));
        explanation.never_block.as_mut().unwrap().scope = "all".to_owned();
        let text = text(&explanation, now);
        assert!(text.contains("from and to it, which pass without being asked about\n"));
    }

    #[test]
    fn a_protected_address() {
        let mut explanation = samples::explanation();
        explanation.blocked = false;
        explanation.orders.clear();
        explanation.never_block = Some(samples::never_block_entry());
        assert_eq!(
            text(&explanation, samples::time("2026-11-23T12:00:00Z")),
            "\
203.0.113.7 is not blocked: it is on the never-block list (generation 42).

203.0.113.0/28 never blocked by orders
  origin  exception
  reason  our resolver
  until   2026-12-01 00:00:00Z
  by      alice (uid 1000)
"
        );
    }
}
