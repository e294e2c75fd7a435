//! An operator's order as a document: what was entered, by whom, when, and what was decided then.
//!
//! Every entry is judged once, when it is entered; the judgement is kept in the document, so that a
//! restart or a changed guard rail takes nothing away.

use std::{collections::HashSet, sync::Arc};

use ipnet::IpNet;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    EnterError, Kind, Letter,
    enter::{Key, check_info, check_ports},
};
use crate::order::{
    Direction, EntriesBuilder, FeedName, OrderInfo, PortRange, Provenance, RefusalReason,
    RefusedEntry, Terms, VerifiedOrder,
    field::excerpt,
    hex,
    parse::{self, TEXT_BYTES_MAX},
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
    /// The date of the letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// Its entries, in the order in which they were first entered.
    pub entries: Vec<OperatorEntry>,
    /// What it asks for that no packet filter can do, at most [`INDICATORS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_enforceable: Vec<Indicator>,
    /// How much more of that there was.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_enforceable_more: u64,
    /// The first generation that held an entry of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforced: Option<FirstEnforced>,
    /// When the report on it was said to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_sent_at: Option<Timestamp>,
}

/// Things that are not enforceable and are kept of one order; further ones are counted only.
pub const INDICATORS_MAX: usize = 10_000;

/// Something that a letter names and that no packet filter can block.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Indicator {
    /// What it is.
    pub kind: Kind,
    /// The text, at most 1,024 bytes.
    pub text: String,
}

/// When an order was enforced first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstEnforced {
    /// When.
    pub at: Timestamp,
    /// By which generation.
    pub generation: u64,
    /// The record of the audit log that says so, if it could be written.
    pub record: Option<u64>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
const fn is_zero(value: &u64) -> bool {
    *value == 0
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
            date: None,
            entries: Vec::new(),
            not_enforceable: Vec::new(),
            not_enforceable_more: 0,
            enforced: None,
            report_sent_at: None,
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
        if letter.deadline.is_some() && letter.deadline != self.deadline {
            self.deadline = letter.deadline;
            // Another deadline is for another report.
            self.report_sent_at = None;
        }
        self.date = letter.date.or(self.date);
        let mut known: HashSet<Indicator> = self.not_enforceable.iter().cloned().collect();
        for indicator in &letter.not_enforceable {
            parse::check_length("indicator", &indicator.text, TEXT_BYTES_MAX)
                .map_err(EnterError::Text)?;
            if known.contains(indicator) {
                continue;
            }
            if self.not_enforceable.len() < INDICATORS_MAX {
                known.insert(indicator.clone());
                self.not_enforceable.push(indicator.clone());
            } else {
                self.not_enforceable_more += 1;
            }
        }
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
