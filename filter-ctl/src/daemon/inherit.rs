//! What an earlier controller, or a crash, left behind: maps in force, and the ledger that goes with
//! them.

use std::{io, path::Path};

use filter_common::abi::instance_state;
use jiff::Timestamp;

use super::start::StartError;
use crate::{
    kernel::{KernelError, instance::Instance, pins::PinDir},
    observe::ledger::{Ledger, LedgerError},
    table::compile::Capacity,
};

/// The instance to work with.
pub(super) struct Chosen {
    pub(super) number: u32,
    pub(super) instance: Instance,
    /// The one in force until now, if it cannot be used further and can be read.
    pub(super) old: Option<Instance>,
    /// Instances to remove once every interface has left them.
    pub(super) surplus: Vec<u32>,
}

/// Chooses the newest finished instance if it has the right version and capacity, else makes a new
/// one beside it. Removes what an interrupted start left unfinished.
pub(super) fn choose_instance(pins: &PinDir, capacity: Capacity) -> Result<Chosen, StartError> {
    let mut finished = Vec::new();
    let numbers = pins.instances()?;
    let next = numbers.last().map_or(1, |newest| newest + 1);
    for number in numbers {
        let path = pins.instance(number);
        match Instance::open(&path) {
            Ok(instance) if instance.header()?.state == instance_state::READY => {
                finished.push((number, Some(instance)));
            }
            // Of an older version, hence finished by an older controller. A newer one's pins are left
            // to it.
            Err(KernelError::Abi {
                found, expected, ..
            }) if (1..expected).contains(&found) => {
                finished.push((number, None));
            }
            // A crash while it was made, before its record was finished, or written at all.
            Ok(_) | Err(KernelError::Abi { found: 0, .. }) => unfinished(pins, number)?,
            Err(KernelError::Pins { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                unfinished(pins, number)?;
            }
            // Anything else may pass, and what it is about may be in force.
            Err(error) => return Err(error.into()),
        }
    }
    let newest = finished.pop();
    let mut surplus: Vec<u32> = finished.into_iter().map(|(number, _)| number).collect();
    if let Some((number, instance)) = newest {
        match instance {
            Some(instance) if instance.capacity() == capacity => {
                return Ok(Chosen {
                    number,
                    instance,
                    old: None,
                    surplus,
                });
            }
            old => {
                surplus.push(number);
                let instance = Instance::create(&pins.instance(next), capacity, nonce())?;
                return Ok(Chosen {
                    number: next,
                    instance,
                    old,
                    surplus,
                });
            }
        }
    }
    let instance = Instance::create(&pins.instance(next), capacity, nonce())?;
    Ok(Chosen {
        number: next,
        instance,
        old: None,
        surplus,
    })
}

/// Removes what an interrupted start left behind.
fn unfinished(pins: &PinDir, number: u32) -> Result<(), KernelError> {
    tracing::warn!(
        instance = number,
        "removing maps that an interrupted start left unfinished"
    );
    pins.remove_instance(number)
}

/// A number that no other set of maps has.
fn nonce() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    // The standard library's per-process random keys, and the time, which differs between processes.
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_i128(Timestamp::now().as_nanosecond());
    hasher.finish().max(1)
}

pub(super) fn load_ledger(
    state_dir: &Path,
    chosen: &Chosen,
) -> Result<(Ledger, Option<String>), StartError> {
    match Ledger::load(state_dir) {
        Ok(Some(ledger)) => Ok((ledger, None)),
        Ok(None) => {
            let instance = chosen.old.as_ref().unwrap_or(&chosen.instance);
            if instance.live()?.is_none() {
                return Ok((Ledger::new(), None));
            }
            let message = "it is missing; the totals of orders begin anew".to_owned();
            Ok((Ledger::recover(instance)?, Some(message)))
        }
        Err(error @ LedgerError::Damaged { .. }) => {
            let path = state_dir.join(crate::observe::ledger::FILE);
            let aside = path.with_extension(format!("damaged-{}", Timestamp::now().as_second()));
            std::fs::rename(&path, &aside).map_err(|source| StartError::State {
                action: "move aside",
                path,
                source,
            })?;
            let ledger = Ledger::recover(chosen.old.as_ref().unwrap_or(&chosen.instance))?;
            let message = format!(
                "{error}; it was moved to {}, and the totals of orders begin anew",
                aside.display()
            );
            Ok((ledger, Some(message)))
        }
        Err(error) => Err(error.into()),
    }
}
