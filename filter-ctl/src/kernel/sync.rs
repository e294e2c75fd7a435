//! From a compiled table to a generation in force. The only writer of the table maps.
//!
//! A generation is written into the half that no packet reads, and becomes live by one store. Before
//! the half is written, and again after the store, the controller waits until every program that may
//! have read the old word has ended: so nothing is written under a reader, and once
//! [`Publisher::publish`] returns, no packet is judged by the old generation any more.

use std::time::{Duration, Instant};

use filter_common::{
    abi::{
        CLAUSES_CAPACITY, Control, PLACE_ROWS_CAPACITY, POLICY_SETS, ROOT_CAPACITY,
        SETTINGS_CAPACITY, VLANS_CAPACITY, map,
    },
    table::{Clause, ROOTS},
};

use super::{KernelError, instance::Instance, mapped::Record, sys::GracePeriod};
use crate::table::{Arrays, Table, clock::BootClock};

/// Publishes generations.
#[derive(Debug)]
pub struct Publisher {
    grace: GracePeriod,
}

/// A generation that has become live.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// Its number.
    pub generation: u64,
    /// The time from the first write to the store that made it live.
    pub write: Duration,
}

impl Publisher {
    /// Prepares to publish.
    pub fn new() -> Result<Self, KernelError> {
        let grace = GracePeriod::new().map_err(|source| KernelError::Syscall {
            call: "bpf(BPF_MAP_CREATE)",
            what: "the map of maps that waits for a grace period".to_owned(),
            source,
        })?;
        Ok(Self { grace })
    }

    /// Writes `table` beside the generation in force and makes it live as `generation`.
    ///
    /// An error leaves the generation in force as it was: nothing is live before the last store.
    pub fn publish(
        &self,
        instance: &mut Instance,
        table: &Table,
        digest: [u8; 32],
        clock: BootClock,
        generation: u64,
    ) -> Result<Published, KernelError> {
        check_capacity(instance, table)?;
        let live = instance.stable.control.live();
        let half = if live == 0 {
            0
        } else {
            1 - Control::half(live)
        };
        self.wait()?;
        let start = Instant::now();
        write_table(instance, table, clock, half as usize)?;
        let mut header = instance.header()?;
        header.digests[half as usize] = digest;
        header.published[half as usize] = jiff::Timestamp::now().as_second();
        header.clocks[half as usize] = clock.boottime_at_unix_0;
        instance.write_header(&header)?;
        instance
            .stable
            .control
            .set_live(Control::live_word(generation, half));
        let write = start.elapsed();
        self.wait()?;
        Ok(Published { generation, write })
    }

    /// Waits until every program that is running now has ended.
    pub fn wait(&self) -> Result<(), KernelError> {
        self.grace.wait().map_err(|source| KernelError::Syscall {
            call: "bpf(BPF_MAP_UPDATE_ELEM)",
            what: "waiting for a grace period".to_owned(),
            source,
        })
    }
}

fn check_capacity(instance: &Instance, table: &Table) -> Result<(), KernelError> {
    let capacity = instance.capacity();
    for (what, needed, available) in [
        (
            "the IPv4 order table",
            table.v4.rows.len(),
            capacity.v4_rows as usize,
        ),
        (
            "the IPv6 order table",
            table.v6.rows.len(),
            capacity.v6_rows as usize,
        ),
        (
            "the table of IPv4 places",
            table.places_v4.rows.len(),
            PLACE_ROWS_CAPACITY,
        ),
        (
            "the table of IPv6 places",
            table.places_v6.rows.len(),
            PLACE_ROWS_CAPACITY,
        ),
        ("the clause table", table.clauses.len(), CLAUSES_CAPACITY),
        (
            "the settings table",
            table.settings.len(),
            SETTINGS_CAPACITY,
        ),
        ("the sets of policies", table.policies.len(), POLICY_SETS),
        ("the VLAN settings", table.vlans.len(), VLANS_CAPACITY),
    ] {
        if needed > available {
            return Err(KernelError::Capacity {
                what,
                needed,
                available,
            });
        }
    }
    Ok(())
}

fn write_table(
    instance: &Instance,
    table: &Table,
    clock: BootClock,
    half: usize,
) -> Result<(), KernelError> {
    let capacity = instance.capacity();
    let Table {
        v4,
        v6,
        places_v4,
        places_v6,
        clauses,
        settings,
        policies,
        vlans,
    } = table;
    write_arrays(
        instance,
        [map::V4_ROOT, map::V4_ROWS],
        v4,
        capacity.v4_rows as usize,
        half,
    )?;
    write_arrays(
        instance,
        [map::V6_ROOT, map::V6_ROWS],
        v6,
        capacity.v6_rows as usize,
        half,
    )?;
    let places = PLACE_ROWS_CAPACITY;
    write_arrays(
        instance,
        [map::PLACE4_ROOT, map::PLACE4_ROWS],
        places_v4,
        places,
        half,
    )?;
    write_arrays(
        instance,
        [map::PLACE6_ROOT, map::PLACE6_ROWS],
        places_v6,
        places,
        half,
    )?;
    let clauses: Vec<Clause> = clauses.iter().map(|clause| clause.at(clock)).collect();
    write(instance, map::CLAUSES, &clauses, CLAUSES_CAPACITY, half)?;
    write(instance, map::SETTINGS, settings, SETTINGS_CAPACITY, half)?;
    // What an earlier generation left behind the end would still be looked up.
    let policies = padded(policies, POLICY_SETS);
    write(instance, map::POLICIES, &policies, POLICY_SETS, half)?;
    let vlans = padded(vlans, VLANS_CAPACITY);
    write(instance, map::VLANS, &vlans, VLANS_CAPACITY, half)
}

fn padded<T: Copy + Default>(values: &[T], capacity: usize) -> Vec<T> {
    let mut padded = values.to_vec();
    padded.resize(capacity, T::default());
    padded
}

fn write_arrays<R: Record>(
    instance: &Instance,
    [root, rows]: [&'static str; 2],
    arrays: &Arrays<R>,
    rows_capacity: usize,
    half: usize,
) -> Result<(), KernelError> {
    assert_eq!(
        arrays.roots.len(),
        ROOTS,
        "a compiled table has all its roots"
    );
    write(instance, root, &arrays.roots, ROOT_CAPACITY, half)?;
    write(instance, rows, &arrays.rows, rows_capacity, half)
}

fn write<T: Record>(
    instance: &Instance,
    name: &'static str,
    values: &[T],
    capacity: usize,
    half: usize,
) -> Result<(), KernelError> {
    instance
        .mapped(name, capacity)?
        .write(half * capacity, values);
    Ok(())
}
