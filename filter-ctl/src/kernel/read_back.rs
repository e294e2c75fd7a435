//! The table that lies in the kernel, read back as far as it says what is blocked.

use filter_common::{
    abi::{Control, map},
    table::{Base, Clause, Deep, RowValue},
};

use super::{
    KernelError,
    instance::{Instance, Live},
    mapped::Record,
    shape::tables,
};
use crate::table::{GuardTable, RowsV4, RowsV6, Table, TimedClause};

/// The tables of orders and places, and the clauses, of the half in force; rules, limits, settings and policies
/// are left out.
///
/// What was tampered with may say anything: indexes are bounded by the maps, and nothing else is promised. Copies
/// at most what one half of the maps holds.
pub fn table(instance: &Instance, live: &Live) -> Result<Table, KernelError> {
    let reader = Reader {
        instance,
        half: Control::half(instance.stable.control.live()) as usize,
    };
    let clauses: Vec<Clause> = reader.all(map::CLAUSES)?;
    let clauses = clauses.into_iter();
    Ok(Table {
        marks_v4: reader.all(map::V4_MARKS)?,
        v4: reader.rows_v4([map::V4_BASES, map::V4_STARTS, map::V4_VALUES])?,
        filter_v6: reader.all(map::V6_FILTER)?,
        v6: reader.rows_v6([map::V6_BASES, map::V6_STARTS, map::V6_VALUES, map::V6_DEEP])?,
        places_v4: reader.rows_v4([map::PLACE4_BASES, map::PLACE4_STARTS, map::PLACE4_VALUES])?,
        places_v6: reader.rows_v6([
            map::PLACE6_BASES,
            map::PLACE6_STARTS,
            map::PLACE6_VALUES,
            map::PLACE6_DEEP,
        ])?,
        places: reader.all(map::PLACES)?,
        guard: GuardTable::default(),
        clauses: clauses
            .map(|clause| TimedClause {
                slot: clause.slot,
                until: i64::from(clause.deadline).saturating_sub(live.clock.boottime_at_unix_0),
                ports: clause.ports,
                protocol: clause.protocol,
                flags: clause.flags,
            })
            .collect(),
        settings: Vec::new(),
        policies: Vec::new(),
        vlans: Vec::new(),
    })
}

struct Reader<'a> {
    instance: &'a Instance,
    half: usize,
}

impl Reader<'_> {
    fn all<T: Record + Default>(&self, name: &'static str) -> Result<Vec<T>, KernelError> {
        self.read(name, usize::MAX)
    }

    /// The first elements of the half.
    fn read<T: Record + Default>(
        &self,
        name: &'static str,
        count: usize,
    ) -> Result<Vec<T>, KernelError> {
        let maps = tables(self.instance.capacity());
        let map = maps.iter().find(|map| map.name == name);
        let half = map.ok_or(KernelError::NoMap(name))?.half;
        let mapped = self.instance.mapped::<T>(name, half)?;
        Ok(mapped.read(self.half * half, count.min(half)))
    }

    fn rows_v4(&self, [bases, starts, values]: [&'static str; 3]) -> Result<RowsV4, KernelError> {
        let bases = self.all(bases)?;
        let rows = rows(&bases);
        Ok(RowsV4 {
            bases,
            starts: self.read(starts, rows)?,
            values: self.read(values, rows)?,
        })
    }

    fn rows_v6(
        &self,
        [bases, starts, values, deep]: [&'static str; 4],
    ) -> Result<RowsV6, KernelError> {
        let bases = self.all(bases)?;
        let rows = rows(&bases);
        let values: Vec<u32> = self.read(values, rows)?;
        let groups = values.iter().map(|value| RowValue::from_bits(*value));
        let last = groups
            .filter(|value| value.is_deep())
            .map(RowValue::number)
            .max();
        // The last group says itself how many rows it has.
        let first = last.map_or(0, |first| first as usize + 1);
        let rows_before: Vec<Deep> = self.read(deep, first)?;
        let in_last = rows_before.last().map_or(0, |row| row.rows as usize);
        Ok(RowsV6 {
            bases,
            starts: self.read(starts, rows)?,
            values,
            deep: self.read(deep, first.saturating_sub(1).saturating_add(in_last))?,
        })
    }
}

/// How many rows there are: the last base is where they end.
fn rows(bases: &[u32]) -> usize {
    let last = bases.last().copied().unwrap_or_default();
    Base::from_bits(last).index() as usize
}
