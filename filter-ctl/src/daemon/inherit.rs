//! What an earlier controller, or a crash, left behind: maps in force, and the ledger that goes with
//! them.
//!
//! Whatever moment an earlier start was interrupted at, what lies in the pin directory says how to go on.
//! Maps that were never finished were never attached: that start is undone. Once finished, they are the
//! ones that count: that start is resumed, interface by interface, and the maps before them are removed
//! when all have left them and their counters are on disk.

use std::path::Path;

use jiff::Timestamp;

use super::{leave::Left, start::StartError};
use crate::{
    kernel::{KernelError, found::Found, instance::Instance, pins::PinDir, stable::Stable},
    observe::ledger::{Ledger, LedgerError},
    table::compile::Capacity,
};

/// Sets of maps that takeovers which could not be completed may leave beside each other. Past it the
/// service does not start, and what is pinned goes on filtering.
pub(super) const INSTANCES_MAX: usize = 8;

/// The instance to work with.
pub(super) struct Chosen {
    pub(super) number: u32,
    pub(super) instance: Instance,
    /// The finished ones beside it, oldest first, to be removed once every interface has left them.
    pub(super) left: Vec<Left>,
}

/// Chooses the newest finished instance if it has the right version and capacity, else makes a new
/// one beside it. Removes what an interrupted start left unfinished.
///
/// Where a newer version has finished one, nothing at all is touched.
pub(super) fn choose_instance(pins: &PinDir, capacity: Capacity) -> Result<Chosen, StartError> {
    let mut unfinished = Vec::new();
    let mut finished = Vec::new();
    for number in pins.instances()? {
        match Found::look(&pins.instance(number))? {
            Found::Unfinished => unfinished.push(number),
            Found::Newer { abi } => {
                return Err(KernelError::abi(&pins.instance(number), abi).into());
            }
            found => finished.push((number, found)),
        }
    }
    if finished.len() > INSTANCES_MAX {
        return Err(StartError::Instances(pins.path().to_owned()));
    }
    let next = pins.instances()?.last().map_or(1, |newest| newest + 1);
    for number in unfinished {
        tracing::warn!(
            instance = number,
            "removing maps that an interrupted start left unfinished"
        );
        pins.remove_instance(number)?;
    }
    let fits = |found: &mut (u32, Found)| matches!(&found.1, Found::Ready(instance) if instance.capacity() == capacity);
    let usable = finished.pop_if(fits);
    let left = finished.into_iter().map(|(number, found)| {
        let stable = match found {
            Found::Ready(instance) => Some(instance.into_stable()),
            Found::Older { stable, .. } => stable.map(|stable| *stable),
            Found::Unfinished | Found::Newer { .. } => None,
        };
        if stable.is_none() {
            tracing::warn!(
                instance = number,
                "the counters and the kill switch of maps of so old a version cannot be read: what they \
                 have counted since the totals were saved is lost, and the switch is off"
            );
        }
        Left { number, stable }
    });
    let left = left.collect();
    match usable {
        Some((number, Found::Ready(instance))) => Ok(Chosen {
            number,
            instance: *instance,
            left,
        }),
        _ => Ok(Chosen {
            number: next,
            instance: create(pins, next, capacity)?,
            left,
        }),
    }
}

/// Makes new maps, all of them or none.
fn create(pins: &PinDir, number: u32, capacity: Capacity) -> Result<Instance, KernelError> {
    Instance::create(&pins.instance(number), capacity, nonce()).inspect_err(|_| {
        // Where this fails too, the next start removes what is unfinished.
        let _unfinished = pins.remove_instance(number);
    })
}

/// A number that no other set of maps has.
fn nonce() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    // The standard library's per-process random keys, and the time, which differs between processes.
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_i128(Timestamp::now().as_nanosecond());
    hasher.finish().max(1)
}

/// Reads the ledger that goes with the chosen instance, or makes one from what the maps themselves say;
/// then the second value says why.
pub(super) fn load_ledger(
    state_dir: &Path,
    chosen: &Chosen,
) -> Result<(Ledger, Option<String>), StartError> {
    let in_force: &Stable = (chosen.left.iter().rev())
        .find_map(|left| left.stable.as_ref())
        .filter(|_| chosen.instance.stable().generation().is_none())
        .unwrap_or(chosen.instance.stable());
    let (mut ledger, alarm) = match Ledger::load(state_dir) {
        Ok(Some(ledger)) => (ledger, None),
        Ok(None) if in_force.generation().is_none() => (Ledger::new(), None),
        Ok(None) => {
            let message = "it is missing; the totals of orders begin anew".to_owned();
            (Ledger::recover(in_force)?, Some(message))
        }
        Err(error @ LedgerError::Damaged { .. }) => {
            let path = state_dir.join(crate::observe::ledger::FILE);
            let aside = path.with_extension(format!("damaged-{}", Timestamp::now().as_second()));
            std::fs::rename(&path, &aside).map_err(|source| StartError::State {
                action: "move aside",
                path,
                source,
            })?;
            let message = format!(
                "{error}; it was moved to {}, and the totals of orders begin anew",
                aside.display()
            );
            (Ledger::recover(in_force)?, Some(message))
        }
        Err(error) => return Err(error.into()),
    };
    let left = chosen.left.iter().filter_map(|left| left.stable.as_ref());
    let left: Vec<u64> = left.map(Stable::nonce).collect();
    ledger.work_with(chosen.instance.stable().nonce(), &left);
    Ok((ledger, alarm))
}
