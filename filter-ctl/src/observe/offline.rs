//! The pins of a service that is dead: still filtering, still counting.
//!
//! Needs root. Nothing here writes but [`panic`] and [`detach`], which touch what they say and
//! nothing else; the audit log records them, with the user.

use std::path::Path;

use filter_common::abi::instance_state;
use jiff::Timestamp;

use super::{
    ledger::{Ledger, LedgerError},
    report,
};
use crate::{
    audit::{Audit, AuditError, Event},
    http::wire::{Alarm, Generation, InterfaceStatus, Stats, Status},
    kernel::{
        KernelError, attach,
        instance::{Instance, Live},
        pins::PinDir,
    },
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
    }
}

/// The instance in force, that is, the newest.
fn instance(pins: &PinDir) -> Result<Instance, KernelError> {
    for number in pins.instances()?.into_iter().rev() {
        let instance = Instance::open(&pins.instance(number))?;
        if instance.header()?.state == instance_state::READY {
            return Ok(instance);
        }
    }
    Err(KernelError::NothingPinned(pins.path().to_owned()))
}

/// The ledger; where there is none, what the maps themselves say.
fn ledger(state_dir: &Path, instance: &Instance) -> Result<Ledger, OfflineError> {
    match Ledger::load(state_dir)? {
        Some(ledger) => Ok(ledger),
        None => Ok(Ledger::recover(instance)?),
    }
}

/// What is attached and in force.
pub fn status(pin_dir: &Path) -> Result<Status, OfflineError> {
    let pins = PinDir::look(pin_dir)?;
    let instance = instance(&pins)?;
    let mut interfaces = Vec::new();
    for (mode, name) in pins.links()? {
        interfaces.push(InterfaceStatus {
            attached: attach::is_attached(&pins, &name, mode)?,
            name,
            role: "unknown".to_owned(),
            mode,
            action: "unknown".to_owned(),
            error: None,
        });
    }
    let live = instance.live()?;
    Ok(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        service: false,
        started_at: None,
        bypass: instance.bypass(),
        generation: live.as_ref().map(generation),
        interfaces,
        feeds: Vec::new(),
        alarms: vec![Alarm {
            code: "service_down".to_owned(),
            subject: "filter-ctl run".to_owned(),
            message:
                "the service does not answer; the kernel goes on with the generation in force, \
                      whose entries end at their own until"
                    .to_owned(),
        }],
    })
}

/// All counters, as they stand now.
pub fn stats(pin_dir: &Path, state_dir: &Path) -> Result<Stats, OfflineError> {
    let pins = PinDir::look(pin_dir)?;
    let instance = instance(&pins)?;
    let mut ledger = ledger(state_dir, &instance)?;
    ledger.absorb(&instance)?;
    Ok(report::stats(&ledger, Timestamp::now()))
}

/// Sets the kill switch in every instance; true switches filtering off.
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
    let numbers = pins.instances()?;
    if numbers.is_empty() {
        return Err(KernelError::NothingPinned(pin_dir.to_owned()).into());
    }
    // Every instance that can be read, the newest first: one that cannot must not keep the switch from
    // the others.
    let mut outcome = Err(KernelError::NothingPinned(pin_dir.to_owned()));
    for number in numbers.into_iter().rev() {
        match Instance::open(&pins.instance(number)) {
            Ok(instance) => {
                instance.set_bypass(off);
                outcome = Ok(());
            }
            Err(error) => outcome = outcome.or(Err(error)),
        }
    }
    outcome?;
    let action = if off { "panic_off" } else { "panic_on" };
    Ok(record(
        state_dir,
        Event::new(actor, action, "filtering").detail("reason", reason),
    ))
}

/// Takes the program off interfaces, all of them where none is named. Returns their names.
///
/// Refused while a service holds the pins, because it would put the program on again.
pub fn detach(
    pin_dir: &Path,
    state_dir: &Path,
    names: &[String],
    actor: &str,
) -> Result<(Vec<String>, Option<AuditError>), OfflineError> {
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
    if pins.links()?.is_empty() {
        for number in pins.instances()? {
            // The counters end with their maps: what they say is added to the totals first.
            save_counters(&pins.instance(number), state_dir)?;
            pins.remove_instance(number)?;
        }
    }
    Ok((detached, unrecorded))
}

fn save_counters(directory: &Path, state_dir: &Path) -> Result<(), OfflineError> {
    let Ok(instance) = Instance::open(directory) else {
        return Ok(());
    };
    let mut ledger = ledger(state_dir, &instance)?;
    ledger.absorb(&instance)?;
    ledger.save(state_dir)?;
    Ok(())
}

fn record(state_dir: &Path, event: Event) -> Option<AuditError> {
    Audit::open(state_dir)
        .and_then(|mut audit| audit.append(event))
        .err()
}
