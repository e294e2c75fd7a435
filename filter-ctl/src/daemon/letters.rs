//! Letters: when they were enforced first, what is reported of them, which deadlines are near.

use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;

use super::{
    engine::{Engine, actor_name, not_found},
    handle::{Actor, Answer},
    view::View,
};
use crate::{
    audit::Event,
    http::wire::{
        Changed, LetterInfo, OpenDeadline, OrderDetail, OrderReport, ReportItem, ReportSent,
    },
    metrics::Deadline,
    order::{
        FeedName, OrderId,
        letter::{FirstEnforced, OperatorOrder},
    },
};

/// Deadlines that metrics show: the nearest, those that have passed first.
pub(super) const DEADLINES_MAX: usize = 100;
/// Deadlines that `status` shows; how many have passed is complete.
const DEADLINES_SHOWN_MAX: usize = 10;
/// Characters of a reference in a metric's label; a longer one is cut.
const LABEL_CHARS_MAX: usize = 64;

impl Engine {
    /// Notes, durably, which letters the generation in force is the first to drop packets by. While the kill
    /// switch is set, it drops none.
    pub(super) fn note_enforced(&mut self, generation: u64) {
        if self.instance.bypass() || self.letters.values().all(|l| l.enforced.is_some()) {
            return;
        }
        let at = Timestamp::now();
        let operator = FeedName::operator();
        let held = self.rules.enforced_tallies().map(|(order, _)| &order.id);
        let first: Vec<Arc<OperatorOrder>> = held
            .filter(|id| id.feed == operator)
            .filter_map(|id| self.letters.get(&id.reference))
            .filter(|letter| letter.enforced.is_none())
            .map(Arc::clone)
            .collect();
        for letter in first {
            let reference = &letter.info.reference;
            self.record(
                Event::new(
                    "filter-ctl",
                    "order_enforced",
                    format!("{operator}:{reference}"),
                )
                .detail("generation", generation),
            );
            let record = self.audit.last();
            let mut noted = OperatorOrder::clone(&letter);
            noted.enforced = Some(FirstEnforced {
                at,
                generation,
                record,
            });
            self.keep_letter(noted);
        }
    }

    /// Notes that the report on a letter was sent.
    pub(super) fn report_sent(&mut self, request: &ReportSent, actor: &Actor) -> Answer<Changed> {
        let id = &request.id;
        let letter = self.letters.get(&id.reference);
        let Some(letter) = letter.filter(|_| id.feed == FeedName::operator()) else {
            return Err(not_found(
                "no_such_letter",
                format!("{id} is no order that an operator has entered"),
            ));
        };
        let mut sent = OperatorOrder::clone(letter);
        sent.report_sent_at = Some(Timestamp::now());
        let stored = self.store.save_operator(&sent);
        self.stored("commit", stored)?;
        self.letters
            .insert(sent.info.reference.clone(), Arc::new(sent));
        self.record(Event::new(
            &actor_name(actor),
            "report_sent",
            id.to_string(),
        ));
        Ok(Changed {
            message: format!("the report on {id} is noted as sent"),
            generation: self.generation(),
        })
    }

    /// Stores what was noted of a letter. A disk that does not take it is an alarm: what is in force is
    /// not touched by it.
    fn keep_letter(&mut self, letter: OperatorOrder) {
        match self.store.save_operator(&letter) {
            Ok(()) => self.clear_alarm("state_not_writable", "operator"),
            Err(error) => self.raise("state_not_writable", "operator", error.to_string()),
        }
        self.letters
            .insert(letter.info.reference.clone(), Arc::new(letter));
    }

    /// The nearest deadlines of letters on which no report was sent, as metrics and as `status` show them, and how
    /// many have passed.
    pub(super) fn deadlines(&self, now: Timestamp) -> (Vec<Deadline>, Vec<OpenDeadline>, u64) {
        let open = self.letters.values().filter(|l| l.report_sent_at.is_none());
        let mut open: Vec<(Timestamp, &OperatorOrder)> = open
            .filter_map(|letter| Some((letter.deadline?, &**letter)))
            .collect();
        open.sort_unstable_by_key(|(deadline, letter)| (*deadline, &letter.info.reference));
        let overdue = open.iter().filter(|(deadline, _)| *deadline <= now).count();
        let shown = open.iter().take(DEADLINES_SHOWN_MAX);
        let shown = shown.map(|(deadline, letter)| OpenDeadline {
            id: OrderId {
                feed: FeedName::operator(),
                reference: letter.info.reference.clone(),
            },
            deadline: *deadline,
        });
        let shown = shown.collect();
        let nearest = open.into_iter().take(DEADLINES_MAX);
        let nearest = nearest.map(|(deadline, letter)| Deadline {
            order: label(&letter.info.reference),
            seconds: deadline.as_second() - now.as_second(),
        });
        (nearest.collect(), shown, overdue as u64)
    }
}

/// A reference as a metric's label: never an address, never long, never that of another order.
fn label(reference: &str) -> String {
    let digest = || OperatorOrder::digest(reference)[..8].to_owned();
    if reference.parse::<IpNet>().is_ok() || reference.parse::<std::net::IpAddr>().is_ok() {
        return digest();
    }
    match reference.char_indices().nth(LABEL_CHARS_MAX) {
        None => reference.to_owned(),
        Some((end, _)) => format!("{}... {}", &reference[..end], digest()),
    }
}

/// What a letter says besides addresses.
pub(super) fn letter_info(letter: &OperatorOrder) -> LetterInfo {
    LetterInfo {
        date: letter.date,
        deadline: letter.deadline,
        entered_at: letter.entered_at,
        entered_by: format!("{} (uid {})", letter.user, letter.uid),
        enforced: letter.enforced,
        report_sent_at: letter.report_sent_at,
        not_enforceable: letter.not_enforceable.clone(),
        not_enforceable_more: letter.not_enforceable_more,
    }
}

impl View {
    /// See [`super::handle::Handle::report`].
    #[must_use]
    pub fn report(&self, id: &OrderId, now: Timestamp) -> Option<OrderReport> {
        let generation = self.status.generation.as_ref();
        let generation = generation.map(|generation| generation.number);
        let not_dropping = self.status.not_dropping();
        let record = self.audit_record;
        Some(report(
            self.order(id)?,
            generation,
            record,
            not_dropping,
            now,
        ))
    }
}

/// The report on an order.
pub(crate) fn report(
    detail: OrderDetail,
    generation: Option<u64>,
    audit_record: Option<u64>,
    not_dropping: Option<&str>,
    now: Timestamp,
) -> OrderReport {
    let mut items = items(&detail);
    if not_dropping.is_some() {
        let blocked = |item: &&mut ReportItem| matches!(&*item.status, "enforced" | "partial");
        for item in items.iter_mut().filter(blocked) {
            "monitored".clone_into(&mut item.status);
        }
    }
    let OrderDetail {
        summary, letter, ..
    } = detail;
    let enforced = letter.as_ref().and_then(|letter| letter.enforced);
    let deadline = letter.as_ref().and_then(|letter| letter.deadline);
    // Nothing can be late of a letter that names no address.
    let deadline = deadline.filter(|_| summary.status != "not_enforceable");
    let deadline_met = deadline.and_then(|deadline| match enforced {
        Some(enforced) => Some(enforced.at <= deadline),
        None => (deadline <= now).then_some(false),
    });
    let after = letter
        .as_ref()
        .zip(enforced)
        .and_then(|(letter, enforced)| {
            let after = enforced.at.as_millisecond() - letter.entered_at.as_millisecond();
            u64::try_from(after).ok()
        });
    OrderReport {
        id: summary.id,
        feed: summary.feed,
        reference: summary.reference,
        issuer: summary.issuer,
        basis: summary.basis,
        reason: summary.reason,
        at: now,
        status: summary.status,
        letter,
        since: summary.since,
        until: summary.until,
        deadline_met,
        enforced_after_ms: after,
        dropped: summary.dropped,
        would_drop: summary.would_drop,
        generation,
        audit_record,
        items,
        not_dropping: not_dropping.map(str::to_owned),
    }
}

fn items(detail: &OrderDetail) -> Vec<ReportItem> {
    let partial: std::collections::HashMap<&str, Option<&String>> = detail
        .not_enforced
        .iter()
        .filter(|entry| entry.status == "partial")
        .map(|entry| (entry.entry.as_str(), entry.reason.as_ref()))
        .collect();
    let held = detail.entries.iter().map(|entry| {
        let part = partial.get(entry.entry.as_str());
        let status = match part {
            Some(_) => "partial",
            None if entry.mode == "monitor" => "monitored",
            None => "enforced",
        };
        ReportItem {
            kind: "address".to_owned(),
            item: entry.net.to_string(),
            entry: Some(entry.entry.clone()),
            dir: Some(entry.dir),
            proto: entry.proto.clone(),
            ports: entry.ports.clone(),
            status: status.to_owned(),
            reason: part.copied().flatten().cloned(),
            since: Some(entry.since),
            until: Some(entry.until),
        }
    });
    let not_held = detail.not_enforced.iter();
    let not_held = not_held.filter(|entry| entry.status != "partial");
    let not_held = not_held.map(|entry| ReportItem {
        kind: "address".to_owned(),
        item: entry.net.to_string(),
        entry: Some(entry.entry.clone()),
        dir: None,
        proto: None,
        ports: Vec::new(),
        status: entry.status.clone(),
        reason: entry.reason.clone(),
        since: None,
        until: None,
    });
    let indicators = detail
        .letter
        .iter()
        .flat_map(|letter| &letter.not_enforceable);
    let indicators = indicators.map(|indicator| ReportItem {
        kind: indicator.kind.name().to_owned(),
        item: indicator.text.clone(),
        entry: None,
        dir: None,
        proto: None,
        ports: Vec::new(),
        status: "not_enforceable".to_owned(),
        reason: Some("no_address".to_owned()),
        since: None,
        until: None,
    });
    held.chain(not_held).chain(indicators).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_no_addresses_and_never_long_or_the_same() {
        assert_eq!(label("298/VNCERT-DPUC"), "298/VNCERT-DPUC");
        for address in ["203.0.113.7", "2001:db8::/32"] {
            assert_eq!(label(address), OperatorOrder::digest(address)[..8]);
        }
        let (one, other) = ("ệ".repeat(100) + "1", "ệ".repeat(100) + "2");
        assert_ne!(label(&one), label(&other));
        assert!(label(&one).chars().count() < 80);
    }
}
