//! Link types, and what the parser of the data path makes of their frames.

use filter_common::{
    packet::{Classified, classify},
    policy::Policy,
    settings::Tunnels,
    verdict::Reason,
};

use super::*;

/// An IPv4 packet from 192.0.2.1 to port 53 of 198.51.100.2.
fn ipv4() -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend([192, 0, 2, 1, 198, 51, 100, 2]);
    packet.extend([0x12, 0x34, 0, 53, 0, 8, 0, 0]);
    packet
}

/// An IPv6 packet to port 53.
fn ipv6() -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 8, 17, 64];
    packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    packet.extend([0x12, 0x34, 0, 53, 0, 8, 0, 0]);
    packet
}

fn with(head: &[u8], packet: &[u8]) -> Vec<u8> {
    [head, packet].concat()
}

/// The record that such a frame becomes, `captured` bytes of it kept.
fn mapped(link: u32, frame: &[u8], captured: usize) -> Owned {
    let original = u32::try_from(frame.len()).unwrap();
    let file = Bytes::pcap(ByteOrder::Little, MICROSECONDS, 4, link);
    let file = file.record([0, 0], &frame[..captured], original);
    sound(&file.bytes).remove(0)
}

/// What the parser says of it: the destination port, or the number of the reason that stopped it.
fn opened(frame: &[u8]) -> Result<Option<u16>, u32> {
    match classify(frame, Tunnels::NONE).content() {
        Classified::Ip(packet) => Ok(packet.outer.destination_port()),
        Classified::Stopped(stop) => Err(stop.number()),
    }
}

fn policy(policy: Policy) -> Result<Option<u16>, u32> {
    Err(Reason::Policy(policy).number())
}

fn reason(reason: Reason) -> Result<Option<u16>, u32> {
    Err(reason.number())
}

/// Each header, before IPv4 and IPv6, under its link type; and what the length grows by.
fn headers() -> Vec<(u32, [Vec<u8>; 2], isize)> {
    let sll = |ethertype: u16| {
        let header = Bytes::new(ByteOrder::Big).u16(0).u16(1).u16(6).u64(0);
        header.u16(ethertype).bytes
    };
    let sll2 = |ethertype: u16| {
        let header = Bytes::new(ByteOrder::Big).u16(ethertype).u16(0).u32(2);
        header.u16(1).raw(&[0, 6]).u64(0).bytes
    };
    let ethernet = |ethertype: u16| {
        let header = Bytes::new(ByteOrder::Big).raw(&[2; 12]);
        header.u16(ethertype).bytes
    };
    let both = |header: &dyn Fn(u16) -> Vec<u8>| [header(0x0800), header(0x86dd)];
    let family = |v6| [vec![2, 0, 0, 0], vec![v6, 0, 0, 0]];
    let swapped = |v6| [vec![0, 0, 0, 2], vec![0, 0, 0, v6]];
    let ppp = |head: &[u8]| [with(head, &[0, 0x21]), with(head, &[0, 0x57])];
    let cisco = |address| [vec![address, 0, 8, 0], vec![address, 0, 0x86, 0xdd]];
    let none = [vec![], vec![]];
    vec![
        (1, both(&ethernet), 0),
        (101, none.clone(), 14),
        (12, none.clone(), 14),
        (14, none, 14),
        (0, family(24), 10),
        (0, swapped(28), 10),
        (0, family(30), 10),
        (108, swapped(10), 10),
        (108, family(24), 10),
        (9, ppp(&[]), 20),
        (9, ppp(&[0xff, 3]), 18),
        (50, ppp(&[0xff, 3]), 18),
        (50, ppp(&[]), 20),
        (50, cisco(0x8f), 10),
        (51, ppp(&[0x11, 0, 0, 1, 0, 30]), 14),
        (104, cisco(0x0f), 10),
        (113, both(&sll), -2),
        (276, both(&sll2), -6),
    ]
}

#[test]
fn the_parser_opens_what_every_link_type_carries() {
    for (link, [before_ipv4, before_ipv6], grows) in headers() {
        for frame in [with(&before_ipv4, &ipv4()), with(&before_ipv6, &ipv6())] {
            let record = mapped(link, &frame, frame.len());
            assert_eq!(opened(&record.frame), Ok(Some(53)), "{link}: {frame:02x?}");
            assert_eq!(record.link.number(), link);
            assert_eq!(record.length, record.frame.len(), "{link}");
            let length = frame.len().checked_add_signed(grows);
            assert_eq!(Some(record.length), length, "{link}: {frame:02x?}");
        }
    }
    let record = mapped(228, &ipv4(), 28);
    assert_eq!(opened(&record.frame), Ok(Some(53)));
    let record = mapped(229, &ipv6(), 48);
    assert_eq!(opened(&record.frame), Ok(Some(53)));
}

#[test]
fn a_frame_cut_anywhere_stays_a_cut_frame() {
    for (link, [before, _], _) in headers() {
        let frame = with(&before, &ipv4());
        let whole = mapped(link, &frame, frame.len());
        for captured in 0..frame.len() {
            let record = mapped(link, &frame, captured);
            assert!(record.length > record.frame.len(), "{link}, {captured}");
            let is_prefix = whole.frame.starts_with(&record.frame);
            // Before it is known to be there, the address field of PPP is not taken off.
            let is_address = [9, 50].contains(&link) && captured < 4;
            assert!(is_prefix || is_address, "{link}, {captured}");
            if is_prefix {
                assert_eq!(record.length, whole.length, "{link}, {captured}");
            }
            if captured < before.len() + 20 {
                let expected = policy(Policy::Truncated);
                assert_eq!(opened(&record.frame), expected, "{link}, {captured}");
            }
        }
    }
}

#[test]
fn a_frame_too_short_for_its_link_header_is_a_short_frame() {
    for (link, frame) in [(101, 0), (0, 3), (104, 3), (113, 15), (276, 19), (51, 1)] {
        let record = mapped(link, &vec![0; frame], frame);
        assert_eq!(record.frame, [0; 12], "{link}");
        assert_eq!(record.length, 12, "{link}");
        assert_eq!(opened(&record.frame), policy(Policy::Truncated));
    }
}

#[test]
fn what_is_no_ip_is_not_taken_for_it() {
    let sll = |hardware: u16, protocol: u16, payload: &[u8]| {
        let header = Bytes::new(ByteOrder::Big).u16(0).u16(hardware).u16(6);
        with(&header.u64(0).u16(protocol).bytes, payload)
    };
    let stp: &[u8] = &[0x42, 0x42, 3, 0, 0, 0, 0, 0];
    let other = policy(Policy::OtherEthertype);
    let cases = [
        (101, with(&[0x50], &ipv4()[1..]), other),
        (0, with(&[7, 0, 0, 0], &ipv4()), other),
        (
            228,
            with(&[0x60], &ipv4()[1..]),
            policy(Policy::BadIpHeader),
        ),
        (
            229,
            with(&[0x45], &ipv6()[1..]),
            policy(Policy::BadIpHeader),
        ),
        (9, vec![0xc0, 0x21, 1, 1, 0, 4], reason(Reason::PppControl)),
        (
            51,
            vec![0x11, 0x09, 0, 0, 0, 0],
            reason(Reason::PppoeDiscovery),
        ),
        (104, with(&[0x0f, 0, 0x20, 0], &[0; 20]), other),
        (104, with(&[0x0f, 0, 0, 8], &ipv4()), other),
        (113, sll(1, 0x0806, &[0; 28]), reason(Reason::Arp)),
        (113, sll(1, 4, stp), reason(Reason::Llc)),
        (113, sll(1, 4, &[0; 4_000]), reason(Reason::Llc)),
        (113, sll(824, 0x0800, &ipv4()), other),
        (113, sll(803, 0x0800, &ipv4()), other),
    ];
    for (link, frame, expected) in cases {
        let record = mapped(link, &frame, frame.len());
        assert_eq!(opened(&record.frame), expected, "{link}: {frame:02x?}");
    }
}

#[test]
fn tags_behind_a_cooked_header_are_opened() {
    let header = Bytes::new(ByteOrder::Big).u16(0).u16(1).u16(6).u64(0);
    let header = header.u16(0x8100).u16(7).u16(0x0800);
    let frame = with(&header.bytes, &ipv4());
    let record = mapped(113, &frame, frame.len());
    assert_eq!(classify(&record.frame[..], Tunnels::NONE).vlan, 7);
    assert_eq!(opened(&record.frame), Ok(Some(53)));
}

#[test]
fn a_ppp_frame_says_its_length_as_pppoe_does() {
    let frame = with(&[0xff, 3, 0, 0x21], &ipv4());
    let record = mapped(9, &frame, 10);
    assert_eq!(
        record.frame[12..20],
        [0x88, 0x64, 0x11, 0, 0, 0, 0, 30],
        "the length on the wire"
    );
    let record = mapped(9, &vec![0; 70_000], 70_000);
    assert_eq!(record.frame[18..20], [0xff, 0xff]);
    assert_eq!(record.length, 70_020);
}

#[test]
fn an_fcs_is_no_part_of_a_mapped_frame() {
    let frame = with(&[0x0f, 0, 8, 0], &ipv4());
    let file = Bytes::pcap(ByteOrder::Little, MICROSECONDS, 4, 0x1400_0068);
    let file = file.record([0, 0], &with(&frame, b"fc"), 34);
    let record = sound(&file.bytes).remove(0);
    assert_eq!(record.length, 14 + 28);
    assert!(record.frame.ends_with(&ipv4()));
}

#[test]
fn other_link_types_are_refused_by_number_and_name() {
    for (link, name) in [
        (105, "link type 105 (IEEE802_11): expected"),
        (189, "link type 189 (USB_LINUX): expected"),
        (253, "link type 253 (NETLINK): expected"),
        (999, "link type 999: expected"),
    ] {
        let file = Bytes::pcap(ByteOrder::Little, MICROSECONDS, 4, link);
        let (_, error) = broken(&file.bytes);
        assert!(error.contains(name), "{error}");
    }
}
