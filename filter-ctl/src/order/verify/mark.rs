//! What was admitted last from a feed, as it is stored.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::order::{hex, trust::Scope};

/// What was admitted last from a feed. It is stored; who holds it decides what comes next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The bundle's epoch.
    pub epoch: u64,
    /// The bundle's sequence number.
    pub seq: u64,
    /// SHA-256 of the bundle's bytes.
    #[serde(with = "hex::digest")]
    pub sha256: [u8; 32],
    /// When it was admitted.
    pub admitted_at: Timestamp,
    /// The names of the keys that signed it.
    pub signers: Vec<String>,
    /// The scope that its entries were judged by. A restart judges by the same, so that it changes
    /// nothing; the next bundle is judged by the trust file's.
    pub scope: Scope,
    /// Of a delta: the bundles that it builds on, from the last snapshot on, without those that changed
    /// nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Link>,
    /// Whether it changed something: a delta without entries is a sign of life, and nothing builds on it.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub has_entries: bool,
}

/// A bundle that the marked one builds on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The bundle's epoch.
    pub epoch: u64,
    /// The bundle's sequence number.
    pub seq: u64,
    /// SHA-256 of the bundle's bytes.
    #[serde(with = "hex::digest")]
    pub sha256: [u8; 32],
    /// When it was admitted.
    pub admitted_at: Timestamp,
    /// The names of the keys that signed it; none in a mark that does not say so yet.
    #[serde(default)]
    pub signers: Vec<String>,
    /// The scope that its entries were judged by.
    pub scope: Scope,
}

const fn yes() -> bool {
    true
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for this signature"
)]
const fn is_yes(value: &bool) -> bool {
    *value
}

impl Mark {
    /// All bundles that make what is in force, the marked one last.
    pub fn bundles(&self) -> impl Iterator<Item = Link> {
        self.chain.iter().cloned().chain([self.link()])
    }

    /// The marked bundle, as one that others build on.
    fn link(&self) -> Link {
        Link {
            epoch: self.epoch,
            seq: self.seq,
            sha256: self.sha256,
            admitted_at: self.admitted_at,
            signers: self.signers.clone(),
            scope: self.scope.clone(),
        }
    }

    /// The chain of a delta on this one.
    pub(super) fn chain_after(&self) -> Vec<Link> {
        let mut chain = self.chain.clone();
        if self.has_entries || chain.is_empty() {
            chain.push(self.link());
        }
        chain
    }

    /// The number of the bundle that changed something last: the marked one, or the one before a sign of life.
    #[must_use]
    pub fn state_number(&self) -> (u64, u64) {
        let before = self.chain.last().filter(|_| !self.has_entries);
        before.map_or_else(|| self.number(), |link| (link.epoch, link.seq))
    }

    /// The epoch and the sequence number, in the order that they count.
    #[must_use]
    pub const fn number(&self) -> (u64, u64) {
        (self.epoch, self.seq)
    }
}
