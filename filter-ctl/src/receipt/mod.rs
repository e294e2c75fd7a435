//! Receipts: what became of each signed bundle, signed by the appliance.
//!
//! A receipt is named by the SHA-256 of the bundle's bytes, so whoever has the bundle knows where to ask, and
//! the same bytes sent twice have one receipt. Only bundles that carry a good signature by a known key get one:
//! a stranger cannot fill the disk.
//!
//! - here: the document, and which of two receipts for the same bundle stays;
//! - [`store`]: receipts on disk.

pub mod store;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    http::wire::{ApplyReport, Refusal, WithheldEntry},
    order::FeedName,
};

/// What became of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptStatus {
    /// It is on disk, and not yet in the kernel; that is tried again until it is.
    Admitted,
    /// All its entries are in force.
    Enforced,
    /// It is in force, but for the entries that are listed.
    Partial,
    /// It is on disk, and its feed stands still: what it withdraws is no longer enforced, what it adds waits.
    Paused,
    /// It was refused whole; what was in force before stays.
    Refused,
    /// It was a test: good, and not to be enforced.
    Test,
}

impl ReceiptStatus {
    /// What a report of the engine amounts to.
    #[must_use]
    pub fn of(report: &ApplyReport) -> Self {
        match report {
            ApplyReport { status, .. } if status == "test" => Self::Test,
            ApplyReport { paused: true, .. } => Self::Paused,
            ApplyReport {
                withheld_total: 0, ..
            } => Self::Enforced,
            _ => Self::Partial,
        }
    }

    /// Its name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Enforced => "enforced",
            Self::Partial => "partial",
            Self::Paused => "paused",
            Self::Refused => "refused",
            Self::Test => "test",
        }
    }
}

/// The document that the appliance signs. Fields are added, never renamed or removed; times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its name: SHA-256 of the bundle's bytes, in hexadecimal.
    pub receipt: String,
    /// The id of the key that signs it, as minisign prints it.
    pub appliance_key: String,
    /// The feed.
    pub feed: FeedName,
    /// The bundle's epoch; absent where its first line cannot be read.
    pub epoch: Option<u64>,
    /// Its sequence number; absent where its first line cannot be read.
    pub seq: Option<u64>,
    /// SHA-256 of the bundle's bytes, in hexadecimal.
    pub sha256: String,
    /// Whether it was a test.
    pub test: bool,
    /// What became of it.
    pub status: ReceiptStatus,
    /// `enforce`, or `monitor` where the feed's matches are only counted.
    pub mode: String,
    /// Whether the kill switch was on, so that everything passed.
    pub bypass: bool,
    /// On how many interfaces packets were dropped at all; with none, nothing was.
    #[serde(default)]
    pub enforcing_interfaces: Option<u64>,
    /// When it had arrived.
    pub received_at: Timestamp,
    /// When it was on disk.
    pub admitted_at: Option<Timestamp>,
    /// When the kernel enforced it.
    pub enforced_at: Option<Timestamp>,
    /// The generation that enforces it.
    pub generation: Option<u64>,
    /// How many entries it has, and what became of them.
    pub entries: EntryCounts,
    /// Entries that are not enforced as asked, with the reason; at most the first 1,000.
    pub not_enforced: Vec<WithheldEntry>,
    /// Why it was refused, if it was.
    pub refusal: Option<ReceiptRefusal>,
}

/// Entries by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryCounts {
    /// All that arrived.
    pub received: u64,
    /// Those in force, whole or in part.
    pub enforced: u64,
    /// Those not in force, or only in part.
    pub not_enforced: u64,
}

/// Why a bundle was refused whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptRefusal {
    /// A stable name of the reason.
    pub code: String,
    /// The reason, in a sentence.
    pub error: String,
}

impl From<&Refusal> for ReceiptRefusal {
    fn from(refusal: &Refusal) -> Self {
        Self {
            code: refusal.code.clone(),
            error: refusal.error.clone(),
        }
    }
}

impl Receipt {
    /// Whether this receipt takes the place of an older one for the same bundle.
    ///
    /// What was enforced once stays said, whatever a replay of the bundle meets later. A refusal gives way to
    /// anything but the same refusal.
    #[must_use]
    pub fn replaces(&self, older: &Self) -> bool {
        use ReceiptStatus::{Admitted, Enforced, Partial, Paused, Refused, Test};
        match (older.status, self.status) {
            (Enforced | Partial, _)
            | (Admitted | Paused | Test, Refused)
            | (Paused, Admitted | Paused) => false,
            (Refused, Refused) => {
                let code = |receipt: &Self| receipt.refusal.as_ref().map(|why| why.code.clone());
                code(self) != code(older)
            }
            (Admitted, now) => now != Admitted,
            (Refused | Test | Paused, _) => true,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::http::samples;

    pub(crate) fn receipt(id: &str, status: ReceiptStatus) -> Receipt {
        Receipt {
            receipt: id.to_owned(),
            appliance_key: "0123456789ABCDEF".to_owned(),
            feed: samples::feed(),
            epoch: Some(1),
            seq: Some(2),
            sha256: id.to_owned(),
            test: status == ReceiptStatus::Test,
            status,
            mode: "enforce".to_owned(),
            bypass: false,
            enforcing_interfaces: Some(2),
            received_at: samples::time("2026-11-23T08:00:00Z"),
            admitted_at: None,
            enforced_at: None,
            generation: None,
            entries: EntryCounts::default(),
            not_enforced: Vec::new(),
            refusal: None,
        }
    }

    #[test]
    fn what_was_enforced_once_stays_said() {
        use ReceiptStatus::{Admitted, Enforced, Partial, Paused, Refused, Test};
        let replaces = |new, old| receipt("a", new).replaces(&receipt("a", old));
        for new in [Admitted, Enforced, Partial, Paused, Refused, Test] {
            assert!(!replaces(new, Enforced), "{new:?}");
            assert!(!replaces(new, Partial), "{new:?}");
        }
        assert!(replaces(Enforced, Admitted) && replaces(Partial, Admitted));
        assert!(!replaces(Admitted, Admitted) && !replaces(Refused, Admitted));
        assert!(replaces(Paused, Admitted) && replaces(Enforced, Paused));
        assert!(!replaces(Admitted, Paused) && !replaces(Refused, Paused));
        assert!(replaces(Enforced, Refused) && replaces(Test, Refused));
        assert!(!replaces(Refused, Refused), "the same refusal again");
        assert!(!replaces(Refused, Test) && replaces(Test, Test));
    }
}
