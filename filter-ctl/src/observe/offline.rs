//! The pins of a service that is dead: still filtering, still counting.
//!
//! Needs root. Nothing here writes but [`panic`] and [`detach`], which touch what they say and
//! nothing else; the audit log records them, with the user.

use std::path::Path;

use filter_common::abi::ABI_VERSION;
use jiff::Timestamp;

use super::{
    ledger::{Ledger, LedgerError},
    report,
};
use crate::{
    audit::{Audit, AuditError, Event},
    http::wire::{Alarm, Generation, InterfaceStatus, Stats, Status},
    kernel::{KernelError, attach, found::Found, instance::Live, pins::PinDir, stable::Stable},
    order::hex,
};

/// Why the pins could not be used.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The kernel or the pins.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The ledger, which says what the counters mean.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The generation in force as `status` shows it.
#[must_use]
pub fn generation(live: &Live) -> Generation {
    Generation {
        number: live.generation,
        digest: hex::encode(&live.digest),
        published_at: Timestamp::from_second(live.published).unwrap_or_default(),
        entries: None,
        v4_rows: None,
        v6_rows: None,
        v4_prefixes: None,
        v6_prefixes: None,
    }
}

/// A finished set of maps, and where it is pinned.
struct Finished {
    number: u32,
    found: Found,
}

impl Finished {
    fn stable(&self) -> Option<&Stable> {
        match &self.found {
            Found::Ready(instance) => Some(instance.stable()),
            Found::Older { stable, .. } => stable.as_deref(),
            Found::Newer { .. } | Found::Unfinished => None,
        }
    }

    /// What can be read of it whatever its version; an error that says which version it is, if nothing.
    fn readable(&self, pins: &PinDir) -> Result<&Stable, KernelError> {
        let path = pins.instance(self.number);
        match &self.found {
            Found::Older { abi, .. } | Found::Newer { abi } => {
                self.stable().ok_or_else(|| KernelError::abi(&path, *abi))
            }
            Found::Ready(_) | Found::Unfinished => {
                self.stable().ok_or(KernelError::NothingPinned(path))
            }
        }
    }
}

/// The sets of maps that some interface may use, newest first: one, or more where a takeover was
/// interrupted.
fn finished(pins: &PinDir) -> Result<Vec<Finished>, KernelError> {
    let mut finished = Vec::new();
    for number in pins.instances()?.into_iter().rev() {
        match Found::look(&pins.instance(number))? {
            Found::Unfinished => {}
            found => finished.push(Finished { number, found }),
        }
    }
    if finished.is_empty() {
        return Err(KernelError::NothingPinned(pins.path().to_owned()));
    }
    Ok(finished)
}

/// The totals, and what all maps have counted since the service saved them.
fn totals(state_dir: &Path, pins: &PinDir, finished: &[Finished]) -> Result<Ledger, OfflineError> {
    let mut all = Vec::new();
    for one in finished {
        all.push(one.readable(pins)?);
    }
    let Some((newest, left)) = all.split_first() else {
        return Ok(Ledger::new());
    };
    let mut ledger = match Ledger::load(state_dir)? {
        Some(ledger) => ledger,
        None => Ledger::recover(newest)?,
    };
    let left_nonces: Vec<u64> = left.iter().map(|maps| maps.nonce()).collect();
    ledger.work_with(newest.nonce(), &left_nonces);
    for maps in all {
        ledger.absorb(maps)?;
    }
    Ok(ledger)
}

/// What is attached and in force.
pub fn status(pin_dir: &Path) -> Result<Status, OfflineError> {
    let pins = PinDir::look(pin_dir)?;
    let finished = finished(&pins)?;
    let newest = &finished[0];
    let bypass = newest.readable(&pins)?.bypass();
    let mut interfaces = Vec::new();
    for (mode, name) in pins.links()? {
        interfaces.push(InterfaceStatus {
            attached: attach::is_attached(&pins, &name, mode)?,
            enforces: None,
            name,
            role: "unknown".to_owned(),
            mode,
            action: "unknown".to_owned(),
            error: None,
        });
    }
    let alarm = |code: &str, message: String| Alarm {
        code: code.to_owned(),
        subject: "filter-ctl run".to_owned(),
        message,
        detail: None,
    };
    let mut alarms = vec![alarm(
        "service_down",
        "the service does not answer; the kernel goes on with the generation in force, whose entries end \
         at their own until"
            .to_owned(),
    )];
    if let Found::Older { abi, .. } = newest.found {
        alarms.push(alarm(
            "other_version",
            format!(
                "what is pinned was made by an older version (ABI {abi}, this filter-ctl has \
                 {ABI_VERSION}), so its generation cannot be shown; its counters and the kill switch can \
                 be used; start the service to take it over"
            ),
        ));
    }
    if finished.len() > 1 {
        alarms.push(alarm(
            "takeover_incomplete",
            format!(
                "a takeover was interrupted: {} sets of maps are pinned, and each interface uses one of \
                 them; start the service to complete it",
                finished.len()
            ),
        ));
    }
    let live = match &newest.found {
        Found::Ready(instance) => instance.live()?,
        Found::Older { .. } | Found::Newer { .. } | Found::Unfinished => None,
    };
    Ok(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        service: false,
        started_at: None,
        bypass,
        generation: live.as_ref().map(generation),
        interfaces,
        feeds: Vec::new(),
        alarms,
        deadlines: Vec::new(),
        overdue: 0,
    })
}

/// All counters, as they stand now.
pub fn stats(pin_dir: &Path, state_dir: &Path) -> Result<Stats, OfflineError> {
    let pins = PinDir::look(pin_dir)?;
    let ledger = totals(state_dir, &pins, &finished(&pins)?)?;
    Ok(report::stats(&ledger, Timestamp::now()))
}

/// Sets the kill switch in every set of maps; true switches filtering off. An error if there is one whose
/// version is not known: interfaces may still use it.
///
/// The switch is set whether or not the audit log can be written; that it could not is the second
/// value.
pub fn panic(
    pin_dir: &Path,
    state_dir: &Path,
    off: bool,
    actor: &str,
    reason: &str,
) -> Result<Option<AuditError>, OfflineError> {
    let pins = PinDir::look(pin_dir)?;
    let mut outcome = Ok(());
    for number in pins.instances()? {
        // One that cannot be read must not keep the switch from the others.
        let set = match Found::look(&pins.instance(number)) {
            // A service may be about to finish it.
            Ok(Found::Unfinished) => {
                if let Ok(maps) = Stable::open(&pins.instance(number)) {
                    maps.set_bypass(off);
                }
                Ok(())
            }
            Ok(found) => {
                let finished = Finished { number, found };
                finished.readable(&pins).map(|maps| maps.set_bypass(off))
            }
            Err(error) => Err(error),
        };
        outcome = outcome.and(set);
    }
    finished(&pins)?;
    outcome?;
    let action = if off { "panic_off" } else { "panic_on" };
    Ok(record(
        state_dir,
        Event::new(actor, action, "filtering").detail("reason", reason),
    ))
}

/// What was taken off by [`detach`].
#[derive(Debug)]
pub struct Detached {
    /// The interfaces.
    pub names: Vec<String>,
    /// What could not be read of the maps, which therefore stay where they are.
    pub kept: Option<KernelError>,
}

/// Takes the program off interfaces, all of them where none is named, whatever version it is of.
///
/// Once nothing is attached any more, the counters are added to the totals and the maps are removed;
/// maps that cannot be read are kept. Refused while a service holds the pins, because it would put the
/// program on again.
pub fn detach(
    pin_dir: &Path,
    state_dir: &Path,
    names: &[String],
    actor: &str,
) -> Result<(Detached, Option<AuditError>), OfflineError> {
    PinDir::look(pin_dir)?;
    let pins = PinDir::lock(pin_dir)?;
    let names = if names.is_empty() {
        let mut all: Vec<String> = pins.links()?.into_iter().map(|(_, name)| name).collect();
        all.dedup();
        all
    } else {
        names.to_vec()
    };
    let mut detached = Vec::new();
    let mut unrecorded = None;
    for name in names {
        if attach::detach(&pins, &name)? {
            unrecorded = record(state_dir, Event::new(actor, "detach", &name)).or(unrecorded);
            detached.push(name);
        }
    }
    let mut kept = None;
    if pins.links()?.is_empty() {
        kept = remove_maps(&pins, state_dir)?;
    }
    let names = detached;
    Ok((Detached { names, kept }, unrecorded))
}

/// Removes all maps, after their counters were added to the totals. Where some cannot be read, none is
/// removed, and the error says why.
fn remove_maps(pins: &PinDir, state_dir: &Path) -> Result<Option<KernelError>, OfflineError> {
    let finished = match finished(pins) {
        Ok(finished) => finished,
        Err(KernelError::NothingPinned(_)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    match totals(state_dir, pins, &finished) {
        Ok(_) if finished.is_empty() => {}
        Ok(ledger) => ledger.save(state_dir)?,
        Err(OfflineError::Kernel(error @ KernelError::Abi { .. })) => return Ok(Some(error)),
        Err(error) => return Err(error),
    }
    for number in pins.instances()? {
        pins.remove_instance(number)?;
    }
    Ok(None)
}

fn record(state_dir: &Path, event: Event) -> Option<AuditError> {
    Audit::open(state_dir)
        .and_then(|mut audit| audit.append(event))
        .err()
}
