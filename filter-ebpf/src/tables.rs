//! The maps of one generation, as the decision reads them.
//!
//! [`Generation`] reads the maps. [`Calls`] is what the decision gets: it hands the two parts that
//! loop to functions of plain numbers, which the verifier checks once each instead of once for every
//! way to get there.

use aya_ebpf::{helpers::generated::bpf_ktime_get_boot_ns, maps::Array};
use filter_common::{
    abi::{
        CLAUSES_CAPACITY, PLACE_ROWS_CAPACITY, POLICY_SETS, ROLES, ROOT_CAPACITY,
        SETTINGS_CAPACITY, VLANS_CAPACITY,
    },
    address::{Address, Family},
    decide::{Clock, Effects, Ends, Judgement, Query, Tables, walk},
    policy::PolicySet,
    settings::{InterfaceSettings, Role, VLAN_WORDS, VLANS_PER_WORD, VlanSettings},
    table::{Clause, Intervals, Key4, Key6, Place, Root, Row4, Row6, find},
};

use crate::{count::Charge, maps};

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

    #[inline(always)]
    fn policies(&self, set: u32) -> PolicySet {
        let index = self.half * POLICY_SETS as u32 + set;
        maps::POLICIES.get(index).copied().unwrap_or_default()
    }
}

impl Tables for Generation {
    #[inline(always)]
    fn place(&self, family: Family, address: Address) -> Place {
        let rows = self.half * PLACE_ROWS_CAPACITY as u32;
        Place::from_bits(match family {
            Family::V4 => find(
                &half4(&maps::PLACE4_ROOT, &maps::PLACE4_ROWS, self.half, rows),
                Key4(address.v4()),
            ),
            Family::V6 => find(
                &half6(&maps::PLACE6_ROOT, &maps::PLACE6_ROWS, self.half, rows),
                Key6(address),
            ),
        })
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

    #[inline(always)]
    fn vlan(&self, id: u16) -> VlanSettings {
        let word = maps::interface() * VLAN_WORDS as u32 + u32::from(id) / VLANS_PER_WORD;
        let index = self.half * VLANS_CAPACITY as u32 + word;
        match maps::VLANS.get(index) {
            Some(word) => VlanSettings::in_word(*word, id),
            None => VlanSettings::default(),
        }
    }

    #[inline(always)]
    fn role_policies(&self, role: Role) -> PolicySet {
        self.policies(role as u32)
    }

    #[inline(always)]
    fn group_policies(&self, group: u32) -> PolicySet {
        self.policies(ROLES as u32 - 1 + group)
    }
}

/// A generation whose loops are calls.
pub(crate) struct Calls {
    half: u32,
    frame_length: usize,
}

impl Calls {
    #[inline(always)]
    pub(crate) fn new(half: u32, frame_length: usize) -> Self {
        Self { half, frame_length }
    }

    #[inline(always)]
    pub(crate) fn settings(&self) -> InterfaceSettings {
        Generation::new(self.half).settings()
    }
}

impl Tables for Calls {
    #[inline(always)]
    fn place(&self, family: Family, address: Address) -> Place {
        Generation::new(self.half).place(family, address)
    }

    #[inline(always)]
    fn listed(&self, family: Family, address: Address) -> u32 {
        Generation::new(self.half).listed(family, address)
    }

    #[inline(always)]
    fn clause(&self, index: u32) -> Option<Clause> {
        Generation::new(self.half).clause(index)
    }

    #[inline(always)]
    fn vlan(&self, id: u16) -> VlanSettings {
        Generation::new(self.half).vlan(id)
    }

    #[inline(always)]
    fn role_policies(&self, role: Role) -> PolicySet {
        Generation::new(self.half).role_policies(role)
    }

    #[inline(always)]
    fn group_policies(&self, group: u32) -> PolicySet {
        Generation::new(self.half).group_policies(group)
    }

    #[inline(always)]
    fn ends(&self, family: Family, source: Address, destination: Address) -> Ends {
        Ends::from_bits(match family {
            Family::V4 => levee_ends_v4(self.half, source.v4(), destination.v4()),
            Family::V6 => levee_ends_v6(
                self.half,
                source.high,
                source.low,
                destination.high,
                destination.low,
            ),
        })
    }

    #[inline(always)]
    fn judge<C: Clock, E: Effects>(&self, query: Query, _: &C, _: &mut E) -> Judgement {
        Judgement::from_bits(levee_judge(
            self.half,
            query.to_bits(),
            self.frame_length as u64,
        ))
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_ends_v4(half: u32, source: u32, destination: u32) -> u64 {
    let [source, destination] = [source, destination].map(|address| Address {
        high: 0,
        low: u64::from(address),
    });
    Generation::new(half & 1)
        .ends(Family::V4, source, destination)
        .to_bits()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_ends_v6(
    half: u32,
    source_high: u64,
    source_low: u64,
    destination_high: u64,
    destination_low: u64,
) -> u64 {
    let source = Address {
        high: source_high,
        low: source_low,
    };
    let destination = Address {
        high: destination_high,
        low: destination_low,
    };
    Generation::new(half & 1)
        .ends(Family::V6, source, destination)
        .to_bits()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_judge(half: u32, query: u64, frame_length: u64) -> u64 {
    let mut charge = Charge::new(frame_length as usize);
    walk(
        &Generation::new(half & 1),
        Query::from_bits(query),
        &Boottime,
        &mut charge,
    )
    .to_bits()
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
