//! Inputs kept as evidence, as the engine decides about them. What cannot be kept is an alarm and a count, and no
//! reason not to enforce.

use std::fs;

use jiff::Timestamp;

use super::{
    engine::{Engine, actor_name},
    handle::{Actor, Answer},
    receipts::Arrival,
};
use crate::{
    evidence::{
        EvidenceError,
        note::{Became, Kind, Note, Outcome, Seen},
    },
    http::wire::{ApplyReport, RefusalKind},
    metrics::EvidenceCounts,
    order::{
        FeedName, Input, OrderId,
        sign::signatures_beside,
        verify::{Mark, UntrustedOrder},
    },
};

const ALARM: &str = "evidence_failed";
const SUBJECT: &str = "evidence";
/// Ticks between two looks for what is too old.
const PRUNE_EVERY: u64 = 3600;

impl Engine {
    /// Reads what is kept, and keeps what is in force and was not: before an upgrade, or because of a crash.
    pub(super) fn load_evidence(&mut self) {
        let loaded = self.evidence.load();
        self.note_evidence(loaded);
        let links: Vec<_> = self
            .marks
            .iter()
            .flat_map(|(feed, mark)| mark.bundles().map(|link| (feed.clone(), link)))
            .filter(|(_, link)| !self.evidence.has(&link.sha256))
            .collect();
        for (feed, link) in links {
            let path = self.store.bundle_path(&feed, &link);
            // What cannot be read has its alarm.
            let Ok(Some(input)) = Input::kept(&path) else {
                continue;
            };
            if input.sha256() != link.sha256 {
                continue;
            }
            let read = |path| fs::read(path).ok();
            let signatures: Vec<_> = signatures_beside(&path).iter().filter_map(read).collect();
            let outcome = Outcome::new(link.admitted_at, "filter-ctl", Became::Admitted);
            self.keep_input(&input, &signatures, Kind::Bundle, feed.as_str(), outcome);
        }
        let lists = self.lists.clone();
        for (feed, mark) in lists {
            if !self.evidence.has(&mark.sha256)
                && let Ok(input) = self.store.list_input(&feed, &mark.sha256)
                && input.sha256() == mark.sha256
            {
                let outcome = Outcome::new(mark.admitted_at, "filter-ctl", Became::Admitted);
                self.keep_input(&input, &[], Kind::List, feed.as_str(), outcome);
            }
        }
        self.prune_evidence();
    }

    /// Keeps a bundle that was dealt with, if a known key has signed it.
    pub(super) fn keep_bundle(
        &mut self,
        untrusted: &UntrustedOrder,
        arrival: &Arrival,
        result: &Answer<ApplyReport>,
        actor: &Actor,
    ) {
        let Some((feed, sha256)) = arrival.signed_for() else {
            return;
        };
        let mark = feed.as_ref().and_then(|feed| self.marks.get(feed));
        let is_committed = mark.is_some_and(|mark| mark.sha256 == sha256);
        let refusal = result.as_ref().err();
        let what = match (result, refusal.map(|refusal| refusal.kind)) {
            (Ok(report), _) if report.status == "test" => Became::Test,
            (Ok(_), _) => Became::Admitted,
            (Err(_), Some(RefusalKind::Refused)) => Became::Refused,
            (Err(_), _) if is_committed => Became::Admitted,
            // It was not judged, and can be sent again.
            (Err(_), _) => return,
        };
        let refusal = refusal.filter(|_| what == Became::Refused);
        let outcome = Outcome {
            code: refusal.map(|refusal| refusal.code.clone()),
            error: refusal.map(|refusal| refusal.error.clone()),
            ..Outcome::new(arrival.received_at, &actor_name(actor), what)
        };
        let subject = feed.as_ref().map_or("", FeedName::as_str).to_owned();
        let UntrustedOrder {
            bundle, signatures, ..
        } = untrusted;
        self.keep_input(bundle, signatures, Kind::Bundle, &subject, outcome);
    }

    /// Keeps a list, and what became of it.
    pub(super) fn keep_list(&mut self, feed: &FeedName, input: &Input, from: &str, what: Became) {
        let outcome = Outcome::new(Timestamp::now(), from, what);
        self.keep_input(input, &[], Kind::List, feed.as_str(), outcome);
    }

    /// Notes what became of a list that is kept.
    pub(super) fn note_list(
        &mut self,
        feed: &FeedName,
        sha256: &[u8; 32],
        from: &str,
        what: Became,
    ) {
        let noted = self.evidence.note_outcome(
            sha256,
            Seen {
                kind: Kind::List,
                subject: feed.to_string(),
                at: Outcome::new(Timestamp::now(), from, what),
            },
        );
        self.note_evidence(noted);
    }

    /// Keeps what came with a letter.
    pub(super) fn keep_attachment(&mut self, id: &OrderId, input: &Input, from: &str) {
        let outcome = Outcome::new(Timestamp::now(), from, Became::Admitted);
        self.keep_input(input, &[], Kind::Letter, &id.to_string(), outcome);
    }

    fn keep_input(
        &mut self,
        input: &Input,
        signatures: &[Vec<u8>],
        kind: Kind,
        subject: &str,
        at: Outcome,
    ) {
        let seen = Seen {
            kind,
            subject: subject.to_owned(),
            at,
        };
        let kept = self.evidence.keep(input, signatures, seen);
        let is_kept = kept.is_ok();
        self.note_evidence(kept);
        if is_kept && self.evidence.exceeds(self.config.evidence.retention()) {
            self.prune_evidence();
        }
    }

    /// What is kept, for the metrics.
    pub(super) fn evidence_counts(&self) -> EvidenceCounts {
        let (inputs, bytes) = self.evidence.size();
        EvidenceCounts {
            inputs: inputs as u64,
            bytes,
            failures: self.evidence.failures,
            removed_early: self.evidence.removed_early,
        }
    }

    /// Removes what has been kept for long enough.
    pub(super) fn prune_evidence_regularly(&mut self) {
        if self.seconds.is_multiple_of(PRUNE_EVERY) {
            self.prune_evidence();
        }
    }

    fn prune_evidence(&mut self) {
        let now = Timestamp::now();
        // With a clock that cannot be right nothing is too old.
        if self.clock.doubt(now).is_some() {
            return;
        }
        let bundles = self.marks.values().flat_map(Mark::bundles);
        let lists = self.lists.iter().flat_map(|(feed, mark)| {
            let held = self.store.held_list(feed).ok().flatten();
            [Some(mark.sha256), held.map(|held| held.sha256)]
        });
        let in_force: std::collections::BTreeSet<[u8; 32]> = bundles
            .map(|link| link.sha256)
            .chain(lists.flatten())
            .collect();
        let letters = &self.letters;
        let is_open = |note: Note| {
            let id = OrderId::try_from(note.subject).ok();
            let letter = id.and_then(|id| letters.get(&id.reference));
            note.kind == Kind::Letter && letter.is_some_and(|l| l.report_sent_at.is_none())
        };
        let is_referenced = |sha256: &[u8; 32], note: &dyn Fn() -> Option<Note>| {
            in_force.contains(sha256) || note().is_some_and(is_open)
        };
        let retention = self.config.evidence.retention();
        let pruned = self.evidence.prune(retention, now, is_referenced);
        self.note_evidence(pruned);
    }

    fn note_evidence(&mut self, outcome: Result<(), EvidenceError>) {
        match outcome {
            Ok(()) => self.clear_alarm(ALARM, SUBJECT),
            Err(error) => {
                self.evidence.failures += 1;
                let message = format!("{error}; orders are enforced all the same");
                self.raise(ALARM, SUBJECT, message);
            }
        }
    }
}
