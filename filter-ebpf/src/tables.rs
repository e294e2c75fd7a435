//! The maps of one generation, as the decision reads them.
//!
//! [`Generation`] reads the maps, and [`Calls`] is what the decision gets: what loops is a function of
//! plain numbers, which the verifier checks once instead of once for every way to get there. The first
//! stages of the lookups are not: most packets need no more.

use filter_common::{
    abi::{CLAUSES_CAPACITY, POLICY_SETS, ROLES, SETTINGS_CAPACITY, VLANS_CAPACITY},
    address::{Address, Family},
    decide::{Clock, Effects, Ends, Judgement, Query, Tables, walk},
    policy::PolicySet,
    settings::{InterfaceSettings, Role, VLAN_WORDS, VLANS_PER_WORD, VlanSettings},
    table::{Clause, Open, Place, UnderRoot, find4, find6, is_marked, under_root4, under_root6},
};

use crate::{
    clock::Boottime,
    count::Charge,
    maps,
    rows::{HalfV4, HalfV6, V4Marks, V6Filter},
};

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
        let found = match family {
            Family::V4 => under_root4(&HalfV4::places(self.half), address.v4())
                .map(|rows| levee_place_v4(self.half, address.v4(), rows.first, rows.count)),
            Family::V6 => {
                under_root6(&HalfV6::places(self.half), &Open, address.high).map(|rows| {
                    levee_place_v6(self.half, address.high, address.low, rows.first, rows.count)
                })
            }
        };
        Place::from_bits(found.unwrap_or(0) as u32)
    }

    #[inline(always)]
    fn listed(&self, family: Family, address: Address) -> u32 {
        let found = match family {
            Family::V4 if !is_marked(&V4Marks::new(self.half), address.v4()) => None,
            Family::V4 => under_root4(&HalfV4::orders(self.half), address.v4())
                .map(|rows| levee_order_v4(self.half, address.v4(), rows.first, rows.count)),
            Family::V6 => {
                let filter = V6Filter::new(self.half);
                under_root6(&HalfV6::orders(self.half), &filter, address.high).map(|rows| {
                    levee_order_v6(self.half, address.high, address.low, rows.first, rows.count)
                })
            }
        };
        found.unwrap_or(0) as u32
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
extern "C" fn levee_place_v4(half: u32, address: u32, first: u32, count: u32) -> u64 {
    let under = UnderRoot { first, count };
    u64::from(find4(&HalfV4::places(half & 1), under, address))
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_order_v4(half: u32, address: u32, first: u32, count: u32) -> u64 {
    let under = UnderRoot { first, count };
    u64::from(find4(&HalfV4::orders(half & 1), under, address))
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_place_v6(half: u32, high: u64, low: u64, first: u32, count: u32) -> u64 {
    let under = UnderRoot { first, count };
    let address = Address { high, low };
    u64::from(find6(&HalfV6::places(half & 1), under, address))
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_order_v6(half: u32, high: u64, low: u64, first: u32, count: u32) -> u64 {
    let under = UnderRoot { first, count };
    let address = Address { high, low };
    u64::from(find6(&HalfV6::orders(half & 1), under, address))
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
