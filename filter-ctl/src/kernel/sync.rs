//! From a compiled table to a generation in force. The only writer of the table maps.
//!
//! A generation is written into the half that no packet reads, and becomes live by one store. After the
//! store the controller waits until every program that may have read the old word has ended, and so it
//! does before the first time it writes, because its predecessor may not have come to it: so nothing is
//! written under a reader, and once [`Publisher::publish`] returns, no packet is judged by the old
//! generation any more.

use std::time::{Duration, Instant};

use filter_common::{
    abi::{Control, map},
    table::Clause,
};

use super::{
    KernelError,
    instance::Instance,
    mapped::Record,
    shape::{TableMap, tables},
    sys::GracePeriod,
};
use crate::table::{
    Table,
    clock::BootClock,
    elements::{ELEMENTS, Elements},
};

/// Publishes generations.
#[derive(Debug)]
pub struct Publisher {
    grace: GracePeriod,
    /// The instance whose idle half no program reads any more, by its number.
    settled: Option<u64>,
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
        Ok(Self {
            grace,
            settled: None,
        })
    }

    /// Writes `table` beside the generation in force and makes it live as `generation`.
    ///
    /// An error leaves the generation in force as it was: nothing is live before the last store.
    pub fn publish(
        &mut self,
        instance: &mut Instance,
        table: &Table,
        digest: [u8; 32],
        clock: BootClock,
        generation: u64,
    ) -> Result<Published, KernelError> {
        let writer = Writer::new(instance, table)?;
        let mut header = instance.header()?;
        if self.settled.take() != Some(header.instance) {
            self.wait()?;
        }
        let live = instance.stable.control.live();
        let half = if live == 0 {
            0
        } else {
            1 - Control::half(live)
        };
        let start = Instant::now();
        writer.write(table, clock, half as usize)?;
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
        self.settled = Some(header.instance);
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

/// Writes one half of each table map.
struct Writer<'a> {
    instance: &'a Instance,
    maps: [TableMap; ELEMENTS + 1],
}

impl<'a> Writer<'a> {
    /// For a table that fits.
    fn new(instance: &'a Instance, table: &Table) -> Result<Self, KernelError> {
        let writer = Self {
            instance,
            maps: tables(instance.capacity()),
        };
        let clauses = (map::CLAUSES, table.clauses.len());
        let others = table.elements();
        let others = others
            .iter()
            .map(|(what, elements)| (*what, elements.len()));
        for (what, needed) in others.chain([clauses]) {
            let available = writer.half(what)?;
            if needed > available {
                return Err(KernelError::Capacity {
                    what,
                    needed,
                    available,
                });
            }
        }
        Ok(writer)
    }

    /// The elements of one half of a map.
    fn half(&self, name: &'static str) -> Result<usize, KernelError> {
        let map = self.maps.iter().find(|map| map.name == name);
        Ok(map.ok_or(KernelError::NoMap(name))?.half)
    }

    fn write(&self, table: &Table, clock: BootClock, half: usize) -> Result<(), KernelError> {
        for (map, elements) in table.elements() {
            match elements {
                Elements::Words16(words) => self.put(map, words, half),
                Elements::Words32(words) => self.put(map, words, half),
                Elements::Words64(words) => self.put(map, words, half),
                Elements::Deep(rows) => self.put(map, rows, half),
                Elements::Places(places) => self.put(map, places, half),
                Elements::RuleHeader(header) => self.fill(map, header, half),
                Elements::RuleBits(sets) => self.put(map, sets, half),
                Elements::Rules(rules) => self.put(map, rules, half),
                Elements::Limits(limits) => self.fill(map, limits, half),
                Elements::Settings(settings) => self.fill(map, settings, half),
                Elements::Policies(policies) => self.fill(map, policies, half),
                Elements::Vlans(words) => self.fill(map, words, half),
            }?;
        }
        let clauses = table.clauses.iter();
        let clauses: Vec<Clause> = clauses.map(|clause| clause.at(clock)).collect();
        self.put(map::CLAUSES, &clauses, half)
    }

    /// Puts all of a small map: what an earlier generation left behind the end would be looked up.
    fn fill<T: Record + Default>(
        &self,
        name: &'static str,
        values: &[T],
        half: usize,
    ) -> Result<(), KernelError> {
        let mut padded = values.to_vec();
        padded.resize(self.half(name)?, T::default());
        self.put(name, &padded, half)
    }

    fn put<T: Record>(
        &self,
        name: &'static str,
        values: &[T],
        half: usize,
    ) -> Result<(), KernelError> {
        if values.is_empty() {
            return Ok(());
        }
        let elements = self.half(name)?;
        self.instance
            .mapped(name, elements)?
            .write(half * elements, values);
        Ok(())
    }
}
