//! The audit trail as the engine keeps it: what could not be recorded is counted, and what was recorded is
//! signed from time to time.

use std::path::Path;

use jiff::Timestamp;

use super::engine::Engine;
use crate::audit::{
    self, Audit, AuditError, Event,
    checkpoint::{self, Sealer},
};

/// The log, and who signs it.
#[derive(Default)]
pub(super) struct Trail {
    /// `None` while it cannot be opened.
    log: Option<Audit>,
    /// `None` while the key or the checkpoints cannot be opened.
    sealer: Option<Sealer>,
    /// Records since the start that could not be written.
    pub(super) failures: u64,
    /// Of them those that no later record has told of.
    lost: u64,
}

impl Trail {
    /// The number of the last record; `None` while the log cannot be opened.
    pub(super) fn last(&self) -> Option<u64> {
        self.log.as_ref().map(Audit::last)
    }

    fn append(&mut self, event: Event, state_dir: &Path) -> Result<(), AuditError> {
        let mut log = match self.log.take() {
            Some(log) => log,
            None => Audit::open(state_dir)?,
        };
        let event = match self.lost {
            0 => event,
            lost => event.detail("records_lost_before", lost),
        };
        let result = log.append(event);
        self.log = Some(log);
        result
    }

    fn seal(&mut self, state_dir: &Path, now: Timestamp, force: bool) -> Result<(), AuditError> {
        let Some(log) = &self.log else {
            return Ok(());
        };
        let mut sealer = match self.sealer.take() {
            Some(sealer) => sealer,
            None => Sealer::open(state_dir)?,
        };
        let result = if force || sealer.is_due(log, now) {
            sealer.seal(log, now)
        } else {
            Ok(())
        };
        self.sealer = Some(sealer);
        result
    }
}

impl Engine {
    /// Opens the audit log. One that is not what was written is moved aside with its checkpoints, with an
    /// alarm: it is evidence, and must not keep the service from protecting.
    pub(super) fn open_audit(&mut self) {
        match Audit::open(&self.config.state_dir) {
            Ok(log) => self.audit.log = Some(log),
            Err(error @ AuditError::Damaged { .. }) => {
                let moved = self.move_audit_aside();
                let message = format!("{error}; {moved}");
                let event = Event::new("filter-ctl", "audit_damaged", audit::FILE);
                self.record(event.detail("what", &message));
                self.raise("audit_damaged", audit::FILE, message);
            }
            Err(error) => self.raise("audit_failed", audit::FILE, error.to_string()),
        }
    }

    fn move_audit_aside(&self) -> String {
        let at = Timestamp::now().as_second();
        let moved = [audit::FILE, checkpoint::FILE].map(|name| {
            let from = self.config.state_dir.join(name);
            let to = self.config.state_dir.join(format!("{name}.damaged-{at}"));
            match std::fs::rename(&from, &to) {
                Ok(()) => format!("{name} was moved to {}", to.display()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    format!("there is no {name}")
                }
                Err(error) => format!("{name} cannot be moved aside: {error}"),
            }
        });
        moved.join("; ")
    }

    /// Records an event. What is to be recorded has been done already, so a log that cannot be written
    /// is an alarm, not a failure; the next record that can be written says how many are missing.
    pub(super) fn record(&mut self, event: Event) {
        // It has raised its alarm.
        let _alarmed = self.try_record(event);
    }

    /// The same for what is to be done only if it is recorded.
    pub(super) fn try_record(&mut self, event: Event) -> Result<(), AuditError> {
        match self.audit.append(event, &self.config.state_dir) {
            Ok(()) => {
                self.audit.lost = 0;
                self.clear_alarm("audit_failed", audit::FILE);
                Ok(())
            }
            Err(error) => {
                self.audit.failures += 1;
                self.audit.lost += 1;
                self.raise("audit_failed", audit::FILE, error.to_string());
                Err(error)
            }
        }
    }

    /// Signs what was recorded, if that is due, or with `force` if there is anything new.
    pub(super) fn seal_audit(&mut self, now: Timestamp, force: bool) {
        match self.audit.seal(&self.config.state_dir, now, force) {
            Ok(()) => self.clear_alarm("audit_unsealed", checkpoint::FILE),
            Err(error) => self.raise("audit_unsealed", checkpoint::FILE, error.to_string()),
        }
    }
}
