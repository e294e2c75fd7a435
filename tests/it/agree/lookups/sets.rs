//! Sets of prefixes: made to be hard, random, and published ones where they are there.

use std::{collections::BTreeSet, fs, net::IpAddr};

use ipnet::IpNet;

use super::address;
use crate::support::{capture, random::Random, rules::parse, skip};

/// Prefixes, each once.
pub(super) struct Set {
    pub(super) name: &'static str,
    pub(super) nets: Vec<IpNet>,
}

impl Set {
    fn new(name: &'static str, nets: impl IntoIterator<Item = IpNet>) -> Self {
        let nets: BTreeSet<IpNet> = nets.into_iter().collect();
        Self {
            name,
            nets: nets.into_iter().collect(),
        }
    }
}

/// A prefix of this length around an address.
fn net(address: IpAddr, length: u8) -> IpNet {
    IpNet::new(address, length).unwrap().trunc()
}

fn v4(random: &mut Random) -> IpAddr {
    address(false, u128::from(random.next()) >> 32)
}

/// Mostly within 2000::/3, where the Internet is, and then mostly close to others.
fn v6(random: &mut Random) -> IpAddr {
    let low = u128::from(random.next());
    let high = u128::from(match random.below(8) {
        0 => random.next(),
        1..=3 => random.next() >> 3 | 1 << 61,
        _ => 0x2a00_1000_0000_0000 | random.next() & 0xff_000f_000f,
    });
    address(true, high << 64 | low)
}

/// Every length from one on, around a few addresses.
fn nested(random: &mut Random, is_v6: bool, lengths: std::ops::RangeInclusive<u8>) -> Vec<IpNet> {
    let mut nets = Vec::new();
    for _ in 0..150 {
        let inside = if is_v6 { v6(random) } else { v4(random) };
        nets.extend(lengths.clone().map(|length| net(inside, length)));
    }
    nets
}

/// Prefixes so short that they go across the borders of everything, and some inside.
fn short(random: &mut Random) -> Vec<IpNet> {
    let mut nets: Vec<IpNet> = ["0.0.0.0/0", "128.0.0.0/1", "::/0", "2000::/3", "8000::/1"]
        .map(parse)
        .to_vec();
    for _ in 0..300 {
        let (four, six) = (v4(random), v6(random));
        let lengths = [random.below(12), random.below(22), 24, 32, 64, 128];
        let [a, b, ..] = lengths.map(|length| u8::try_from(length).unwrap());
        nets.extend([
            net(four, a),
            net(six, b),
            net(four, 32),
            net(six, 128),
            net(six, 64),
        ]);
    }
    nets
}

/// Hosts that lie close together: neighbours, the ends of blocks, many under one value of the upper bits.
fn hosts(random: &mut Random) -> Vec<IpNet> {
    let mut nets = Vec::new();
    for _ in 0..400 {
        let IpAddr::V4(block) = v4(random) else {
            continue;
        };
        let IpAddr::V6(site) = v6(random) else {
            continue;
        };
        for _ in 0..40 {
            let offset = [0, 1, 254, 255, 256, 0xffff, u32::from(random.word())][random.below(7)];
            let near = block.to_bits() & 0xffff_0000 | offset;
            nets.push(IpAddr::V4(near.into()).into());
            let low = [0, 1, u64::MAX, u64::from(random.byte()), random.next()][random.below(5)];
            let site = site.to_bits() >> 64 << 64 | u128::from(random.byte() & 3) << 64;
            nets.push(IpAddr::V6((site | u128::from(low)).into()).into());
        }
    }
    nets
}

fn any(random: &mut Random, count: usize) -> Vec<IpNet> {
    let mut nets = Vec::new();
    for _ in 0..count {
        let (four, six) = (v4(random), v6(random));
        let [a, b] =
            [random.below(33), random.below(129)].map(|length| u8::try_from(length).unwrap());
        nets.extend([net(four, a.max(6)), net(six, b.max(9))]);
    }
    nets
}

/// Prefixes and hosts of a published list, by line; what is none is not asked about.
fn published(name: &'static str) -> Option<Set> {
    let text = fs::read_to_string(capture::data()?.join(name)).ok()?;
    let nets = text.lines().filter_map(|line| {
        let word = line.split([' ', '\t', ',']).next()?;
        let net = word.parse::<IpNet>().ok();
        net.or_else(|| Some(word.parse::<IpAddr>().ok()?.into()))
    });
    let set = Set::new(name, nets.map(|net| net.trunc()));
    assert!(!set.nets.is_empty(), "{name} has no addresses");
    Some(set)
}

pub(super) fn all(random: &mut Random) -> Vec<Set> {
    let mut sets = vec![
        Set::new("nested IPv4", nested(random, false, 8..=32)),
        Set::new("nested IPv6", nested(random, true, 16..=128)),
        Set::new("short prefixes", short(random)),
        Set::new("hosts", hosts(random)),
        Set::new("any prefixes", any(random, 20_000)),
    ];
    for name in [
        "ipsum.txt",
        "malicious-ip.txt",
        "rir-ipv4.txt",
        "rir-ipv6.txt",
    ] {
        match published(name) {
            Some(set) => sets.push(set),
            None => skip(Some(name), "the published list is not beside the checkout"),
        }
    }
    sets
}
