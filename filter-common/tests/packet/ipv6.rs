//! IPv6: chains of extension headers, fragments, neighbour discovery.

use filter_common::{
    limits::IPV6_EXTENSIONS_MAX,
    packet::{Classified, protocol},
    policy::Policy,
    verdict::Reason,
};

use super::{
    DESTINATION_6, NO_PORTS, PORTS, SOURCE_6, TRANSPORT, chained, classify, ethernet, fragment, ip,
    ipv6, odd, options, ports,
};

#[test]
fn ipv6_chains_are_followed() {
    let ordinary = [
        protocol::HOP_BY_HOP,
        protocol::ROUTING,
        protocol::DESTINATION_OPTIONS,
        protocol::MOBILITY,
        protocol::HIP,
        protocol::SHIM6,
    ];
    for number in ordinary {
        for units in [1, 2, 7] {
            let packet = ip(&chained(
                &[options(number, units)],
                protocol::TCP,
                &TRANSPORT,
            ));
            assert_eq!(ports(&packet), PORTS, "{number} of {units}");
            assert_eq!(packet.protocol(), Some(6));
        }
    }
    let all: Vec<_> = ordinary.map(|number| options(number, 1)).into();
    assert_eq!(ports(&ip(&chained(&all, protocol::UDP, &TRANSPORT))), PORTS);
}

#[test]
fn the_authentication_header_counts_in_words() {
    // RFC 4302: the length in words of 4 bytes, less 2.
    for field in 1..10u8 {
        let mut header = vec![0xee; (usize::from(field) + 2) * 4];
        header[1] = field;
        let chain = [(protocol::AUTHENTICATION, header)];
        let packet = ip(&chained(&chain, protocol::TCP, &TRANSPORT));
        assert_eq!(
            (packet.protocol(), ports(&packet)),
            (Some(6), PORTS),
            "{field}"
        );
    }
}

#[test]
fn the_reserved_byte_of_a_fragment_header_is_no_length() {
    let packet = ip(&chained(&[fragment(0, true)], protocol::UDP, &TRANSPORT));
    assert_eq!((packet.protocol(), ports(&packet)), (Some(17), PORTS));
    // An atomic fragment (RFC 6946), with headers around it.
    let chain = [
        options(protocol::HOP_BY_HOP, 1),
        fragment(0, false),
        options(protocol::DESTINATION_OPTIONS, 2),
    ];
    let packet = ip(&chained(&chain, protocol::TCP, &TRANSPORT));
    assert_eq!((packet.protocol(), ports(&packet)), (Some(6), PORTS));
}

#[test]
fn later_ipv6_fragments_have_no_ports() {
    for offset in [1, 0x1fff, 0x1000] {
        for more in [false, true] {
            let frame = chained(&[fragment(offset, more)], protocol::UDP, &TRANSPORT);
            let packet = ip(&frame);
            assert_eq!((packet.protocol(), ports(&packet)), (Some(17), NO_PORTS));
            let odd = odd(&frame);
            assert!(odd.contains(&Policy::Fragment));
            assert_eq!(odd.contains(&Policy::OverlappingFragment), offset == 1);
            // Twelve bytes are no multiple of eight, and past the end there is no room for them.
            let bad = more || offset == 0x1fff;
            assert_eq!(odd.contains(&Policy::BadFragment), bad, "{offset} {more}");
            // The payload begins with the rest of a chain that only the first fragment knows.
            let next = protocol::DESTINATION_OPTIONS;
            let packet = ip(&chained(&[fragment(offset, more)], next, &TRANSPORT));
            assert_eq!((packet.protocol(), ports(&packet)), (None, NO_PORTS));
        }
    }
}

#[test]
fn chains_longer_than_the_limit() {
    let chain = |length| vec![options(protocol::DESTINATION_OPTIONS, 1); length];
    let frame = chained(&chain(IPV6_EXTENSIONS_MAX), protocol::TCP, &TRANSPORT);
    assert_eq!(ports(&ip(&frame)), PORTS);
    assert!(!odd(&frame).contains(&Policy::ExtensionLimit));
    let frame = chained(&chain(IPV6_EXTENSIONS_MAX + 1), protocol::TCP, &TRANSPORT);
    let packet = ip(&frame);
    assert_eq!(odd(&frame), [Policy::ExtensionLimit]);
    assert_eq!((packet.protocol(), ports(&packet)), (None, NO_PORTS));
}

#[test]
fn chains_end_at_esp_and_at_no_next_header() {
    for last in [50, 59] {
        let packet = ip(&chained(&[options(protocol::ROUTING, 1)], last, &TRANSPORT));
        assert_eq!((packet.protocol(), ports(&packet)), (Some(last), NO_PORTS));
    }
}

#[test]
fn neighbor_discovery_stays_on_the_link() {
    const LINK_LOCAL: [u8; 16] = [0xfe, 0xbf, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    const SITE_LOCAL: [u8; 16] = [0xfe, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    const NODES: [u8; 16] = [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 2];
    const SITE_NODES: [u8; 16] = [0xff, 0x05, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let frame = |ends, hop_limit, kind, code| {
        let message = [kind, code, 0, 0, 0, 0, 0, 0];
        ethernet(
            &[],
            0x86dd,
            &ipv6(protocol::ICMPV6, hop_limit, ends, &message),
        )
    };
    let discovery = Classified::stopped(Reason::NeighborDiscovery);
    let is = |frame: Vec<u8>| classify(&frame[..]) == discovery;
    for ends in [
        (LINK_LOCAL, DESTINATION_6),
        (SOURCE_6, LINK_LOCAL),
        (SOURCE_6, NODES),
        ([0; 16], NODES),
    ] {
        for kind in 0..=255u8 {
            let expected = (133..=137).contains(&kind);
            assert_eq!(is(frame(ends, 255, kind, 0)), expected, "{kind}");
            assert!(!is(frame(ends, 254, kind, 0)), "forwarded: {kind}");
            assert!(!is(frame(ends, 255, kind, 1)), "code: {kind}");
        }
    }
    for ends in [
        (SOURCE_6, DESTINATION_6),
        (SITE_LOCAL, DESTINATION_6),
        (SOURCE_6, SITE_NODES),
    ] {
        assert!(!is(frame(ends, 255, 135, 0)), "routable: {ends:x?}");
    }
    // In a fragment it is not valid (RFC 6980), and a routing header sends it on.
    let message = [135, 0, 0, 0];
    let with = |chain: (u8, Vec<u8>)| {
        let (number, mut header) = chain;
        header[0] = protocol::ICMPV6;
        header.extend(message);
        ethernet(
            &[],
            0x86dd,
            &ipv6(number, 255, (LINK_LOCAL, NODES), &header),
        )
    };
    assert!(!is(with(fragment(0, false))));
    assert!(!is(with(options(protocol::ROUTING, 1))));
    assert!(!is(with(options(protocol::HOP_BY_HOP, 1))));
}
