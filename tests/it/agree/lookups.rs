//! The table finds what a look at every prefix length finds: the longest match, in the kernel and on the
//! host.
//!
//! Each prefix is an order of one of a few. Asked about are the borders of prefixes, what lies just outside
//! of them, addresses inside and any others.

mod sets;

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use filter_common::{
    address::{Address, Family},
    decide::Tables as _,
};
use filter_ctl::{
    kernel::clock::boot_clock,
    table::{Table, host::HostTables},
};
use ipnet::IpNet;

use super::packets;
use crate::support::{
    compiled::CompiledRules,
    kernel::{Kernel, LARGE},
    packet::Flow,
    random::Random,
    rules::{Rule, Rules},
    say, skipped,
};
use sets::Set;

/// Orders that prefixes belong to.
const ORDERS: usize = 40;
/// Lookups between two looks at the counters.
const BATCH: usize = 5_000;

/// Prefixes of both families with the order of each, by length.
struct Naive {
    lengths: [BTreeMap<u8, HashMap<u128, u32>>; 2],
}

impl Naive {
    fn new(rules: &[Rule]) -> Self {
        let mut lengths = [BTreeMap::new(), BTreeMap::new()];
        for rule in rules {
            let by_length: &mut BTreeMap<u8, HashMap<_, _>> =
                &mut lengths[usize::from(rule.net.addr().is_ipv6())];
            let of_length = by_length.entry(rule.net.prefix_len()).or_default();
            of_length.insert(bits(rule.net.network()).0, rule.slot);
        }
        Self { lengths }
    }

    /// The order of the longest prefix around an address.
    fn longest(&self, address: IpAddr) -> Option<u32> {
        let (bits, width) = bits(address);
        let mut lengths = self.lengths[usize::from(address.is_ipv6())].iter().rev();
        lengths
            .find_map(|(length, prefixes)| {
                let host = width - u32::from(*length);
                let network = bits.checked_shr(host).unwrap_or(0);
                prefixes.get(&network.checked_shl(host).unwrap_or(0))
            })
            .copied()
    }
}

/// An address as a number, and its width.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (v4.to_bits().into(), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

fn address(v6: bool, bits: u128) -> IpAddr {
    if v6 {
        IpAddr::V6(bits.into())
    } else {
        let [.., a, b, c, d] = bits.to_be_bytes();
        IpAddr::V4([a, b, c, d].into())
    }
}

/// An address worth asking about.
fn asked(random: &mut Random, nets: &[IpNet]) -> IpAddr {
    let net = random.pick(nets);
    let v6 = net.addr().is_ipv6();
    let (first, last) = (bits(net.network()).0, bits(net.broadcast()).0);
    let any = u128::from(random.next()) << 64 | u128::from(random.next());
    let bits = match random.below(7) {
        0 => first,
        1 => last,
        2 => first.wrapping_sub(1),
        3 => last.wrapping_add(1),
        4 | 5 => first | any & (last - first),
        _ => any,
    };
    address(v6, if v6 { bits } else { bits & 0xffff_ffff })
}

fn host(table: &Table, address: IpAddr) -> Option<u32> {
    let tables = HostTables {
        table,
        interface: 0,
        clock: boot_clock().unwrap(),
    };
    let number = match address {
        IpAddr::V4(v4) => tables.listed(Family::V4, Address::from_v4(v4.octets())),
        IpAddr::V6(v6) => tables.listed(Family::V6, Address::from_v6(v6.octets())),
    };
    Some(tables.clause(number.checked_sub(1)?)?.slot)
}

/// Asks kernel, host and the naive list about as many addresses.
fn compare(kernel: &mut Kernel, set: &Set, lookups: usize, seed: u64) {
    let mut random = Random::new(seed);
    let orders: Vec<u32> = (1..).take(ORDERS).collect();
    let rules = set.nets.iter().map(|net| Rule {
        net: *net,
        slot: *random.pick(&orders),
        ..Rule::new("192.0.2.0/24", 0)
    });
    let rules = Rules::new(rules.collect::<Vec<_>>());
    let naive = Naive::new(&rules.entries);
    let compiled = CompiledRules::new(&rules, LARGE);
    kernel.publish_table(&compiled, [0; 32]).unwrap();
    let slots: Vec<u32> = compiled.slots().collect();
    let orders: HashMap<u32, u32> = orders
        .iter()
        .filter(|order| rules.slots().contains(order))
        .map(|order| (compiled.renumbered(&[*order])[0], *order))
        .collect();
    let mut listed = 0;
    let mut left = lookups;
    while left > 0 {
        let batch = left.min(BATCH);
        left -= batch;
        let before: Vec<u64> = packets_of(kernel, &slots);
        let mut charged: HashMap<u32, u64> = HashMap::new();
        for _ in 0..batch {
            let address = asked(&mut random, &set.nets);
            let expected = naive.longest(address);
            let slot = host(&compiled, address);
            let found = slot.map(|slot| orders[&slot]);
            assert_eq!(
                found, expected,
                "host: {address}, {}, seed {seed}",
                set.name
            );
            // To itself, so that both ends are the one that is asked about.
            let frame = Flow::udp(&address.to_string(), &address.to_string(), [1, 2]).frame(&[]);
            let dropped = kernel.program.test_run(&frame.bytes()).unwrap();
            assert_eq!(
                dropped,
                expected.is_some(),
                "kernel: {address}, {}, seed {seed}",
                set.name
            );
            if let Some(slot) = slot {
                *charged.entry(slot).or_default() += 1;
                listed += 1;
            }
        }
        for ((slot, before), after) in slots.iter().zip(before).zip(packets_of(kernel, &slots)) {
            let expected = charged.get(slot).copied().unwrap_or(0);
            assert_eq!(
                after - before,
                expected,
                "slot {slot}, {}, seed {seed}",
                set.name
            );
        }
    }
    assert!(listed > 0, "{}", set.name);
    say(&format!(
        "compared {lookups} packets, lookups in {} ({} prefixes), seed {seed}: listed dropped {listed}, \
         clean passed {}",
        set.name,
        set.nets.len(),
        lookups - listed
    ));
}

fn packets_of(kernel: &Kernel, slots: &[u32]) -> Vec<u64> {
    let packets = |slot: &u32| kernel.instance.slot_counter(*slot).unwrap().packets;
    slots.iter().map(packets).collect()
}

#[test]
fn the_longest_match_is_found_in_any_set_of_prefixes() {
    if skipped() {
        return;
    }
    let seed = Random::seed("LEVEE_SEED", 0x10_0c_09);
    let mut kernel = Kernel::empty(LARGE);
    let sets = sets::all(&mut Random::new(seed));
    let share = packets().div_ceil(sets.len());
    for (set, number) in sets.iter().zip(seed..) {
        compare(&mut kernel, set, share, number);
    }
}
