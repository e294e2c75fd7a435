//! IPv4: options, fragments, headers that contradict themselves.

use filter_common::{
    packet::{Classified, protocol},
    policy::Policy,
    verdict::Reason,
};

use super::{
    DESTINATION_6, NO_PORTS, PORTS, SOURCE_6, TRANSPORT, classify, ethernet, ip, ipv4, ipv6, odd,
    ports,
};

#[test]
fn ipv4_options_of_every_length() {
    for words in 0..16u8 {
        let frame = ethernet(&[], 0x0800, &ipv4(words, 0, protocol::TCP, &TRANSPORT));
        let packet = ip(&frame);
        if words < 5 {
            // The addresses are judged all the same; what follows is unknown.
            assert_eq!(odd(&frame), [Policy::BadIpHeader]);
            assert_eq!((packet.protocol(), ports(&packet)), (None, NO_PORTS));
        } else {
            assert_eq!(odd(&frame).contains(&Policy::Ipv4Options), words > 5);
            assert_eq!(
                (packet.protocol(), ports(&packet)),
                (Some(6), PORTS),
                "{words}"
            );
        }
    }
}

#[test]
fn ipv4_headers_that_contradict_themselves() {
    let good = ipv4(6, 0, protocol::TCP, &TRANSPORT);
    let mut total = good.clone();
    total[2..4].copy_from_slice(&23u16.to_be_bytes());
    let frame = ethernet(&[], 0x0800, &total);
    let packet = ip(&frame);
    assert_eq!(odd(&frame), [Policy::BadLength]);
    assert_eq!((packet.protocol(), ports(&packet)), (None, NO_PORTS));
    for version in (0..16).filter(|version| *version != 4) {
        let mut other = good.clone();
        other[0] = version << 4 | 6;
        let frame = ethernet(&[], 0x0800, &other);
        assert_eq!(
            classify(&frame[..]),
            Classified::stopped(Reason::Policy(Policy::BadIpHeader))
        );
    }
    let mut v6 = ipv6(protocol::UDP, 64, (SOURCE_6, DESTINATION_6), &TRANSPORT);
    v6[0] = 0x45;
    let frame = ethernet(&[], 0x86dd, &v6);
    assert_eq!(
        classify(&frame[..]),
        Classified::stopped(Reason::Policy(Policy::BadIpHeader))
    );
}

#[test]
fn only_first_fragments_have_ports() {
    let dont_fragment = 0x4000;
    let more = 0x2000;
    for (field, expected) in [
        (0, PORTS),
        (dont_fragment, PORTS),
        (more, PORTS),
        // The reserved bit.
        (0x8000, PORTS),
        (1, NO_PORTS),
        (more | 1, NO_PORTS),
        (dont_fragment | 1, NO_PORTS),
        (0x1fff, NO_PORTS),
        (0x1000, NO_PORTS),
    ] {
        let frame = ethernet(&[], 0x0800, &ipv4(7, field, protocol::UDP, &TRANSPORT));
        let packet = ip(&frame);
        assert_eq!(ports(&packet), expected, "{field:x}");
        assert_eq!(packet.protocol(), Some(17));
        let fragmented = field & 0x3fff != 0;
        assert_eq!(odd(&frame).contains(&Policy::Fragment), fragmented);
    }
}

#[test]
fn only_some_protocols_have_ports() {
    for number in 0..=255u8 {
        let with = [6, 17, 33, 132, 136].contains(&number);
        let frame = ethernet(&[], 0x0800, &ipv4(5, 0, number, &TRANSPORT));
        let packet = ip(&frame);
        assert_eq!(
            ports(&packet),
            if with { PORTS } else { NO_PORTS },
            "{number}"
        );
        assert_eq!(packet.protocol(), Some(number));
        let unknown = (148..=252).contains(&number) || number == 255;
        assert_eq!(odd(&frame).contains(&Policy::UnknownNextHeader), unknown);
    }
}

/// A header with these options, which the builder fills up with 0xff.
fn with_options(options: &[u8]) -> Vec<u8> {
    let words = u8::try_from(5 + options.len().div_ceil(4)).expect("at most 40 bytes");
    let mut packet = ipv4(words, 0, protocol::UDP, &TRANSPORT);
    packet[20..20 + options.len()].copy_from_slice(options);
    ethernet(&[], 0x0800, &packet)
}

#[test]
fn a_source_route_is_found_behind_any_options() {
    const ROUTE: [u8; 7] = [131, 7, 4, 192, 0, 2, 1];
    let strict = [137, 7, 4, 192, 0, 2, 1];
    let router_alert = [148, 4, 0, 0];
    let timestamp = [68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for before in [
        &[][..],
        &[1],
        &[1; 33],
        &router_alert,
        &timestamp,
        &[router_alert.as_slice(), &[1, 1, 1], &timestamp].concat(),
    ] {
        for route in [ROUTE, strict] {
            let frame = with_options(&[before, &route].concat());
            assert!(
                odd(&frame).contains(&Policy::Ipv4SourceRoute),
                "{frame:02x?}"
            );
        }
    }
    for options in [
        &[0, 131, 7, 4][..],
        &router_alert,
        // The bytes of a source route inside another option.
        &[68, 8, 5, 0, 131, 7, 4, 1],
        // An option whose length cannot be: no router can follow it.
        &[30, 1, 131, 7],
        &[30, 0, 131, 7],
        &[1; 40],
    ] {
        let frame = with_options(options);
        let odd = odd(&frame);
        assert!(odd.contains(&Policy::Ipv4Options), "{frame:02x?}");
        assert!(!odd.contains(&Policy::Ipv4SourceRoute), "{frame:02x?}");
    }
}

#[test]
fn land_is_not_the_echo_of_bidirectional_forwarding_detection() {
    let echo = |ttl: u8, port: u16, protocol: u8| {
        let [high, low] = port.to_be_bytes();
        let segment = [0xc0, 0, high, low, 0, 12, 0, 0, 1, 2, 3, 4];
        let mut packet = ipv4(5, 0, protocol, &segment);
        packet[8] = ttl;
        packet.copy_within(12..16, 16);
        ethernet(&[], 0x0800, &packet)
    };
    let is_land = |frame: &[u8]| odd(frame).contains(&Policy::Land);
    for ttl in [254, 255] {
        assert!(!is_land(&echo(ttl, 3785, protocol::UDP)));
        assert!(is_land(&echo(ttl, 3784, protocol::UDP)));
        assert!(is_land(&echo(ttl, 3785, protocol::TCP)));
    }
    assert!(is_land(&echo(253, 3785, protocol::UDP)));
}
