//! From maps that are being left to maps that are gone.
//!
//! A takeover moves interfaces to new maps one after the other. Until the last has moved, the old maps
//! are in force for some packets: the kill switch is set in them too, and their counters are read. They
//! are removed when every link holds a program over the new maps and their last reading is on disk. A
//! reading says which maps it is of, so a crash in between loses no count and counts none twice.

use super::engine::{Engine, RETRY_EVERY_SECONDS};
use crate::{
    audit::Event,
    kernel::{
        KernelError,
        attach::{self, Attached},
        links,
        stable::Stable,
    },
    observe::ledger::LedgerError,
};

/// A set of maps before the one in use.
pub(super) struct Left {
    pub(super) number: u32,
    /// What can be read of them; `None` if their version is too old.
    pub(super) stable: Option<Stable>,
}

/// The alarm while the old maps are still there.
const ALARM: &str = "takeover_incomplete";

/// Why old maps are still there.
#[derive(Debug, thiserror::Error)]
enum LeaveError {
    #[error(transparent)]
    Kernel(#[from] KernelError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Some interfaces still use them.
    #[error("{}", .0.join("; "))]
    Links(Vec<String>),
}

impl Engine {
    /// Reads the counters of all maps into the totals.
    pub(super) fn read_all_counters(&mut self) -> Result<(), KernelError> {
        for left in &self.left {
            if let Some(stable) = &left.stable {
                self.ledger.absorb(stable)?;
            }
        }
        self.ledger.absorb(self.instance.stable())
    }

    /// Whether the kill switch was on in the maps that are being left; false if they cannot be read.
    pub(super) fn bypass_before(&self) -> bool {
        let mut newest_first = self.left.iter().rev();
        let newest = newest_first.find_map(|left| left.stable.as_ref());
        newest.is_some_and(Stable::bypass)
    }

    /// Sets the kill switch in maps that some interface may not have left yet.
    pub(super) fn set_bypass_before(&self, off: bool) {
        for stable in self.left.iter().filter_map(|left| left.stable.as_ref()) {
            stable.set_bypass(off);
        }
    }

    /// Moves every link to the program and the maps in use, also those of interfaces that the
    /// configuration no longer names, and removes the maps before them.
    ///
    /// What fails is an alarm, and tried again every few seconds until no old maps are left.
    pub(super) fn leave_old_maps(&mut self) {
        let retry = self.seconds.is_multiple_of(RETRY_EVERY_SECONDS);
        if self.left.is_empty() || self.generation().is_none() || !retry {
            return;
        }
        match self.leave() {
            Ok(()) => {
                self.clear_alarm(ALARM, "maps");
                tracing::info!("the old maps are gone; all interfaces use the new ones");
            }
            Err(error) => {
                let message = format!(
                    "maps of another version or capacity are still in use: {error}; it is tried again \
                     every few seconds"
                );
                self.raise(ALARM, "maps", message);
            }
        }
    }

    fn leave(&mut self) -> Result<(), LeaveError> {
        let failed = self.carry_links()?;
        if !failed.is_empty() {
            return Err(LeaveError::Links(failed));
        }
        self.publisher.wait()?;
        self.read_all_counters()?;
        self.ledger.save(&self.config.state_dir)?;
        // From here on a crash costs nothing: the readings stay until the next writing of the totals.
        while let Some(left) = self.left.last() {
            self.pins.remove_instance(left.number)?;
            self.left.pop();
        }
        self.ledger.work_with(self.instance.stable().nonce(), &[]);
        Ok(())
    }

    /// Puts the program in use into every pinned link. Returns what was in the way of the others.
    pub(super) fn carry_links(&mut self) -> Result<Vec<String>, KernelError> {
        links::put_in_place(&self.pins)?;
        let mut failed = Vec::new();
        for (mode, name) in self.pins.links()? {
            let Some(known) = self.ledger.interfaces().get(&name) else {
                failed.push(format!(
                    "{name} carries Levee's program under a name that was never configured: add an \
                     [[interface]] for it and reload, or `filter-ctl detach {name}`"
                ));
                continue;
            };
            let number = known.number;
            if !attach::is_attached(&self.pins, &name, mode)? {
                failed.push(format!(
                    "the link of {name} is on an interface of another network namespace"
                ));
                continue;
            }
            let (pins, object) = (&self.pins, self.object);
            match attach::attach(pins, &mut self.instance, object, &name, number, mode) {
                Ok(Attached::Kept) => {}
                Ok(attached) => self.record_attached(&name, mode, attached),
                Err(error) => failed.push(format!("{name}: {error}")),
            }
        }
        Ok(failed)
    }

    /// Writes down that an interface was given the program.
    pub(super) fn record_attached(&mut self, name: &str, mode: attach::Mode, attached: Attached) {
        tracing::info!(interface = name, mode = mode.name(), ?attached, "attached");
        self.record(
            Event::new("filter-ctl", "attach", name)
                .detail("mode", mode.name())
                .detail("how", format!("{attached:?}").to_lowercase()),
        );
    }
}
