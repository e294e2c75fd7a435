//! The maps of one generation, as the decision reads them.

use aya_ebpf::{helpers::generated::bpf_ktime_get_boot_ns, maps::Array};
use filter_common::{
    abi::{CLAUSES_CAPACITY, NEVER_BLOCK_ROWS_CAPACITY, ROOT_CAPACITY, SETTINGS_CAPACITY},
    address::{Address, Family},
    decide::{Clock, Tables},
    settings::InterfaceSettings,
    table::{Clause, Intervals, Key4, Key6, Root, Row4, Row6, find},
};

use crate::maps;

/// The generation in one half of the maps.
pub(crate) struct Generation {
    half: u32,
}

impl Generation {
    #[inline(always)]
    pub(crate) fn new(half: u32) -> Self {
        Self { half }
    }

    /// What this interface is told.
    #[inline(always)]
    pub(crate) fn settings(&self) -> InterfaceSettings {
        let index = self.half * SETTINGS_CAPACITY as u32 + maps::interface();
        maps::SETTINGS.get(index).copied().unwrap_or_default()
    }
}

impl Tables for Generation {
    #[inline(always)]
    fn never_block(&self, family: Family, address: Address) -> u32 {
        let rows = self.half * NEVER_BLOCK_ROWS_CAPACITY as u32;
        match family {
            Family::V4 => find(
                &half4(&maps::NB4_ROOT, &maps::NB4_ROWS, self.half, rows),
                Key4(address.v4()),
            ),
            Family::V6 => find(
                &half6(&maps::NB6_ROOT, &maps::NB6_ROWS, self.half, rows),
                Key6(address),
            ),
        }
    }

    #[inline(always)]
    fn listed(&self, family: Family, address: Address) -> u32 {
        match family {
            Family::V4 => {
                let rows = self.half * maps::v4_rows_capacity();
                find(
                    &half4(&maps::V4_ROOT, &maps::V4_ROWS, self.half, rows),
                    Key4(address.v4()),
                )
            }
            Family::V6 => {
                let rows = self.half * maps::v6_rows_capacity();
                find(
                    &half6(&maps::V6_ROOT, &maps::V6_ROWS, self.half, rows),
                    Key6(address),
                )
            }
        }
    }

    #[inline(always)]
    fn clause(&self, index: u32) -> Option<Clause> {
        if index >= CLAUSES_CAPACITY as u32 {
            return None;
        }
        maps::CLAUSES
            .get(self.half * CLAUSES_CAPACITY as u32 + index)
            .copied()
    }
}

/// One half of a root map and a rows map.
struct Half<R: 'static> {
    root: &'static Array<Root>,
    rows: &'static Array<R>,
    root_base: u32,
    rows_base: u32,
}

#[inline(always)]
fn half4(
    root: &'static Array<Root>,
    rows: &'static Array<Row4>,
    half: u32,
    rows_base: u32,
) -> Half<Row4> {
    Half {
        root,
        rows,
        root_base: half * ROOT_CAPACITY as u32,
        rows_base,
    }
}

#[inline(always)]
fn half6(
    root: &'static Array<Root>,
    rows: &'static Array<Row6>,
    half: u32,
    rows_base: u32,
) -> Half<Row6> {
    Half {
        root,
        rows,
        root_base: half * ROOT_CAPACITY as u32,
        rows_base,
    }
}

impl Intervals<Key4> for Half<Row4> {
    #[inline(always)]
    fn root(&self, index: u32) -> Option<Root> {
        self.root.get(self.root_base + index).copied()
    }

    #[inline(always)]
    fn start(&self, index: u32) -> Option<Key4> {
        Some(Key4(self.rows.get(self.rows_base + index)?.start))
    }

    #[inline(always)]
    fn value(&self, index: u32) -> Option<u32> {
        Some(self.rows.get(self.rows_base + index)?.value)
    }
}

impl Intervals<Key6> for Half<Row6> {
    #[inline(always)]
    fn root(&self, index: u32) -> Option<Root> {
        self.root.get(self.root_base + index).copied()
    }

    #[inline(always)]
    fn start(&self, index: u32) -> Option<Key6> {
        let row = self.rows.get(self.rows_base + index)?;
        Some(Key6(Address {
            high: row.high,
            low: row.low,
        }))
    }

    #[inline(always)]
    fn value(&self, index: u32) -> Option<u32> {
        Some(self.rows.get(self.rows_base + index)?.value)
    }
}

/// CLOCK_BOOTTIME of the kernel.
pub(crate) struct Boottime;

impl Clock for Boottime {
    #[inline(always)]
    fn boottime(&self) -> u32 {
        // SAFETY: takes nothing and returns a number.
        (unsafe { bpf_ktime_get_boot_ns() } / 1_000_000_000) as u32
    }
}
