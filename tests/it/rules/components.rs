//! The components with prefixes and numbers: every operator, its values below, at and above what it names.

use super::{Judge, Packet, Piece};
use crate::support::{packet::number, skipped};

/// Every operator of RFC 8955, 4.2.1.1, and what it says of values below, at and above what it is given.
pub(super) const OPERATORS: [(&str, [bool; 3]); 8] = [
    ("false", [false, false, false]),
    ("<", [true, false, false]),
    ("=", [false, true, false]),
    ("<=", [true, true, false]),
    (">", [false, false, true]),
    ("!=", [true, false, true]),
    (">=", [false, true, true]),
    ("true", [true, true, true]),
];

/// A component with an operator and a value, as it is written.
pub(super) fn compared(name: &str, operator: &str, value: u32) -> String {
    if matches!(operator, "true" | "false") {
        format!("{name} {operator}")
    } else {
        format!("{name} {operator} {value}")
    }
}

/// Lists of operators around `v`, and the values from `v - 2` to `v + 2` that satisfy them. In any of them a
/// list that ended early, or whose "or" bound as tightly as its "and", would say something else.
const LISTS: [(&str, [bool; 5]); 9] = [
    ("= {-1} || = {+1}", [false, true, false, true, false]),
    (
        "= {-2} || = {0} || = {+2}",
        [true, false, true, false, true],
    ),
    (">= {-1} && <= {+1}", [false, true, true, true, false]),
    (
        "> {-2} && < {+1} || = {+2}",
        [false, true, true, false, true],
    ),
    (
        "= {-2} || > {-1} && != {+1}",
        [true, false, true, false, true],
    ),
    ("!= {0} && != {+1}", [true, true, false, false, true]),
    ("< {-1} || > {+1}", [true, false, false, false, true]),
    (
        ">= {-2} && <= {+2} && != {-1} && != {+1}",
        [true, false, true, false, true],
    ),
    ("{-1}..{0}", [false, true, true, false, false]),
];

/// A component that numbers are compared with.
struct Component {
    name: &'static str,
    least: u32,
    most: u32,
    /// A value with neighbours.
    middle: u32,
    /// A packet in which it has a value, from one that has it already.
    with: fn(Packet, u32) -> Packet,
    /// Packets that have the field, of one family or both.
    packets: fn() -> Vec<Packet>,
}

pub(super) fn v4() -> Packet {
    Packet::new("203.0.113.7", "192.0.2.9")
}

pub(super) fn v6() -> Packet {
    Packet::new("2001:db8:1::7", "2001:db8:7::9")
}

pub(super) fn of(protocol: u8) -> Vec<Packet> {
    let of = |packet: Packet| Packet { protocol, ..packet };
    vec![of(v4()), of(v6())]
}

pub(super) fn with_ports() -> Vec<Packet> {
    [of(number::TCP), of(number::UDP)].concat()
}

fn with_icmp() -> Vec<Packet> {
    vec![
        of(number::ICMP).swap_remove(0),
        of(number::ICMPV6).swap_remove(1),
    ]
}

fn byte(value: u32) -> u8 {
    u8::try_from(value).unwrap()
}

fn port(value: u32) -> u16 {
    u16::try_from(value).unwrap()
}

const COMPONENTS: [Component; 9] = [
    Component {
        name: "proto",
        // 0 is no protocol of an upper layer in IPv6.
        least: 1,
        most: 255,
        middle: 90,
        with: |packet, value| Packet {
            protocol: byte(value),
            ..packet
        },
        packets: || vec![v4(), v6()],
    },
    Component {
        name: "port",
        least: 0,
        most: 65_535,
        middle: 1_000,
        with: |packet, value| Packet {
            ports: [port(value); 2],
            ..packet
        },
        packets: with_ports,
    },
    Component {
        name: "dport",
        least: 0,
        most: 65_535,
        middle: 1_000,
        with: |packet, value| Packet {
            ports: [packet.ports[0], port(value)],
            ..packet
        },
        packets: with_ports,
    },
    Component {
        name: "sport",
        least: 0,
        most: 65_535,
        middle: 1_000,
        with: |packet, value| Packet {
            ports: [port(value), packet.ports[1]],
            ..packet
        },
        packets: with_ports,
    },
    Component {
        name: "icmp type",
        least: 0,
        most: 255,
        middle: 8,
        with: |packet, value| Packet {
            icmp: [byte(value), packet.icmp[1]],
            ..packet
        },
        packets: with_icmp,
    },
    Component {
        name: "icmp code",
        least: 0,
        most: 255,
        middle: 3,
        with: |packet, value| Packet {
            icmp: [packet.icmp[0], byte(value)],
            ..packet
        },
        packets: with_icmp,
    },
    Component {
        name: "length",
        // No shorter packet is whole, and no longer one goes through.
        least: 48,
        most: 1_400,
        middle: 600,
        with: |packet, value| {
            let bare = Packet {
                payload: Vec::new(),
                ..packet.clone()
            };
            let payload = vec![0x5a; usize::try_from(value).unwrap() - bare.bytes().len()];
            Packet { payload, ..packet }
        },
        packets: || of(number::UDP),
    },
    Component {
        name: "dscp",
        least: 0,
        most: 63,
        middle: 10,
        with: |packet, value| Packet {
            dscp: byte(value),
            ..packet
        },
        packets: || of(number::UDP),
    },
    Component {
        name: "label",
        least: 0,
        most: 0xf_ffff,
        middle: 77,
        with: |packet, value| Packet {
            label: value,
            ..packet
        },
        packets: || vec![v6()],
    },
];

#[test]
fn every_operator_of_every_component_matches_what_it_names_and_nothing_else() {
    if skipped() {
        return;
    }
    let mut judge = Judge::new();
    for component in &COMPONENTS {
        let Component { name, with, .. } = component;
        for value in [component.least, component.middle, component.most] {
            let neighbours = [
                (value > component.least).then(|| value - 1),
                Some(value),
                (value < component.most).then(|| value + 1),
            ];
            for (operator, expected) in OPERATORS {
                judge.rule(&compared(name, operator, value));
                for packet in (component.packets)() {
                    for (value, expected) in neighbours.iter().zip(expected) {
                        if let Some(value) = value {
                            judge.expect(&with(packet.clone(), *value), expected);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_list_of_operators_is_read_to_its_end_and_and_binds_tighter_than_or() {
    if skipped() {
        return;
    }
    let mut judge = Judge::new();
    for component in &COMPONENTS {
        for (list, expected) in LISTS {
            let mut text = list.to_owned();
            for (name, value) in ["{-2}", "{-1}", "{0}", "{+1}", "{+2}"]
                .into_iter()
                .zip(component.middle - 2..)
            {
                text = text.replace(name, &value.to_string());
            }
            judge.rule(&format!("{} {text}", component.name));
            for packet in (component.packets)() {
                for (value, expected) in (component.middle - 2..).zip(expected) {
                    judge.expect(&(component.with)(packet.clone(), value), expected);
                }
            }
        }
    }
}

#[test]
fn every_component_looks_through_every_wrapping() {
    if skipped() {
        return;
    }
    let mut judge = Judge::new();
    for component in &COMPONENTS {
        let Component { name, middle, .. } = component;
        // The same number of bytes is another number with options, so the length is asked for as a range.
        let (operators, other) = match *name {
            "length" => (format!("{}..{}", middle - 40, middle + 40), middle + 200),
            _ => (format!("= {middle}"), middle + 1),
        };
        judge.rule(&format!("{name} {operators}"));
        for packet in (component.packets)() {
            for (value, expected) in [(*middle, true), (other, false)] {
                judge.expect_everywhere(&(component.with)(packet.clone(), value), expected);
            }
        }
    }
    for (matching, hit, miss) in [
        (
            "dst 192.0.2.9/32",
            v4(),
            Packet::new("203.0.113.7", "192.0.2.10"),
        ),
        (
            "src 203.0.113.0/24",
            v4(),
            Packet::new("203.0.112.7", "192.0.2.9"),
        ),
        (
            "dst 2001:db8:7::/48",
            v6(),
            Packet::new("2001:db8:1::7", "2001:db8:8::9"),
        ),
        (
            "src 2001:db8:1::7/128",
            v6(),
            Packet::new("2001:db8:1::8", "2001:db8:7::9"),
        ),
        ("tcp flags syn,!ack", syn(0x02), syn(0x12)),
        (
            "fragment is-fragment",
            later(v4(), number::UDP, Piece::Middle),
            v4(),
        ),
    ] {
        judge.rule(matching);
        judge.expect_everywhere(&hit, true);
        judge.expect_everywhere(&miss, false);
    }
}

fn syn(flags: u16) -> Packet {
    Packet {
        protocol: number::TCP,
        flags,
        ..v4()
    }
}

/// A fragment other than the first.
pub(super) fn later(packet: Packet, protocol: u8, piece: Piece) -> Packet {
    Packet {
        protocol,
        piece,
        ..packet
    }
}

#[test]
fn a_prefix_covers_its_addresses_and_not_those_beside_it() {
    const OUTSIDE: [&str; 2] = ["198.18.0.1", "2620:fe::1"];
    if skipped() {
        return;
    }
    let mut judge = Judge::new();
    for (prefix, inside, beside) in [
        (
            "192.0.2.9/32",
            &["192.0.2.9"][..],
            &["192.0.2.8", "192.0.2.10"][..],
        ),
        (
            "192.0.2.8/31",
            &["192.0.2.8", "192.0.2.9"],
            &["192.0.2.7", "192.0.2.10"],
        ),
        (
            "192.0.2.0/24",
            &["192.0.2.0", "192.0.2.255"],
            &["192.0.1.255", "192.0.3.0"],
        ),
        (
            "192.0.32.0/20",
            &["192.0.32.0", "192.0.47.255"],
            &["192.0.31.255", "192.0.48.0"],
        ),
        (
            "192.0.0.0/9",
            &["192.0.0.1", "192.127.255.255"],
            &["191.255.255.255", "192.128.0.0"],
        ),
        ("0.0.0.0/0", &["1.0.0.1", "223.255.255.255"], &[]),
        (
            "2001:db8:7::9/128",
            &["2001:db8:7::9"],
            &["2001:db8:7::8", "2001:db8:7::a"],
        ),
        (
            "2001:db8:7:8::/61",
            &["2001:db8:7:8::", "2001:db8:7:f:ffff:ffff:ffff:ffff"],
            &["2001:db8:7:7:ffff:ffff:ffff:ffff", "2001:db8:7:10::"],
        ),
        (
            "2001:db8:7::40/122",
            &["2001:db8:7::40", "2001:db8:7::7f"],
            &["2001:db8:7::3f", "2001:db8:7::80"],
        ),
        (
            "2001:db8::/32",
            &["2001:db8::1", "2001:db8:ffff:ffff::1"],
            &["2001:db7:ffff::1", "2001:db9::"],
        ),
        ("::/0", &["2000::1", "3fff:ffff::1"], &[]),
    ] {
        let is_v6 = prefix.contains(':');
        let other = OUTSIDE[usize::from(is_v6)];
        for (component, is_source) in [("dst", false), ("src", true)] {
            judge.rule(&format!("{component} {prefix}"));
            let packet = |address: &str| {
                if is_source {
                    Packet::new(address, other)
                } else {
                    Packet::new(other, address)
                }
            };
            for address in inside {
                judge.expect(&packet(address), true);
            }
            for address in beside {
                judge.expect(&packet(address), false);
            }
            // The other end is not asked about, nor the other family.
            if let Some(address) = inside.first().filter(|_| !beside.is_empty()) {
                let turned = packet(address);
                let turned = Packet {
                    source: turned.destination,
                    destination: turned.source,
                    ..turned
                };
                judge.expect(&turned, false);
            }
            judge.expect(&if is_v6 { v4() } else { v6() }, false);
        }
    }
}

#[test]
fn a_port_of_either_end_is_one_of_them() {
    if skipped() {
        return;
    }
    let mut judge = Judge::new();
    for (list, ports, expected) in [
        ("= 53", [53, 9], true),
        ("= 53", [9, 53], true),
        ("= 53", [9, 10], false),
        ("!= 53", [53, 53], false),
        ("!= 53", [53, 9], true),
        // One port has to satisfy all of it.
        (">= 50 && <= 60", [49, 61], false),
        (">= 50 && <= 60", [61, 55], true),
        ("< 50 || > 60", [55, 61], true),
    ] {
        judge.rule(&format!("port {list}"));
        for packet in with_ports() {
            judge.expect(&Packet { ports, ..packet }, expected);
        }
    }
    for (matching, ports, expected) in [
        ("dport = 53", [53, 9], false),
        ("sport = 53", [9, 53], false),
        ("dport = 53 sport = 9", [9, 53], true),
        ("dport = 53 sport = 9", [53, 9], false),
        ("port = 53 sport = 9", [9, 53], true),
        ("port = 53 dport = 53", [9, 53], true),
    ] {
        judge.rule(matching);
        for packet in with_ports() {
            judge.expect(&Packet { ports, ..packet }, expected);
        }
    }
}
