//! What the operators have decided on this machine: exceptions, withdrawals, approvals, feeds that are off or
//! stand still, rules.
//!
//! Six small files below the state directory, each replaced atomically.

use std::{
    io,
    path::{Path, PathBuf},
};

use filter_common::table::Scope;
use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    approval::ApprovalRecord, feed_switch::FeedOff, pinned::PauseRecord, rules::AddedRules,
};
use crate::{
    config::ApprovalConfig,
    durable,
    order::OrderId,
    policy::{hold::Approval, merge::Withdrawal},
};

/// Exceptions that can be in force at a time. A further one is refused.
pub(super) const EXCEPTIONS_MAX: usize = 8192;
/// Withdrawals that can be in force at a time. A further one is refused.
pub(super) const WITHDRAWALS_MAX: usize = 65_536;

/// All of them.
pub(super) const FILES: [&str; 6] = [EXCEPTIONS, WITHDRAWALS, APPROVALS, FEEDS_OFF, PAUSES, RULES];

pub(super) const EXCEPTIONS: &str = "exceptions.json";
const WITHDRAWALS: &str = "withdrawals.json";
const APPROVALS: &str = "approvals.json";
const FEEDS_OFF: &str = "feeds-off.json";
pub(super) const PAUSES: &str = "paused.json";
pub(super) const RULES: &str = "rules.json";

/// A prefix that an operator exempted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exception {
    /// The prefix.
    pub net: IpNet,
    /// Whether it is exempt from everything, or from orders only.
    pub all: bool,
    /// Why.
    pub reason: String,
    /// Until when; `None` until it is removed.
    pub until: Option<Timestamp>,
    /// Who entered it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Exception {
    /// How far it protects.
    #[must_use]
    pub(super) const fn scope(&self) -> Scope {
        if self.all { Scope::All } else { Scope::Lists }
    }

    /// Whether it holds.
    #[must_use]
    pub(super) fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// An order, or an entry of one, that an operator withdrew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WithdrawalRecord {
    /// The order.
    pub order: OrderId,
    /// The entry; `None` for the whole order.
    pub entry: Option<Box<str>>,
    /// Why.
    pub reason: String,
    /// Who withdrew it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A file of decisions that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is damaged.
    #[error("{} is damaged: {source}; put back a good copy, or remove it to start without", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        source: serde_json::Error,
    },
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] durable::DurableError),
}

/// The operators' decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Local {
    /// What is exempt.
    pub exceptions: Vec<Exception>,
    /// What is withdrawn.
    pub withdrawals: Vec<WithdrawalRecord>,
    /// What persons have said of entries that wait.
    pub approvals: Vec<ApprovalRecord>,
    /// The feeds that are switched off; at most one record for each feed.
    pub feeds_off: Vec<FeedOff>,
    /// The feeds that stand still; at most one record for each feed.
    pub pauses: Vec<PauseRecord>,
    /// The rules that operators have added.
    pub rules: AddedRules,
}

impl Local {
    /// Reads the files; a file that does not exist is empty. One that cannot be used is empty as well, and is named
    /// with the reason.
    pub(crate) fn load(state_dir: &Path) -> (Self, Vec<(&'static str, LocalError)>) {
        let mut unusable = Vec::new();
        let local = Self {
            exceptions: read(state_dir, EXCEPTIONS, &mut unusable),
            withdrawals: read(state_dir, WITHDRAWALS, &mut unusable),
            approvals: read(state_dir, APPROVALS, &mut unusable),
            feeds_off: read(state_dir, FEEDS_OFF, &mut unusable),
            pauses: read(state_dir, PAUSES, &mut unusable),
            rules: read(state_dir, RULES, &mut unusable),
        };
        (local, unusable)
    }

    /// The files in which this differs from other decisions.
    pub(super) fn changed_files(&self, other: &Self) -> Vec<&'static str> {
        let differs = [
            self.exceptions != other.exceptions,
            self.withdrawals != other.withdrawals,
            self.approvals != other.approvals,
            self.feeds_off != other.feeds_off,
            self.pauses != other.pauses,
            self.rules != other.rules,
        ];
        let files = FILES.into_iter().zip(differs);
        files
            .filter_map(|(file, differs)| differs.then_some(file))
            .collect()
    }

    /// Writes the exceptions.
    pub(super) fn save_exceptions(&self, state_dir: &Path) -> Result<(), LocalError> {
        write(&state_dir.join(EXCEPTIONS), &self.exceptions)
    }

    /// Writes the withdrawals.
    pub(super) fn save_withdrawals(&self, state_dir: &Path) -> Result<(), LocalError> {
        write(&state_dir.join(WITHDRAWALS), &self.withdrawals)
    }

    /// Writes the approvals.
    pub(super) fn save_approvals(&self, state_dir: &Path) -> Result<(), LocalError> {
        write(&state_dir.join(APPROVALS), &self.approvals)
    }

    /// Writes which feeds are off.
    pub(super) fn save_feeds_off(&self, state_dir: &Path) -> Result<(), LocalError> {
        write(&state_dir.join(FEEDS_OFF), &self.feeds_off)
    }

    /// Writes where feeds stand still.
    pub(super) fn save_pauses(&self, state_dir: &Path) -> Result<(), LocalError> {
        write(&state_dir.join(PAUSES), &self.pauses)
    }

    /// Writes the rules.
    pub(super) fn save_rules(&self, state_dir: &Path) -> Result<(), LocalError> {
        write(&state_dir.join(RULES), &self.rules)
    }

    /// The decisions about entries as the policy takes them.
    pub(super) fn policy_approvals(&self, config: ApprovalConfig) -> Vec<Approval> {
        let approvals = self.approvals.iter();
        approvals.filter_map(|a| a.decision(config)).collect()
    }

    /// The withdrawals as the policy takes them.
    #[must_use]
    pub(super) fn policy_withdrawals(&self) -> Vec<Withdrawal> {
        self.withdrawals
            .iter()
            .map(|record| Withdrawal {
                order: record.order.clone(),
                entry: record.entry.clone(),
            })
            .collect()
    }
}

fn read<T: DeserializeOwned + Default>(
    state_dir: &Path,
    name: &'static str,
    unusable: &mut Vec<(&'static str, LocalError)>,
) -> T {
    read_file(&state_dir.join(name)).unwrap_or_else(|error| {
        unusable.push((name, error));
        T::default()
    })
}

fn read_file<T: DeserializeOwned + Default>(path: &Path) -> Result<T, LocalError> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| LocalError::Damaged {
            path: path.to_owned(),
            source,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        Err(source) => Err(LocalError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), LocalError> {
    let bytes = serde_json::to_vec_pretty(value).map_err(|source| LocalError::Damaged {
        path: path.to_owned(),
        source,
    })?;
    durable::write_atomic(path, &bytes)?;
    Ok(())
}
