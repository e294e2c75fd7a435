//! Receipts: what the engine states of each signed bundle, once it is enforced or refused.
//!
//! A receipt that cannot be written is an alarm, and no reason not to enforce. It is tried again: for what is
//! committed until it is there, for what was refused when it is sent again.

use jiff::Timestamp;

use super::{
    desired::SourceKey,
    engine::{Engine, RETRY_EVERY_SECONDS, actor_name},
    feed_switch::FeedMode,
    handle::{Actor, Answer, Upload},
};
use crate::{
    appliance::Appliance,
    audit::Event,
    http::wire::{ApplyReport, Refusal, RefusalKind},
    observe::offline,
    order::{
        FeedName, Provenance, VerifiedOrder, hex, parse,
        verify::{Admission, AdmissionError, UntrustedOrder},
    },
    receipt::{
        EntryCounts, Receipt, ReceiptRefusal, ReceiptStatus,
        store::{ReceiptDir, ReceiptError, ReceiptId, ReceiptStore},
    },
};

const ALARM: &str = "receipt_failed";

/// What is needed to write receipts.
pub(super) struct Receipts {
    store: ReceiptStore,
    /// Why not, while the key cannot be used.
    signer: Result<Appliance, String>,
    /// Whether something that is committed may lack its receipt, or the time it was enforced.
    incomplete: bool,
}

/// A bundle on its way through admission.
pub(super) struct Arrival {
    sha256: [u8; 32],
    transport_feed: Option<FeedName>,
    pub(super) received_at: Timestamp,
    /// What is known of it once a known key turns out to have signed it.
    signed: Option<Head>,
}

/// The first line of a bundle, as far as it can be read.
#[derive(Default)]
struct Head {
    feed: Option<FeedName>,
    epoch: Option<u64>,
    seq: Option<u64>,
    test: bool,
}

impl Receipts {
    /// Reads the key, or makes it. Where that fails, receipts fail, and nothing else.
    pub(super) fn open(directory: ReceiptDir, state_dir: &std::path::Path) -> Self {
        Self {
            store: ReceiptStore::new(directory),
            signer: Appliance::open(state_dir).map_err(|error| error.to_string()),
            incomplete: false,
        }
    }
}

impl Arrival {
    pub(super) fn of(upload: &Upload, received_at: Timestamp) -> Self {
        Self {
            sha256: upload.bundle.sha256(),
            transport_feed: upload.feed.clone(),
            received_at,
            signed: None,
        }
    }

    /// Notes what admission has found out.
    pub(super) fn judged(
        &mut self,
        untrusted: &UntrustedOrder,
        admission: &Result<Admission, AdmissionError>,
        timezone: &jiff::tz::TimeZone,
    ) {
        let of_order = |order: &VerifiedOrder| {
            let (epoch, seq, test) = match order.provenance() {
                Provenance::Bundle {
                    epoch, seq, test, ..
                } => (Some(*epoch), Some(*seq), *test),
                Provenance::List { .. } | Provenance::Operator { .. } | Provenance::Table => {
                    (None, None, false)
                }
            };
            Head {
                feed: Some(order.feed().clone()),
                epoch,
                seq,
                test,
            }
        };
        self.signed = match admission {
            Ok(Admission::New(admitted)) => Some(of_order(&admitted.order)),
            Ok(Admission::Test(order)) => Some(of_order(order)),
            Ok(Admission::Repeat { feed, mark }) => Some(Head {
                feed: Some(feed.clone()),
                epoch: Some(mark.epoch),
                seq: Some(mark.seq),
                test: false,
            }),
            Err(error) if error.is_by_known_key() => {
                let head =
                    parse::open(untrusted.bundle.bytes(), timezone).map(|(manifest, _)| Head {
                        feed: Some(manifest.feed),
                        epoch: Some(manifest.epoch),
                        seq: Some(manifest.seq),
                        test: manifest.test,
                    });
                Some(head.unwrap_or_default())
            }
            Err(_) => None,
        };
    }

    /// The feed and the digest of a bundle that a known key has signed.
    pub(super) fn signed_for(&self) -> Option<(Option<FeedName>, [u8; 32])> {
        let head = self.signed.as_ref()?;
        Some((self.feed(head), self.sha256))
    }

    /// The feed that the receipt belongs to: that of the way it came, or else the one that it names.
    fn feed(&self, head: &Head) -> Option<FeedName> {
        self.transport_feed.clone().or_else(|| head.feed.clone())
    }
}

impl Engine {
    /// Writes the receipt of a bundle that was dealt with.
    pub(super) fn give_receipt(&mut self, arrival: &Arrival, result: &Answer<ApplyReport>) {
        let Some(head) = &arrival.signed else {
            return;
        };
        let committed = || {
            let mark = head.feed.as_ref().and_then(|feed| self.marks.get(feed));
            mark.is_some_and(|mark| mark.sha256 == arrival.sha256)
        };
        let receipt = match result {
            Ok(report) => {
                let mut receipt = self.receipt_of(report, &arrival.sha256);
                if report.status == "repeat" && !report.paused {
                    // It was enforced before it was sent again.
                    receipt.received_at = report.admitted_at;
                    receipt.enforced_at = self.published_at().max(Some(report.admitted_at));
                }
                receipt
            }
            Err(refusal) if refusal.kind == RefusalKind::Refused => {
                let Some(receipt) = self.refusal_receipt(arrival, head, refusal) else {
                    return;
                };
                receipt
            }
            Err(_) if committed() => {
                self.receipts.incomplete = true;
                return self.complete_receipts();
            }
            // What failed was not judged, and can be tried again.
            Err(_) => return,
        };
        self.put_receipt(&receipt);
    }

    /// Records a refusal where the operator looks: log, audit log, status and metrics.
    pub(super) fn note_refusal(
        &mut self,
        feed: Option<FeedName>,
        sha256: [u8; 32],
        refusal: &Refusal,
        actor: &Actor,
    ) {
        tracing::warn!(
            code = refusal.code,
            actor = actor.name,
            "a bundle was refused: {}",
            refusal.error
        );
        let name = feed.as_ref().map_or("unknown", FeedName::as_str).to_owned();
        self.record(
            Event::new(&actor_name(actor), "bundle_refused", name)
                .detail("sha256", hex::encode(&sha256))
                .detail("code", &refusal.code)
                .detail("error", &refusal.error),
        );
        let unknown = || FeedName::try_from("unknown".to_owned()).ok();
        if let Some(feed) = feed.or_else(unknown) {
            let record = self.feeds.entry(feed).or_default();
            *record.refused.entry(refusal.code.clone()).or_default() += 1;
            record.last_refusal = Some(refusal.clone());
        }
    }

    /// Tries again what could not be completed.
    pub(super) fn complete_receipts_regularly(&mut self) {
        if self.receipts.incomplete && self.seconds.is_multiple_of(RETRY_EVERY_SECONDS) {
            self.complete_receipts();
        }
    }

    /// Completes what a crash or a failure has left without a receipt, or without the time it was enforced.
    pub(super) fn complete_receipts(&mut self) {
        self.receipts.incomplete = false;
        let pending = self
            .alarms
            .contains_key(&("enforce_failed", "kernel".to_owned()))
            || !self.damaged.is_empty();
        let marks = self.marks.iter();
        let marks: Vec<(FeedName, [u8; 32])> = marks
            .map(|(feed, mark)| (feed.clone(), mark.sha256))
            .collect();
        for (feed, sha256) in marks {
            let id = ReceiptId::of_digest(&sha256);
            let there = self.receipts.store.find(&feed, &id);
            let is_complete = |receipt: Receipt| {
                !matches!(
                    receipt.status,
                    ReceiptStatus::Admitted | ReceiptStatus::Paused | ReceiptStatus::Refused
                )
            };
            if there.ok().flatten().is_some_and(is_complete) {
                continue;
            }
            let Some(source) = self.sources.get(&SourceKey::Bundle(feed)).cloned() else {
                continue;
            };
            let report = self.report(&source, "repeat", source.admitted_at());
            let mut receipt = self.receipt_of(&report, &sha256);
            if pending {
                receipt.status = ReceiptStatus::Admitted;
                receipt.generation = None;
                receipt.entries.enforced = 0;
                self.receipts.incomplete = true;
            } else if !report.paused {
                receipt.enforced_at = self.published_at().max(Some(report.admitted_at));
            }
            self.put_receipt(&receipt);
        }
    }

    fn put_receipt(&mut self, receipt: &Receipt) {
        let Receipts { store, signer, .. } = &mut self.receipts;
        let written = match signer {
            Ok(signer) => store
                .put(receipt, signer)
                .map_err(|error: ReceiptError| error.to_string()),
            Err(error) => Err(error.clone()),
        };
        match written {
            Ok(()) => self.clear_alarm(ALARM, "receipts"),
            Err(error) => {
                self.receipts.incomplete = true;
                let message = format!("{error}; orders are enforced all the same");
                self.raise(ALARM, "receipts", message);
            }
        }
    }

    fn receipt_of(&self, report: &ApplyReport, sha256: &[u8; 32]) -> Receipt {
        let status = ReceiptStatus::of(report);
        let is_test = status == ReceiptStatus::Test;
        Receipt {
            epoch: report.epoch,
            seq: report.seq,
            test: is_test,
            status,
            admitted_at: Some(report.admitted_at).filter(|_| !is_test),
            enforced_at: report.enforced_at,
            generation: report.generation.filter(|_| !is_test),
            entries: EntryCounts {
                received: report.received,
                enforced: report.enforced,
                not_enforced: report.withheld_total,
            },
            not_enforced: report.withheld.clone(),
            ..self.blank_receipt(report.feed.clone(), sha256, report.received_at)
        }
    }

    /// The receipt of a refusal; none for a feed that nobody knows.
    fn refusal_receipt(
        &self,
        arrival: &Arrival,
        head: &Head,
        refusal: &Refusal,
    ) -> Option<Receipt> {
        let feed = arrival.feed(head)?;
        self.trust.feed(&feed)?;
        Some(Receipt {
            epoch: head.epoch,
            seq: head.seq,
            test: head.test,
            refusal: Some(ReceiptRefusal::from(refusal)),
            ..self.blank_receipt(feed, &arrival.sha256, arrival.received_at)
        })
    }

    fn blank_receipt(&self, feed: FeedName, sha256: &[u8; 32], received_at: Timestamp) -> Receipt {
        let id = ReceiptId::of_digest(sha256);
        let mode = FeedMode::of(&self.config, &self.local, &feed);
        let signer = self.receipts.signer.as_ref();
        Receipt {
            receipt: id.as_str().to_owned(),
            appliance_key: signer.map_or_else(|_| String::new(), |signer| signer.id().to_string()),
            feed,
            epoch: None,
            seq: None,
            sha256: id.as_str().to_owned(),
            test: false,
            status: ReceiptStatus::Refused,
            mode: mode.name().to_owned(),
            bypass: self.instance.bypass(),
            enforcing_interfaces: Some(self.enforcing_interfaces()),
            received_at,
            admitted_at: None,
            enforced_at: None,
            generation: None,
            entries: EntryCounts::default(),
            not_enforced: Vec::new(),
            refusal: None,
        }
    }

    /// When the generation in force came into force.
    fn published_at(&self) -> Option<Timestamp> {
        let live = self.instance.live().ok().flatten()?;
        Some(offline::generation(&live).published_at)
    }
}
