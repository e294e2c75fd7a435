//! An operator's order as a document: what was entered, by whom, when, and what was decided then.
//!
//! Every entry is judged once, when it is entered; the judgement is kept in the document, so that a
//! restart or a changed guard rail takes nothing away.

use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    EnterError, Letter,
    enter::{Key, check_info, check_ports},
};
use crate::order::{
    Direction, EntriesBuilder, FeedName, OrderInfo, PortRange, Provenance, RefusalReason,
    RefusedEntry, Terms, VerifiedOrder, field::excerpt, hex,
};

/// The version of the document.
pub const OPERATOR_ORDER_VERSION: u32 = 1;

/// An operator's order: everything entered under one number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorOrder {
    /// [`OPERATOR_ORDER_VERSION`].
    pub version: u32,
    /// The order.
    pub info: OrderInfo,
    /// The user who entered it first.
    pub uid: u32,
    /// That user's name.
    pub user: String,
    /// When it was entered first.
    pub entered_at: Timestamp,
    /// When it was entered or added to last.
    pub changed_at: Timestamp,
    /// By when the authority expects a report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Its entries, in the order in which they were first entered.
    pub entries: Vec<OperatorEntry>,
}

/// One entry of an operator's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorEntry {
    /// Its name: the beginning of the reference's digest and a number, `1f0c9a52-7`.
    pub id: Box<str>,
    /// The prefix.
    pub net: IpNet,
    /// Which packets.
    #[serde(rename = "dir")]
    pub direction: Direction,
    /// An IP protocol number; `None` for all.
    #[serde(default, rename = "proto", skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u8>,
    /// Disjoint, sorted; empty for all.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub ports: Box<[PortRange]>,
    /// From when on it is no longer enforced. Only a refused entry may have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// When it was entered first, and in force since.
    pub since: Timestamp,
    /// Why it is not enforced, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusalReason>,
}

impl OperatorEntry {
    pub(super) fn key(&self) -> Key {
        (self.net, self.direction, self.protocol, self.ports.clone())
    }

    /// Whether it has another end now. A refused renewal leaves it as it is.
    pub(super) fn renew(
        &mut self,
        judged: Result<Timestamp, RefusalReason>,
        until: Option<Timestamp>,
        letter: &Letter,
    ) -> bool {
        let was_refused = self.refused.is_some();
        let has_ended = self.until.is_none_or(|until| until <= letter.entered_at);
        match judged {
            Ok(until) => {
                if was_refused || has_ended {
                    self.since = letter.entered_at;
                }
                self.until = Some(until);
                self.refused = None;
                true
            }
            Err(reason) => {
                if was_refused {
                    self.until = until;
                    self.refused = Some(reason);
                }
                false
            }
        }
    }
}

impl OperatorOrder {
    pub(super) fn empty(letter: &Letter) -> Self {
        Self {
            version: OPERATOR_ORDER_VERSION,
            info: letter.info.clone(),
            uid: letter.uid,
            user: letter.user.clone(),
            entered_at: letter.entered_at,
            changed_at: letter.entered_at,
            deadline: None,
            entries: Vec::new(),
        }
    }

    /// Takes over what a further letter says of the order: of basis, reason and deadline what it gives.
    pub(super) fn take_over(&mut self, letter: &Letter) -> Result<(), EnterError> {
        let OrderInfo {
            reference,
            issuer,
            basis,
            reason,
        } = &letter.info;
        if self.info.reference != *reference {
            return Err(EnterError::OtherOrder {
                known: excerpt(&self.info.reference),
                found: excerpt(reference),
            });
        }
        if self.info.issuer != *issuer {
            return Err(EnterError::OtherIssuer {
                reference: excerpt(reference),
                known: excerpt(&self.info.issuer),
                found: excerpt(issuer),
            });
        }
        if !basis.is_empty() {
            self.info.basis.clone_from(basis);
        }
        if !reason.is_empty() {
            self.info.reason.clone_from(reason);
        }
        self.deadline = letter.deadline.or(self.deadline);
        self.changed_at = self.changed_at.max(letter.entered_at);
        Ok(())
    }

    /// The digest of the reference, in hexadecimal, by which the order is stored.
    #[must_use]
    pub fn digest(reference: &str) -> String {
        hex::encode(&Sha256::digest(reference.as_bytes()))
    }

    pub(super) fn entry_prefix(&self) -> String {
        let mut digest = Self::digest(&self.info.reference);
        digest.truncate(8);
        digest
    }

    pub(super) fn last_number(&self) -> u64 {
        let number = |entry: &OperatorEntry| entry.id.rsplit_once('-')?.1.parse().ok();
        self.entries.iter().filter_map(number).max().unwrap_or(0)
    }

    /// What goes on to the policy. It fails only on a document that was changed by other hands.
    pub fn verified(&self) -> Result<VerifiedOrder, EnterError> {
        if self.version != OPERATOR_ORDER_VERSION {
            return Err(EnterError::Version(self.version));
        }
        check_info(&self.info)?;
        let mut entries = EntriesBuilder::with_capacity(self.entries.len());
        let mut refused = Vec::new();
        for entry in &self.entries {
            let damaged = |problem| EnterError::Entry {
                id: excerpt(&entry.id),
                problem,
            };
            let (net, order) = (entry.net, 0);
            if let Some(reason) = entry.refused {
                refused.push(RefusedEntry {
                    id: entry.id.clone(),
                    net,
                    order,
                    reason,
                });
                continue;
            }
            if net != net.trunc() {
                return Err(damaged("`net` has host bits set: expected none"));
            }
            let ports = check_ports(entry.protocol, entry.ports.to_vec())
                .map_err(|_| damaged("`ports` is wrong: expected ports of `proto`"))?;
            let terms = Terms {
                direction: entry.direction,
                protocol: entry.protocol,
                ports,
                until: entry
                    .until
                    .ok_or_else(|| damaged("no `until`: expected one"))?,
                since: entry.since,
                reason: None,
                order,
            };
            entries.push(&entry.id, net, terms);
        }
        let entries = entries.finish();
        refused.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        if let Some(id) = entries.duplicate() {
            let id = excerpt(id);
            let problem = "the same `id` twice: expected each once";
            return Err(EnterError::Entry { id, problem });
        }
        Ok(VerifiedOrder {
            feed: FeedName::operator(),
            provenance: Provenance::Operator { uid: self.uid },
            admitted_at: self.changed_at,
            orders: vec![self.info.clone()],
            entries: Arc::new(entries),
            refused,
        })
    }
}
