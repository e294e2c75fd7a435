//! Rules and frames made up at random: mostly sound, near the edges, and then damaged.

use std::net::IpAddr;

use filter_common::{limits::CLAUSES_PER_CELL_MAX, table::Scope};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{
    packet::{Extension, Flow, Frame, Tag, V4, V6, number},
    random::Random,
    rules::{Rule, Rules},
};

/// Ports that rules and frames share, so that they meet.
const PORTS: [u16; 8] = [0, 1, 53, 443, 1_023, 1_024, 65_534, 65_535];

/// A rule set of one family: nested and crowded, with every kind of condition.
pub(crate) fn rules(random: &mut Random, v6: bool, count: usize) -> Rules {
    let mut rules = Rules::new([]);
    for index in 0..count {
        let net = net(random, v6);
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
        let scope = if random.one_in(4) {
            Scope::All
        } else {
            Scope::Lists
        };
        let net = net(random, v6);
        // A short prefix would leave little to look at.
        if net.prefix_len() >= if v6 { 48 } else { 20 } {
            rules.never_block.push((net, scope));
        }
    }
    rules
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

/// An address on or beside an edge of a rule, or in a crowded place.
fn address(random: &mut Random, rules: &Rules, v6: bool) -> IpAddr {
    if !rules.entries.is_empty() && !random.one_in(4) {
        let net = random.pick(&rules.entries).net;
        let step = u128::from(random.next() % 3);
        let edge = if random.one_in(2) {
            net.network()
        } else {
            net.broadcast()
        };
        return match edge {
            IpAddr::V4(edge) => {
                let step = u32::try_from(step).unwrap();
                IpAddr::V4(edge.to_bits().wrapping_add(step).wrapping_sub(1).into())
            }
            IpAddr::V6(edge) => {
                IpAddr::V6(edge.to_bits().wrapping_add(step).wrapping_sub(1).into())
            }
        };
    }
    if v6 {
        IpAddr::V6(place6(random).into())
    } else {
        IpAddr::V4(place4(random).into())
    }
}

fn protocol(random: &mut Random) -> u8 {
    match random.below(8) {
        0 | 1 => number::TCP,
        2 | 3 => number::UDP,
        4 => *random.pick(&number::WITH_PORTS),
        5 => number::ICMPV6,
        6 => number::GRE,
        _ => random.byte(),
    }
}

/// A frame of one family.
pub(crate) fn frame(random: &mut Random, rules: &Rules, v6: bool) -> Vec<u8> {
    let flow = Flow {
        source: address(random, rules, v6),
        destination: address(random, rules, v6),
        protocol: protocol(random),
        ports: [port(random), port(random)],
    };
    let payload = match random.below(40) {
        0 => 9_000 - random.below(1_000),
        1 => 3_000 + random.below(2_000),
        2..=9 => 0,
        _ => random.below(120),
    };
    let segment = flow.segment(&random.bytes(payload));
    let packet = match (flow.source, flow.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut header = V4::new(source, destination, flow.protocol);
            if random.one_in(3) {
                header.options = random.bytes(4 * random.clone().below(11));
            }
            if random.one_in(3) {
                header.offset = random.word() & *random.pick(&[0, 1, 0x1fff]);
                header.more = random.one_in(2);
            }
            header.packet(&segment)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let mut header = V6::new(source, destination, flow.protocol);
            header.hop_limit = *random.pick(&[64, 255]);
            for _ in 0..chain_length(random) {
                header.extensions.push(extension(random));
            }
            header.packet(&segment)
        }
        _ => unreachable!("both addresses are of one family"),
    };
    let tags = *random.pick(&[0, 0, 0, 1, 1, 2, 2, 3]);
    let tags: Vec<Tag> = (0..tags).map(|_| tag(random)).collect();
    let frame = Frame::new(flow.ethertype(), packet).tagged(&tags);
    let mut bytes = if random.one_in(2) {
        frame.bytes()
    } else {
        frame.unpadded()
    };
    damage(random, &mut bytes);
    bytes
}

/// Now and then changes bytes of the headers, or cuts the frame.
pub(crate) fn damage(random: &mut Random, frame: &mut Vec<u8>) {
    if random.one_in(3) {
        for _ in 0..=random.below(4) {
            let reach = frame.len().min(120);
            let at = random.below(reach);
            frame[at] = match random.below(3) {
                0 => frame[at] ^ 1 << random.below(8),
                1 => *random.pick(&[0, 1, 0x40, 0x45, 0x4f, 0x60, 0x81, 0x88, 0xff]),
                _ => random.byte(),
            };
        }
    }
    if random.one_in(6) {
        // The kernel runs nothing shorter than an Ethernet header.
        let longest = frame.len().max(14);
        frame.resize(14 + random.below(longest - 13), 0);
    }
}

fn port(random: &mut Random) -> u16 {
    if random.one_in(4) {
        random.word()
    } else {
        *random.pick(&PORTS)
    }
}

fn tag(random: &mut Random) -> Tag {
    Tag {
        tpid: *random.pick(&[0x8100, 0x8100, 0x88a8, 0x9100, 0x9200]),
        tci: random.word(),
    }
}

fn chain_length(random: &mut Random) -> usize {
    match random.below(4) {
        0 | 1 => 0,
        2 => 1 + random.below(3),
        _ => random.below(11),
    }
}

fn extension(random: &mut Random) -> Extension {
    let words = *random.pick(&[0, 0, 0, 1, 2, 7, 31]);
    match random.below(9) {
        0 => Extension::hop_by_hop(words),
        1 | 2 => Extension::destination(words),
        3 => Extension::routing(words),
        4 => Extension::mobility(words),
        5 => Extension::authentication(words),
        6 => Extension::hip(words),
        7 => Extension::shim6(words),
        _ => {
            let offset = random.word() & *random.pick(&[0, 0, 1, 0x1fff]);
            Extension::fragment(offset, random.one_in(2), random.byte())
        }
    }
}
