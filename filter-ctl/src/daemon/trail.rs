//! The audit trail as the engine keeps it: what could not be recorded is counted, and what was recorded is
//! signed from time to time, and read again as a whole.

use std::{
    io,
    path::Path,
    sync::mpsc::{Receiver, TryRecvError, sync_channel},
    thread,
    time::Duration,
};

use jiff::Timestamp;

use super::engine::Engine;
use crate::audit::{
    self, Audit, AuditError, Event,
    checkpoint::{self, Sealer},
    verify::{Verification, Verified},
};

/// Ticks, of a second each, from the end of one verification to the next.
const VERIFY_EVERY: u64 = 3600;
/// Bytes that a verification reads before it rests for [`VERIFY_REST`].
const VERIFY_BYTES: u64 = 4 << 20;
/// So that it takes a part of one processor only, however long the log is.
const VERIFY_REST: Duration = Duration::from_millis(500);

/// What to do about a log that is not what was written.
const CURE: &str = "recording goes on; keep audit.log and audit.checkpoints as evidence and compare them with the copy \
     that lies elsewhere; to end this alarm, stop the service, move both away, and start it";

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
    verifying: Verifying,
}

/// Where the verification of the whole log is.
enum Verifying {
    /// It begins at this tick.
    Due(u64),
    Running(Receiver<Result<Verified, AuditError>>),
}

impl Default for Verifying {
    fn default() -> Self {
        Self::Due(0)
    }
}

impl Trail {
    /// The number of the last record; `None` while the log cannot be opened.
    pub(super) fn last(&self) -> Option<u64> {
        self.log.as_ref().map(Audit::last)
    }

    fn append(&mut self, event: Event, state_dir: &Path) -> Result<(), AuditError> {
        self.opened(state_dir)?;
        // What is due is signed before the log goes on, so that a missing checkpoint can be told. A failure raises
        // its alarm at the next tick.
        let _alarmed_later = self.seal(state_dir, false);
        let event = match self.lost {
            0 => event,
            lost => event.detail("records_lost_before", lost),
        };
        self.opened(state_dir)?.append(event)
    }

    fn opened(&mut self, state_dir: &Path) -> Result<&mut Audit, AuditError> {
        match &mut self.log {
            Some(log) => Ok(log),
            none => Ok(none.insert(Audit::open(state_dir)?)),
        }
    }

    fn seal(&mut self, state_dir: &Path, force: bool) -> Result<(), AuditError> {
        // As the records have it, whatever the engine thinks of the clock.
        let now = Timestamp::now();
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

    /// Begins a verification if one is due, on a thread of its own that nobody waits for; the answer of one that
    /// has ended.
    fn verify(&mut self, state_dir: &Path, tick: u64) -> Option<Result<Verified, AuditError>> {
        match &self.verifying {
            Verifying::Due(at) if tick < *at => return None,
            Verifying::Running(answer) => {
                let answer = match answer.try_recv() {
                    Ok(answer) => answer,
                    Err(TryRecvError::Empty) => return None,
                    Err(TryRecvError::Disconnected) => Err(cannot_verify(io::Error::other(
                        "the thread that verifies it has ended",
                    ))),
                };
                self.verifying = Verifying::Due(tick + VERIFY_EVERY);
                return Some(answer);
            }
            Verifying::Due(_) => {}
        }
        // While one of them cannot be opened there is an alarm about that.
        let (Some(log), Some(sealer)) = (&self.log, &self.sealer) else {
            return None;
        };
        match Verification::of_open(state_dir, log, sealer).and_then(begin) {
            Ok(answer) => {
                self.verifying = Verifying::Running(answer);
                None
            }
            Err(error) => {
                self.verifying = Verifying::Due(tick + VERIFY_EVERY);
                Some(Err(error))
            }
        }
    }
}

/// A thread and no task: at the end of the service nobody waits for it.
fn begin(verification: Verification) -> Result<Receiver<Result<Verified, AuditError>>, AuditError> {
    let (sender, receiver) = sync_channel(1);
    let work = move || {
        let mut read = 0;
        let found = verification.run(|bytes| {
            read += bytes;
            if read >= VERIFY_BYTES {
                read = 0;
                thread::sleep(VERIFY_REST);
            }
        });
        let _nobody_asks = sender.send(found);
    };
    let named = thread::Builder::new().name("audit-verify".to_owned());
    named.spawn(work).map_err(cannot_verify)?;
    Ok(receiver)
}

fn cannot_verify(source: io::Error) -> AuditError {
    AuditError::Io {
        action: "verify",
        path: audit::FILE.into(),
        source,
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
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
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
    pub(super) fn seal_audit(&mut self, force: bool) {
        match self.audit.seal(&self.config.state_dir, force) {
            Ok(()) => self.clear_alarm("audit_unsealed", checkpoint::FILE),
            Err(error) => self.raise("audit_unsealed", checkpoint::FILE, error.to_string()),
        }
    }
    /// Verifies the whole log after the start and then regularly. What is wrong stays an alarm until the next
    /// start, and is recorded once.
    pub(super) fn verify_audit_regularly(&mut self) {
        let message = match self.audit.verify(&self.config.state_dir, self.seconds) {
            None => return,
            Some(Err(error)) => format!("the whole log cannot be verified: {error}"),
            Some(Ok(found)) => match found.damages.first() {
                None => return,
                Some(first) => format!(
                    "{} line {}: {}; `filter-ctl audit verify` lists all {}; {CURE}",
                    first.file, first.line, first.what, found.damages_total
                ),
            },
        };
        let key = ("audit_damaged", audit::FILE.to_owned());
        if self.alarms.get(&key) != Some(&message) {
            let event = Event::new("filter-ctl", "audit_damaged", audit::FILE);
            self.record(event.detail("what", &message));
        }
        self.raise("audit_damaged", audit::FILE, message);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{appliance::Appliance, audit::verify::verify};

    fn event() -> Event {
        Event::new("root", "reload", "x")
    }

    fn verified(trail: &mut Trail, state_dir: &Path, tick: u64) -> Verified {
        loop {
            if let Some(found) = trail.verify(state_dir, tick) {
                return found.unwrap();
            }
            thread::yield_now();
        }
    }

    #[test]
    fn the_log_never_goes_on_past_a_checkpoint_that_is_due() {
        let directory = tempfile::tempdir().unwrap();
        let mut trail = Trail::default();
        for _ in 0..=2 * checkpoint::CHECKPOINT_EVERY {
            trail.append(event(), directory.path()).unwrap();
        }
        let public = Appliance::public_path(directory.path());
        let key = checkpoint::public_key(&public).unwrap();
        let found = verify(directory.path(), &key).unwrap();
        assert!(found.intact, "{found:?}");
        assert!(found.sealed > checkpoint::CHECKPOINT_EVERY, "{found:?}");
    }

    #[test]
    fn a_record_changed_in_the_middle_is_found_at_the_next_verification() {
        let directory = tempfile::tempdir().unwrap();
        let mut trail = Trail::default();
        for _ in 0..20 {
            trail.append(event(), directory.path()).unwrap();
        }
        trail.seal(directory.path(), true).unwrap();
        assert!(verified(&mut trail, directory.path(), 1).intact);
        let path = directory.path().join(audit::FILE);
        let text = fs::read_to_string(&path).unwrap();
        let (before, behind) = text.split_at(text.len() / 2);
        fs::write(
            &path,
            before.to_owned() + &behind.replacen("root", "rood", 1),
        )
        .unwrap();
        trail.append(event(), directory.path()).unwrap();
        assert!(
            trail.verify(directory.path(), VERIFY_EVERY).is_none(),
            "not due"
        );
        let found = verified(&mut trail, directory.path(), VERIFY_EVERY + 1);
        assert!(!found.intact);
        assert!(found.damages[0].what.contains("was changed"), "{found:?}");
    }
}
