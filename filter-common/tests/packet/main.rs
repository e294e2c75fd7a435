//! The packet parser, on frames made by hand and on frames made by chance.

mod ipv4;
mod ipv6;
mod tunnel;
mod wrapped;

use filter_common::{
    address::{Address, Family},
    limits::{HEADER_WINDOW, VLAN_TAGS_MAX},
    packet::{Classified, Flow, Packet, protocol},
    policy::Policy,
    settings::Tunnels,
    verdict::Reason,
};
use proptest::{collection::vec, prelude::*, sample::select};

const SOURCE_4: [u8; 4] = [198, 51, 100, 7];
const DESTINATION_4: [u8; 4] = [203, 0, 113, 9];
const SOURCE_6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const DESTINATION_6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
/// Ports 1234 and 443, and more of a transport header.
const TRANSPORT: [u8; 12] = [0x04, 0xd2, 0x01, 0xbb, 1, 2, 3, 4, 5, 6, 7, 8];
const PORTS: (Option<u16>, Option<u16>) = (Some(1234), Some(443));
const NO_PORTS: (Option<u16>, Option<u16>) = (None, None);

/// A frame of an EtherType behind tags.
fn ethernet(tags: &[u16], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    for tag in tags {
        frame.extend(tag.to_be_bytes());
        frame.extend([0x60, 100]);
    }
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

/// An IPv4 packet with as many words of header, options of arbitrary bytes included.
fn ipv4(words: u8, fragment: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x40 | words, 0];
    let length = usize::from(words) * 4 + payload.len();
    packet.extend(u16::try_from(length).expect("a short packet").to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0]);
    packet.extend(SOURCE_4);
    packet.extend(DESTINATION_4);
    packet.resize(usize::from(words.max(5)) * 4, 0xff);
    packet.extend(payload);
    packet
}

fn ipv6(next: u8, hop_limit: u8, ends: ([u8; 16], [u8; 16]), payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend(
        u16::try_from(payload.len())
            .expect("a short packet")
            .to_be_bytes(),
    );
    packet.extend([next, hop_limit]);
    packet.extend(ends.0);
    packet.extend(ends.1);
    packet.extend(payload);
    packet
}

/// An IPv6 packet whose chain is `headers`, each with its own number, up to `last`.
fn chained(headers: &[(u8, Vec<u8>)], last: u8, payload: &[u8]) -> Vec<u8> {
    let numbers = headers.iter().map(|(number, _)| *number).chain([last]);
    let mut numbers = numbers.collect::<Vec<_>>().into_iter();
    let first = numbers.next().expect("at least the last");
    let mut bytes = Vec::new();
    for ((_, header), next) in headers.iter().zip(numbers) {
        bytes.push(next);
        bytes.extend(&header[1..]);
    }
    bytes.extend(payload);
    let packet = ipv6(first, 64, (SOURCE_6, DESTINATION_6), &bytes);
    ethernet(&[], 0x86dd, &packet)
}

/// A header of the ordinary kind, `units` of 8 bytes long.
fn options(number: u8, units: u8) -> (u8, Vec<u8>) {
    let mut header = vec![0xee; usize::from(units) * 8];
    header[1] = units - 1;
    (number, header)
}

fn fragment(offset: u16, more: bool) -> (u8, Vec<u8>) {
    let [high, low] = (offset << 3 | u16::from(more)).to_be_bytes();
    // The second byte is reserved. A parser that takes it for a length would jump by 2 KiB.
    (protocol::FRAGMENT, vec![0, 0xff, high, low, 9, 9, 9, 9])
}

fn classify(frame: &[u8]) -> Classified {
    filter_common::packet::classify(frame, Tunnels::NONE).content()
}

fn packet(frame: &[u8]) -> Packet {
    match classify(frame) {
        Classified::Ip(packet) => packet,
        other @ Classified::Stopped(_) => panic!("{other:?}: {frame:02x?}"),
    }
}

fn ip(frame: &[u8]) -> Flow {
    packet(frame).outer
}

/// What is odd about a packet, by number.
fn odd(frame: &[u8]) -> Vec<Policy> {
    packet(frame).odd.iter().collect()
}

/// Asserts the addresses of the constants, and returns the ports.
fn ports(packet: &Flow) -> (Option<u16>, Option<u16>) {
    let expected = match packet.family {
        Family::V4 => (Address::from_v4(SOURCE_4), Address::from_v4(DESTINATION_4)),
        Family::V6 => (Address::from_v6(SOURCE_6), Address::from_v6(DESTINATION_6)),
    };
    assert_eq!((packet.source, packet.destination), expected);
    (packet.source_port(), packet.destination_port())
}

#[test]
fn up_to_four_tags_are_opened() {
    let v4 = ipv4(5, 0, protocol::TCP, &TRANSPORT);
    let v6 = ipv6(protocol::UDP, 64, (SOURCE_6, DESTINATION_6), &TRANSPORT);
    let kinds = [0x8100, 0x88a8, 0x9100, 0x9200];
    let mut stacks: Vec<Vec<u16>> = vec![vec![]];
    for outer in kinds {
        stacks.push(vec![outer]);
        stacks.extend(kinds.map(|inner| vec![outer, inner]));
    }
    for tags in stacks {
        let packet = ip(&ethernet(&tags, 0x0800, &v4));
        assert_eq!(
            (packet.family, ports(&packet)),
            (Family::V4, PORTS),
            "{tags:x?}"
        );
        assert_eq!(packet.protocol(), Some(protocol::TCP));
        let packet = ip(&ethernet(&tags, 0x86dd, &v6));
        assert_eq!(
            (packet.family, ports(&packet)),
            (Family::V6, PORTS),
            "{tags:x?}"
        );
        assert_eq!(packet.protocol(), Some(protocol::UDP));
        for third in kinds {
            let tags: Vec<u16> = tags.iter().copied().chain([third]).collect();
            let frame = ethernet(&tags, 0x0800, &v4);
            assert_eq!(ports(&ip(&frame)), PORTS, "{tags:x?}");
            let tags = [&tags[..], &[0x8100; VLAN_TAGS_MAX]].concat();
            let frame = ethernet(&tags, 0x0800, &v4);
            let expected = Classified::stopped(Reason::Policy(Policy::TooManyTags));
            assert_eq!(classify(&frame), expected, "{tags:x?}");
        }
    }
}

/// Receivers skip priority tags, as many as there are, up to one that names a VLAN.
#[test]
fn the_vlan_is_that_of_the_first_tag_that_names_one() {
    for (ids, expected) in [
        (&[][..], 0),
        (&[0], 0),
        (&[0, 0, 0], 0),
        (&[7], 7),
        (&[0, 7], 7),
        (&[0, 0, 7, 8], 7),
        (&[7, 0, 8], 7),
    ] {
        let mut frame = ethernet(&vec![0x8100; ids.len()], 0x0800, &ipv4(5, 0, 6, &TRANSPORT));
        for (depth, id) in ids.iter().enumerate() {
            frame[15 + depth * 4] = *id;
        }
        let opened = filter_common::packet::classify(&frame[..], Tunnels::NONE);
        assert_eq!(opened.vlan, expected, "{ids:?}");
    }
}

#[test]
fn frames_of_the_link_are_named() {
    for (ethertype, expected) in [
        (0x0806, Reason::Arp),
        (0x88cc, Reason::Lldp),
        (0x8809, Reason::SlowProtocol),
        (0x8863, Reason::PppoeDiscovery),
        (0x0000, Reason::Llc),
        (1500, Reason::Llc),
        (0x88f7, Reason::LinkControl),
        (0x888e, Reason::LinkControl),
    ] {
        for tags in [&[][..], &[0x8100], &[0x88a8, 0x8100]] {
            let frame = ethernet(tags, ethertype, &[0; 46]);
            assert_eq!(
                classify(&frame[..]),
                Classified::stopped(expected),
                "{ethertype:x}"
            );
        }
    }
}

/// What a frame that is cut after so many bytes may be taken for.
fn check_cuts(frame: &[u8], addresses_end: usize, ports_end: usize) {
    let whole = ip(frame);
    for length in 0..=frame.len() {
        match classify(&frame[..length]) {
            Classified::Ip(packet) => {
                assert!(length >= addresses_end, "{length}");
                assert_eq!(packet.outer.source, whole.source);
                assert_eq!(packet.outer.destination, whole.destination);
                assert_eq!(packet.odd.has(Policy::BadLength), length < frame.len());
                if length < ports_end {
                    let cut = [Policy::TruncatedTransport, Policy::TinyFragment];
                    assert!(cut.iter().any(|cut| packet.odd.has(*cut)), "{length}");
                    assert_eq!(packet.outer.source_port(), None);
                    assert_eq!(packet.outer.destination_port(), None);
                } else {
                    assert_eq!(packet.outer, whole);
                }
            }
            other @ Classified::Stopped(_) => {
                assert_eq!(
                    other,
                    Classified::stopped(Reason::Policy(Policy::Truncated))
                );
                assert!(length < addresses_end, "{length}");
            }
        }
    }
}

#[test]
fn frames_cut_at_every_length() {
    for tags in [&[][..], &[0x8100], &[0x88a8, 0x8100]] {
        let begin = 14 + 4 * tags.len();
        for words in 5..16 {
            let packet = ipv4(words, 0, protocol::UDP, &TRANSPORT);
            let ports_end = begin + usize::from(words) * 4 + 4;
            check_cuts(&ethernet(tags, 0x0800, &packet), begin + 20, ports_end);
        }
        let packet = ipv6(protocol::TCP, 64, (SOURCE_6, DESTINATION_6), &TRANSPORT);
        check_cuts(&ethernet(tags, 0x86dd, &packet), begin + 40, begin + 44);
    }
    let chain = [
        options(protocol::HOP_BY_HOP, 3),
        fragment(0, true),
        options(protocol::DESTINATION_OPTIONS, 1),
    ];
    check_cuts(
        &chained(&chain, protocol::UDP, &TRANSPORT),
        54,
        54 + 24 + 8 + 8 + 4,
    );
}

#[test]
fn what_lies_past_the_window_is_absent() {
    // Ethernet, IPv6 and the ports; the window ends with the ports, or one unit before.
    let units = (HEADER_WINDOW - 14 - 40 - 4) / 8;
    let header = |units| {
        [options(
            protocol::DESTINATION_OPTIONS,
            u8::try_from(units).expect("few"),
        )]
    };
    let inside = chained(
        &header(units),
        protocol::UDP,
        &[&TRANSPORT[..], &[0; 600]].concat(),
    );
    assert_eq!(ports(&ip(&inside)), PORTS);
    let outside = chained(
        &header(units + 1),
        protocol::UDP,
        &[&TRANSPORT[..], &[0; 600]].concat(),
    );
    let packet = ip(&outside);
    assert_eq!(odd(&outside), [Policy::TruncatedTransport]);
    assert_eq!((packet.protocol(), ports(&packet)), (Some(17), NO_PORTS));
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_no_fault(bytes in vec(any::<u8>(), 0..700)) {
        let _ = classify(&bytes[..]);
    }

    #[test]
    fn arbitrary_packets_are_no_fault(
        tags in vec(select(vec![0x8100u16, 0x88a8]), 0..4),
        v6 in any::<bool>(),
        numbers in vec(select(vec![0u8, 6, 17, 43, 44, 50, 51, 58, 60, 135, 139, 140]), 1..14),
        mut bytes in vec(any::<u8>(), 0..300),
    ) {
        // Next-header fields where short headers would have them.
        for (at, number) in numbers.iter().enumerate() {
            if let Some(byte) = bytes.get_mut(40 + 8 * at) {
                *byte = *number;
            }
        }
        if let Some(byte) = bytes.first_mut() {
            *byte = if v6 { 0x60 } else { 0x40 | *byte & 15 };
        }
        if let Some(byte) = bytes.get_mut(6).filter(|_| v6) {
            *byte = numbers[0];
        }
        let frame = ethernet(&tags, if v6 { 0x86dd } else { 0x0800 }, &bytes);
        if let Classified::Ip(packet) = classify(&frame[..]) {
            let packet = packet.outer;
            // Ports are known only with the protocol that has them, and always both.
            prop_assert_eq!(packet.source_port().is_some(), packet.destination_port().is_some());
            if packet.source_port().is_some() {
                prop_assert!(packet.protocol().is_some_and(protocol::has_ports));
            }
        }
    }

    #[test]
    fn what_follows_the_headers_changes_nothing(
        v6 in any::<bool>(),
        protocol in any::<u8>().prop_filter("an extension", |p| ![0, 43, 44, 51, 60, 135, 139, 140].contains(p)),
        payload in vec(any::<u8>(), 12..100),
        more in vec(any::<u8>(), 0..600),
    ) {
        let packet = if v6 {
            ipv6(protocol, 64, (SOURCE_6, DESTINATION_6), &payload)
        } else {
            ipv4(5, 0, protocol, &payload)
        };
        let short = ethernet(&[], if v6 { 0x86dd } else { 0x0800 }, &packet);
        let long = [&short[..], &more].concat();
        prop_assert_eq!(classify(&short[..]), classify(&long[..]));
    }
}
