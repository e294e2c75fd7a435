//! Rules and frames made up at random: mostly sound, near the edges, and then damaged.
//!
//! - here: the rules of a perimeter, crowded and nested;
//! - [`frames`]: frames in every wrapping, between addresses that the rules speak of;
//! - [`damage`]: what happens to a frame on its way.

pub(crate) mod damage;
pub(crate) mod frames;

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use filter_common::{
    limits::CLAUSES_PER_CELL_MAX,
    policy::{Policy, PolicyAction, PolicySet},
    settings::{Enforcement, InterfaceSettings, Role, Tunnels, VlanSettings},
    table::Scope,
};
use filter_ctl::policy::{perimeter::HostGroup, special_space::special_space};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{
    packet::number,
    random::Random,
    rules::{Rule, Rules},
};

/// Ports that rules and frames share, so that they meet.
const PORTS: [u16; 8] = [0, 1, 53, 443, 1_023, 1_024, 65_534, 65_535];

/// VLANs that settings and frames share.
const VLANS: [u16; 7] = [1, 15, 16, 100, 101, 4_094, 4_095];

/// A rule set, mostly of one family: nested and crowded, with every kind of condition.
pub(crate) fn rules(random: &mut Random, v6: bool, count: usize) -> Rules {
    let mut rules = Rules::new([]);
    for index in 0..count {
        let other = random.one_in(4);
        let net = net(random, v6 ^ other);
        // Those that share an address with it are at least as many as it joins there.
        let overlap = |rule: &&Rule| rule.net.contains(&net) || net.contains(&rule.net);
        if rules.entries.iter().filter(overlap).count() >= CLAUSES_PER_CELL_MAX {
            continue;
        }
        let mut rule = Rule::new(&net.to_string(), u32::try_from(1 + index % 200).unwrap());
        match random.below(6) {
            0 => rule = rule.only_from(),
            1 => rule = rule.only_to(),
            _ => {}
        }
        if random.one_in(3) {
            rule = rule.protocol(protocol(random));
        }
        if random.one_in(3) {
            let mut ports = [*random.pick(&PORTS), *random.pick(&PORTS)];
            ports.sort_unstable();
            rule = rule.ports(ports[0], ports[1]);
        }
        if random.one_in(5) {
            rule = rule.monitor();
        }
        if random.one_in(8) {
            let yesterday = rule.until - 2 * 86_400;
            rule = rule.until(yesterday);
        }
        rules.entries.push(rule);
    }
    for _ in 0..count / 10 {
        let scope = if random.one_in(6) {
            Scope::All
        } else {
            Scope::Lists
        };
        let other = random.one_in(4);
        let net = net(random, v6 ^ other);
        // A short prefix would leave little to look at.
        if net.prefix_len() >= if net.network().is_ipv6() { 64 } else { 24 } {
            rules.never_block.push((net, scope));
        }
    }
    rules
}

/// The rest of a perimeter, around rules: an interface, policies, groups, VLANs, translators.
pub(crate) fn perimeter(random: &mut Random, rules: &mut Rules) {
    let mut settings = InterfaceSettings::new(enforcement(random), role(random));
    if random.one_in(2) {
        settings = settings.with_vlans();
    }
    settings = settings.looking_into(match random.below(3) {
        0 => Tunnels::NONE,
        1 => Tunnels::ALL,
        _ => Tunnels::from_bits(random.byte()),
    });
    rules.settings = vec![settings];
    let perimeter = &mut rules.perimeter;
    perimeter.upstream = policies(random, true);
    perimeter.customer = policies(random, true);
    let mut taken = BTreeSet::new();
    for number in 0..random.below(5) {
        let networks = (0..=random.below(6)).map(|_| {
            let v6 = random.one_in(2);
            net(random, v6)
        });
        // A prefix can be of one group only.
        let networks: Vec<IpNet> = networks.filter(|net| taken.insert(*net)).collect();
        perimeter.groups.push(HostGroup {
            name: format!("group {number}"),
            networks,
            policies: policies(random, false),
            ..HostGroup::default()
        });
    }
    let translators: BTreeSet<Ipv6Net> = (0..random.below(5)).map(|_| translator(random)).collect();
    perimeter.nat64 = translators.into_iter().collect();
    let ids: BTreeSet<u16> = (0..random.below(5)).map(|_| *random.pick(&VLANS)).collect();
    for id in ids {
        let own = VlanSettings::new(enforcement(random), role(random));
        perimeter.vlans.push((0, id, own));
        // What is said of another interface's VLAN is not said of this one's.
        let other = VlanSettings::new(enforcement(random), role(random));
        perimeter.vlans.push((1, *random.pick(&VLANS), other));
    }
    if !random.one_in(3) {
        perimeter.special = special_space();
    }
}

fn enforcement(random: &mut Random) -> Enforcement {
    if random.one_in(4) {
        Enforcement::Monitor
    } else {
        Enforcement::Enforce
    }
}

fn role(random: &mut Random) -> Role {
    if random.one_in(2) {
        Role::Upstream
    } else {
        Role::Customer
    }
}

/// What is done about all policies, or about some.
fn policies(random: &mut Random, all: bool) -> PolicySet {
    let mut set = PolicySet::default();
    // Where most drop, little is left for what comes behind.
    let passing = 1 + random.below(6);
    for policy in Policy::ALL {
        if !all && !random.one_in(3) {
            continue;
        }
        let action = match random.below(2 + passing) {
            0 => PolicyAction::Drop,
            1 => PolicyAction::Monitor,
            _ => PolicyAction::Pass,
        };
        set.put(*policy, action);
    }
    set
}

/// A NAT64 prefix of any length that there is.
fn translator(random: &mut Random) -> Ipv6Net {
    let length = *random.pick(&[32, 40, 48, 56, 64, 96]);
    let address = if random.one_in(2) {
        0x0064_ff9b << 96
    } else {
        place6(random)
    };
    Ipv6Net::new(address.into(), length).unwrap().trunc()
}

/// A prefix in one of a few crowded places, sometimes anywhere.
fn net(random: &mut Random, v6: bool) -> IpNet {
    if v6 {
        let length = *random.pick(&[16, 47, 48, 63, 64, 64, 65, 96, 127, 128, 128, 128]);
        IpNet::V6(Ipv6Net::new(place6(random).into(), length).unwrap().trunc())
    } else {
        let length = *random.pick(&[8, 15, 16, 17, 20, 23, 24, 25, 30, 31, 32, 32]);
        IpNet::V4(Ipv4Net::new(place4(random).into(), length).unwrap().trunc())
    }
}

fn place4(random: &mut Random) -> u32 {
    let within = u32::from(random.word());
    match random.below(4) {
        0 => 0xcb00_7100 | within & 0xff,
        1 => 0xcb00_0000 | within,
        2 => 0xffff_0000 | within,
        _ => within << 16 | u32::from(random.word()),
    }
}

fn place6(random: &mut Random) -> u128 {
    let within = u128::from(random.next());
    match random.below(4) {
        0 => 0x2001_0db8_0bad << 80 | within & 0xff,
        1 => 0x2001_0db8_0bad << 80 | (within & 3) << 64 | u128::from(random.next() & 3),
        2 => u128::MAX << 64 | within,
        _ => 0x2001 << 112 | within << 40 | within >> 30,
    }
}

fn protocol(random: &mut Random) -> u8 {
    match random.below(8) {
        0 | 1 => number::TCP,
        2 | 3 => number::UDP,
        4 => *random.pick(&number::WITH_PORTS),
        5 => *random.pick(&[number::ICMP, number::ICMPV6]),
        6 => *random.pick(&[number::GRE, number::IPV4, number::IPV6]),
        _ => random.byte(),
    }
}

/// An address that the rules speak of, or one beside it, or one in a crowded place.
fn address(random: &mut Random, rules: &Rules, v6: bool) -> IpAddr {
    let perimeter = &rules.perimeter;
    match random.below(12) {
        0..6 => edge(random, rules.entries.iter().map(|rule| rule.net), v6),
        6 => edge(random, rules.never_block.iter().map(|(net, _)| *net), v6),
        7 => {
            let groups = perimeter.groups.iter();
            let networks = groups.flat_map(|group| group.networks.iter().copied());
            edge(random, networks, v6)
        }
        8 => edge(random, special_space().into_iter().map(|(net, _)| net), v6),
        9 | 10 if v6 && !perimeter.nat64.is_empty() => {
            let prefix = *random.pick(&perimeter.nat64);
            let inside = address(random, rules, false);
            Some(embed(random, prefix, inside))
        }
        _ => None,
    }
    .unwrap_or_else(|| {
        if v6 {
            IpAddr::V6(place6(random).into())
        } else {
            IpAddr::V4(place4(random).into())
        }
    })
}

/// The first or last address of one of the prefixes, or one beside it.
fn edge(random: &mut Random, nets: impl Iterator<Item = IpNet>, v6: bool) -> Option<IpAddr> {
    let nets: Vec<IpNet> = nets.filter(|net| net.network().is_ipv6() == v6).collect();
    if nets.is_empty() {
        return None;
    }
    let net = random.pick(&nets);
    let step = random.below(3);
    let edge = if random.one_in(2) {
        net.network()
    } else {
        net.broadcast()
    };
    Some(match edge {
        IpAddr::V4(edge) => {
            let edge = edge.to_bits().wrapping_add(u32::try_from(step).unwrap());
            IpAddr::V4(edge.wrapping_sub(1).into())
        }
        IpAddr::V6(edge) => {
            let edge = edge.to_bits().wrapping_add(step as u128);
            IpAddr::V6(edge.wrapping_sub(1).into())
        }
    })
}

/// An IPv4 address in a NAT64 prefix, with whatever behind it.
fn embed(random: &mut Random, prefix: Ipv6Net, inside: IpAddr) -> IpAddr {
    let IpAddr::V4(inside) = inside else {
        unreachable!("an IPv4 address is asked for");
    };
    let mut bytes = prefix.network().octets();
    let first = usize::from(prefix.prefix_len()) / 8;
    let mut places = (first..16).filter(|place| *place != 8);
    for (byte, place) in Ipv4Addr::octets(&inside).into_iter().zip(&mut places) {
        bytes[place] = byte;
    }
    if random.one_in(4) {
        for place in places {
            bytes[place] = random.byte();
        }
    }
    Ipv6Addr::from(bytes).into()
}

fn port(random: &mut Random) -> u16 {
    if random.one_in(4) {
        random.word()
    } else {
        *random.pick(&PORTS)
    }
}
