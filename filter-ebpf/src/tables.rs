//! The maps of one generation, as the decision reads them.
//!
//! [`Generation`] reads the maps, and [`Calls`] is what the decision gets: what loops is a function of
//! plain numbers, which the verifier checks once instead of once for every way to get there. The first
//! stages of the lookups are not: most packets need no more.

use filter_common::{
    abi::{
        CLASS_LIMITS, CLAUSES_CAPACITY, LIMITS_CAPACITY, PLACES_CAPACITY, POLICY_SETS,
        REFLECTOR_WORDS, ROLES, RULES_CAPACITY, SETTINGS_CAPACITY, VLANS_CAPACITY,
    },
    address::{Address, Family},
    decide::{
        Clock, Effects, Ends, Guarded, Guarding, Judgement, Query, Tables, judge_limit,
        judge_rules, meter, take_rule, walk,
    },
    limit::{Class, Limit},
    packet::Packet,
    policy::PolicySet,
    rule::RuleRecord,
    settings::{InterfaceSettings, Role, VLAN_WORDS, VLANS_PER_WORD, VlanSettings},
    table::{
        Clause, Open, PlaceRecord, UnderRoot, find4, find6, is_marked, under_root4, under_root6,
    },
};

use crate::{
    clock::Boottime,
    count::Charge,
    maps, open,
    rows::{HalfV4, HalfV6, V4Marks, V6Filter},
    rules::HalfRules,
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
    type Rules = HalfRules;

    #[inline(always)]
    fn place_number(&self, family: Family, address: Address) -> u32 {
        let found = match family {
            Family::V4 => under_root4(&HalfV4::places(self.half), address.v4())
                .map(|rows| levee_place_v4(self.half, address.v4(), rows.first, rows.count)),
            Family::V6 => {
                under_root6(&HalfV6::places(self.half), &Open, address.high).map(|rows| {
                    levee_place_v6(self.half, address.high, address.low, rows.first, rows.count)
                })
            }
        };
        found.unwrap_or(0) as u32
    }

    #[inline(always)]
    fn place(&self, number: u32) -> PlaceRecord {
        let index = self.half * PLACES_CAPACITY as u32 + number;
        maps::PLACES.get(index).copied().unwrap_or_default()
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

    #[inline(always)]
    fn rules(&self) -> HalfRules {
        HalfRules::new(self.half)
    }

    #[inline(always)]
    fn rule(&self, rank: u32) -> RuleRecord {
        let index = self.half * RULES_CAPACITY as u32 + rank;
        maps::RULES.get(index).copied().unwrap_or_default()
    }

    #[inline(always)]
    fn class_limit(&self, group: u32, class: Class) -> Limit {
        let index = self.half * LIMITS_CAPACITY as u32 + group * CLASS_LIMITS as u32 + class as u32;
        maps::LIMITS.get(index).copied().unwrap_or(Limit::NONE)
    }

    #[inline(always)]
    fn is_reflector(&self, port: u16) -> bool {
        let index = self.half * REFLECTOR_WORDS as u32 + u32::from(port) / u64::BITS;
        match maps::REFLECTORS.get(index) {
            Some(word) => word >> (u32::from(port) % u64::BITS) & 1 != 0,
            None => false,
        }
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
    type Rules = HalfRules;

    #[inline(always)]
    fn place_number(&self, family: Family, address: Address) -> u32 {
        Generation::new(self.half).place_number(family, address)
    }

    #[inline(always)]
    fn place(&self, number: u32) -> PlaceRecord {
        Generation::new(self.half).place(number)
    }

    #[inline(always)]
    fn rules(&self) -> HalfRules {
        HalfRules::new(self.half)
    }

    #[inline(always)]
    fn rule(&self, rank: u32) -> RuleRecord {
        Generation::new(self.half).rule(rank)
    }

    #[inline(always)]
    fn class_limit(&self, group: u32, class: Class) -> Limit {
        Generation::new(self.half).class_limit(group, class)
    }

    #[inline(always)]
    fn is_reflector(&self, port: u16) -> bool {
        Generation::new(self.half).is_reflector(port)
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

    #[inline(always)]
    fn judge_rules<C: Clock, E: Effects>(
        &self,
        _: &Packet,
        guarding: Guarding,
        _: &C,
        _: &mut E,
    ) -> Guarded {
        let length = self.frame_length as u64;
        Guarded::from_bits(levee_rules(self.half, guarding.to_bits(), length))
    }

    #[inline(always)]
    fn take_rule<C: Clock, E: Effects>(&self, rank: u32, _: &C, effects: &mut E) -> bool {
        levee_take_rule(self.half, rank, u64::from(effects.bytes())) != 0
    }

    #[inline(always)]
    fn judge_limit<C: Clock, E: Effects>(
        &self,
        _: &Packet,
        guarding: Guarding,
        _: &C,
        _: &mut E,
    ) -> Guarded {
        let length = self.frame_length as u64;
        Guarded::from_bits(levee_limit(self.half, guarding.to_bits(), length))
    }

    #[inline(always)]
    fn meter<C: Clock, E: Effects>(&self, _: &Packet, guarding: Guarding, _: &C, _: &mut E) {
        levee_meter(self.half, guarding.to_bits(), self.frame_length as u64);
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_rules(half: u32, guarding: u64, frame_length: u64) -> u64 {
    judge_rules(
        &Calls::new(half & 1, frame_length as usize),
        open::opened().packet(),
        Guarding::from_bits(guarding),
        &Boottime,
        &mut Charge::new(frame_length as usize),
    )
    .to_bits()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_take_rule(half: u32, rank: u32, frame_length: u64) -> u64 {
    let tables = Generation::new(half & 1);
    let mut charge = Charge::new(frame_length as usize);
    u64::from(take_rule(&tables, rank, &Boottime, &mut charge))
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_limit(half: u32, guarding: u64, frame_length: u64) -> u64 {
    judge_limit(
        &Generation::new(half & 1),
        open::opened().packet(),
        Guarding::from_bits(guarding),
        &Boottime,
        &mut Charge::new(frame_length as usize),
    )
    .to_bits()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_meter(half: u32, guarding: u64, frame_length: u64) -> u64 {
    meter(
        &Generation::new(half & 1),
        open::opened().packet(),
        Guarding::from_bits(guarding),
        &Boottime,
        &mut Charge::new(frame_length as usize),
    );
    0
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
