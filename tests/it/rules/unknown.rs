//! What a packet does not have, or what cannot be found in it, matches no operator.

use super::{
    Judge, Packet, Piece,
    components::{OPERATORS, compared, later, of, v4, v6, with_ports},
};
use crate::support::{
    packet::{Extension, V6, link::ethertype, number},
    skipped,
};

/// Whatever the operator: what is not there satisfies none, not even `true` or `!=`.
#[test]
fn what_a_packet_does_not_have_matches_no_operator() {
    if skipped() {
        return;
    }
    let mut judge = Judge::new();
    let later = |protocols: &[u8]| {
        let each = |protocol: &u8| {
            let both = [v4(), v6()].map(|packet| {
                [Piece::Middle, Piece::Last].map(|piece| later(packet.clone(), *protocol, piece))
            });
            both.concat()
        };
        protocols.iter().flat_map(each).collect::<Vec<_>>()
    };
    let transport = [number::TCP, number::UDP];
    let other = [
        number::SCTP,
        number::DCCP,
        number::UDP_LITE,
        number::ICMP,
        number::OSPF,
    ];
    let no_ports = || [later(&transport), other.map(of).concat()].concat();
    let icmp = [number::ICMP, number::ICMPV6];
    // ICMP in IPv6 and ICMPv6 in IPv4 are others than those that are meant.
    let crossed = || {
        vec![
            of(number::ICMPV6).swap_remove(0),
            of(number::ICMP).swap_remove(1),
        ]
    };
    let no_icmp = || [later(&icmp), crossed(), with_ports()].concat();
    for (name, value, without) in [
        ("port", 1_000, no_ports()),
        ("dport", 1_000, no_ports()),
        ("sport", 1_000, no_ports()),
        ("icmp type", 8, no_icmp()),
        ("icmp code", 3, no_icmp()),
        ("label", 77, vec![v4()]),
    ] {
        for (operator, _) in OPERATORS {
            judge.rule(&compared(name, operator, value));
            for packet in &without {
                // The bytes where the field would be say the very value.
                let packet = Packet {
                    ports: [1_000; 2],
                    icmp: [8, 3],
                    ..packet.clone()
                };
                judge.expect(&packet, false);
            }
        }
    }
    for test in ["any(syn)", "all(syn)", "none(syn)", "!all(syn)"] {
        judge.rule(&format!("tcp flags {test}"));
        for flags in [0x00, 0x02, 0xfff] {
            for packet in [later(&[number::TCP]), of(number::UDP), of(number::SCTP)].concat() {
                judge.expect(&Packet { flags, ..packet }, false);
            }
        }
    }
}

/// The chain of extension headers goes on behind the end of the packet.
#[test]
fn a_protocol_that_cannot_be_found_matches_no_operator() {
    if skipped() {
        return;
    }
    let mut judge = Judge::new();
    let [source, destination] = ["2001:db8:1::7", "2001:db8:7::9"].map(|end| end.parse().unwrap());
    let mut packet = V6::new(source, destination, number::UDP)
        .chain(vec![Extension::destination(0)])
        .packet(&[]);
    packet.truncate(40);
    packet[4..6].fill(0);
    for (operator, _) in OPERATORS {
        let matching = compared("proto", operator, 17);
        judge.raw(&matching, ethertype::IPV6, &packet, false);
    }
    judge.raw("dst 2001:db8:7::9/128", ethertype::IPV6, &packet, true);
}
