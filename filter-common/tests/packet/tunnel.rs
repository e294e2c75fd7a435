//! Packets inside packets, where that is asked for.

use filter_common::{
    packet::{Classified, Flow, Packet, protocol},
    policy::Policy,
    settings::Tunnels,
};

use super::{
    DESTINATION_6, PORTS, SOURCE_6, TRANSPORT, chained, ethernet, fragment, ipv4, ipv6, ports,
};

const OUTER_6: ([u8; 16], [u8; 16]) = ([0x20; 16], [0x21; 16]);

fn opened(frame: &[u8], tunnels: Tunnels) -> Packet {
    match filter_common::packet::classify(frame, tunnels).content() {
        Classified::Ip(packet) => packet,
        other @ Classified::Stopped(_) => panic!("{other:?}"),
    }
}

fn inner(frame: &[u8], tunnels: Tunnels) -> Option<Flow> {
    opened(frame, tunnels).inner().copied()
}

fn v4() -> Vec<u8> {
    ipv4(6, 0, protocol::TCP, &TRANSPORT)
}

fn v6() -> Vec<u8> {
    ipv6(protocol::UDP, 64, (SOURCE_6, DESTINATION_6), &TRANSPORT)
}

fn in_v4(number: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = ipv4(5, 0, number, payload);
    packet[12..20].copy_from_slice(&[1, 1, 1, 1, 2, 2, 2, 2]);
    ethernet(&[], 0x0800, &packet)
}

fn in_v6(number: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(&[], 0x86dd, &ipv6(number, 64, OUTER_6, payload))
}

/// GRE with these flags and as many words behind its first.
fn gre(flags: u16, words: usize, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = [flags.to_be_bytes(), ethertype.to_be_bytes()].concat();
    bytes.extend(vec![0x77; words * 4]);
    bytes.extend(payload);
    bytes
}

#[test]
fn each_kind_is_opened_where_it_is_asked_for_and_only_there() {
    for (kind, frame) in [
        (Tunnels::IPIP, in_v4(4, &v4())),
        (Tunnels::SIX_IN_FOUR, in_v4(41, &v6())),
        (Tunnels::FOUR_IN_SIX, in_v6(4, &v4())),
        (Tunnels::SIX_IN_SIX, in_v6(41, &v6())),
        (Tunnels::GRE, in_v4(47, &gre(0, 0, 0x0800, &v4()))),
        (Tunnels::GRE, in_v6(47, &gre(0x2000, 1, 0x86dd, &v6()))),
        (Tunnels::GRE, in_v4(47, &gre(0xb000, 3, 0x86dd, &v6()))),
        // Redirected by either version of WCCP.
        (Tunnels::GRE, in_v4(47, &gre(0, 0, 0x883e, &v4()))),
        (Tunnels::GRE, in_v4(47, &gre(0, 1, 0x883e, &v4()))),
        (Tunnels::GRE, in_v6(47, &gre(0, 1, 0x883e, &v6()))),
    ] {
        for tunnels in [kind, Tunnels::ALL] {
            let flow = inner(&frame, tunnels).expect("opened");
            assert_eq!(ports(&flow), PORTS);
        }
        let others = Tunnels::from_bits(Tunnels::ALL.to_bits() & !kind.to_bits());
        assert_eq!(inner(&frame, others), None);
    }
}

#[test]
fn one_level_is_opened() {
    let twice = ipv4(5, 0, 4, &v4());
    let flow = inner(&in_v4(4, &twice), Tunnels::ALL).expect("opened");
    assert_eq!(flow.protocol(), Some(4));
}

/// Who fragments a tunnel packet must not hide what it carries: the first fragment shows it, and without
/// that one there is nothing to reassemble.
#[test]
fn the_first_fragment_of_a_tunnel_packet_is_opened() {
    let more = 0x2000;
    let mut packet = ipv4(5, more, 4, &v4());
    packet[12..20].copy_from_slice(&[1, 1, 1, 1, 2, 2, 2, 2]);
    let frame = ethernet(&[], 0x0800, &packet);
    assert_eq!(ports(&inner(&frame, Tunnels::IPIP).expect("opened")), PORTS);
    let frame = chained(&[fragment(0, true)], 41, &v6());
    let flow = inner(&frame, Tunnels::SIX_IN_SIX).expect("opened");
    assert_eq!(ports(&flow), PORTS);
    let later = ipv4(5, 185, 4, &v4());
    let frame = ethernet(&[], 0x0800, &later);
    assert_eq!(inner(&frame, Tunnels::ALL), None);
}

#[test]
fn a_tunnel_that_cannot_be_opened_is_odd() {
    for frame in [
        in_v4(4, &v4()[..19]),
        in_v4(4, &v6()),
        in_v4(41, &v6()[..39]),
        in_v4(47, &[0, 0, 8]),
        // Behind the outer packet comes padding, and no inner header.
        [in_v4(4, &v4()[..16]), vec![0; 10]].concat(),
        [in_v6(41, &v6()[..32]), v6()[32..].to_vec()].concat(),
        [in_v4(47, &gre(0, 0, 0x0800, &v4()[..12])), vec![0; 10]].concat(),
        // Source routes of RFC 1701.
        in_v4(47, &gre(0x4000, 4, 0x0800, &v4())),
    ] {
        let packet = opened(&frame, Tunnels::ALL);
        assert!(packet.odd.has(Policy::TunnelUnread), "{frame:02x?}");
        assert!(packet.inner().is_none());
        assert!(!opened(&frame, Tunnels::NONE).odd.has(Policy::TunnelUnread));
    }
    // PPTP, and a protocol that is not IP.
    for payload in [gre(0x2001, 1, 0x880b, &v4()), gre(0, 0, 0x6558, &v4())] {
        let packet = opened(&in_v4(47, &payload), Tunnels::ALL);
        assert!(!packet.odd.has(Policy::TunnelUnread));
        assert!(packet.inner().is_none());
    }
}
