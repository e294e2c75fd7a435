//! The text of `status`: alarms, then whether anything is filtered, then what.

use jiff::Timestamp;

use super::{
    count, feed, number,
    table::{Side, Table},
    time_and_distance,
};
use crate::{
    cli::sanitize,
    http::wire::{OpenDeadline, Status},
};

/// The text, as of `now`.
#[must_use]
pub fn text(status: &Status, now: Timestamp) -> String {
    let mut text = alarms(status);
    text += &filtering(status, now);
    text += &interfaces(status);
    text += &deadlines(status, now);
    if !status.feeds.is_empty() {
        text += "\nFeeds\n";
        text += &feed::table(&status.feeds, now);
    }
    text
}

fn alarms(status: &Status) -> String {
    let mut text = String::new();
    if status.bypass {
        text += "FILTERING IS OFF: the kill switch is set and every packet passes. \
                 `filter-ctl panic on` filters again.\n\n";
    }
    if status.alarms.is_empty() {
        return text;
    }
    text += &format!("{}\n", count(status.alarms.len() as u64, "ALARM", "ALARMS"));
    for alarm in &status.alarms {
        let line = format!(
            "{} ({}): {}",
            alarm.code,
            alarm.subject,
            feed::alarm_text(alarm)
        );
        text += &format!("  {}\n", sanitize::line(&line));
    }
    text.push('\n');
    text
}

fn filtering(status: &Status, now: Timestamp) -> String {
    let generation = match &status.generation {
        None if status
            .alarms
            .iter()
            .any(|alarm| alarm.code == "other_version") =>
        {
            "the last generation of an older version, which cannot be shown".to_owned()
        }
        None => "nothing: no generation has been published".to_owned(),
        Some(generation) => {
            let entries = generation.entries.map_or_else(String::new, |entries| {
                format!(", {}", count(entries, "entry", "entries"))
            });
            format!(
                "generation {}{entries}, since {}",
                generation.number,
                time_and_distance(generation.published_at, now)
            )
        }
    };
    let service = match status.started_at {
        _ if !status.service => {
            "NOT RUNNING: this was read from the pins, on which the kernel filters by itself"
                .to_owned()
        }
        Some(started) => format!(
            "running, version {}, since {}",
            status.version,
            time_and_distance(started, now)
        ),
        None => format!("starting, version {}", status.version),
    };
    super::fields(0, &[("In force", generation), ("Service", service)])
}

fn interfaces(status: &Status) -> String {
    if status.interfaces.is_empty() {
        return "\nNo interface is filtered.\n".to_owned();
    }
    let mut table = Table::new(&[
        ("NAME", Side::Left),
        ("ROLE", Side::Left),
        ("MODE", Side::Left),
        ("ACTION", Side::Left),
        ("STATE", Side::Left),
    ]);
    for interface in &status.interfaces {
        let state = match (&interface.error, interface.attached) {
            (_, true) => "attached".to_owned(),
            (Some(error), false) => format!("NOT ATTACHED: {error}"),
            (None, false) => "NOT ATTACHED".to_owned(),
        };
        table.row([
            interface.name.clone(),
            interface.role.clone(),
            interface.mode.name().to_owned(),
            interface.action.clone(),
            state,
        ]);
    }
    format!("\nInterfaces\n{}", table.render(2))
}

/// The letters whose report is due next.
fn deadlines(status: &Status, now: Timestamp) -> String {
    if status.deadlines.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[("ORDER", Side::Left), ("REPORT DUE", Side::Left)]);
    for OpenDeadline { id, deadline } in &status.deadlines {
        table.row([
            sanitize::line(&id.to_string()).into_owned(),
            time_and_distance(*deadline, now),
        ]);
    }
    let overdue = match status.overdue {
        0 => String::new(),
        overdue => format!(", {} OVERDUE", number(overdue)),
    };
    format!("\nDeadlines{overdue}\n{}", table.render(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::samples;

    #[test]
    fn a_running_service_with_an_alarm() {
        let now = samples::time("2026-11-24T09:00:05Z");
        assert_eq!(
            text(&samples::status(), now),
            "\
1 ALARM
  feed_stale (ncsc): the last bundle expired at 2026-11-24T08:00:00Z

In force  generation 42, 1,000,002 entries, since 2026-11-23 08:00:05Z (25 h ago)
Service   running, version 0.1.0, since 2026-11-20 08:00:00Z (4 d ago)

Interfaces
  NAME  ROLE      MODE     ACTION   STATE
  eth0  upstream  native   enforce  attached
  eth1  customer  generic  monitor  NOT ATTACHED: interface eth1 does not exist

Feeds
  NAME  MODE       DESIRED   ENFORCED  DRIFT  WITHHELD  HELD  EPOCH/SEQ  ADMITTED               AGE  EXPIRES               REFUSED  ALARMS
  ncsc  enforce  1,000,003  1,000,000      0         3     0       1/42  2026-11-23 08:00:04Z  25 h  2026-11-24 08:00:00Z        0
"
        );
    }

    #[test]
    fn letters_whose_report_is_due_are_listed_and_those_overdue_counted() {
        let mut status = samples::status();
        status.feeds.clear();
        status.deadlines = vec![OpenDeadline {
            id: samples::id(),
            deadline: samples::time("2026-11-24T07:00:00Z"),
        }];
        status.overdue = 1;
        let text = text(&status, samples::time("2026-11-24T09:00:00Z"));
        assert!(
            text.ends_with(
                "\nDeadlines, 1 OVERDUE\n  ORDER                 REPORT DUE\n  \
                 ncsc:298/VNCERT-DPUC  2026-11-24 07:00:00Z (2 h ago)\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_dead_service_with_the_kill_switch_set() {
        let mut status = samples::status();
        status.service = false;
        status.started_at = None;
        status.bypass = true;
        status.alarms.clear();
        status.feeds.clear();
        status.interfaces.clear();
        if let Some(generation) = &mut status.generation {
            generation.entries = None;
        }
        let now = samples::time("2026-11-23T08:00:35Z");
        assert_eq!(
            text(&status, now),
            "\
FILTERING IS OFF: the kill switch is set and every packet passes. `filter-ctl panic on` filters again.

In force  generation 42, since 2026-11-23 08:00:05Z (30 s ago)
Service   NOT RUNNING: this was read from the pins, on which the kernel filters by itself

No interface is filtered.
"
        );
    }
}
