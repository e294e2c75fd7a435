//! Oddities of IP headers and their extensions.

use filter_common::policy::Policy::{
    BadIpHeader, BadLength, ExtensionLimit, ExtensionOrder, Ipv4Options, Ipv4SourceRoute,
    RoutingHeader0, TtlZero, UnknownNextHeader,
};

use super::{QUIET, Table};
use crate::support::packet::{Extension, Frame, V4, V6, link::ethertype, number};

pub(super) fn add(table: &mut Table) {
    versions(table);
    lengths(table);
    fields(table);
    routes(table);
    chains(table);
}

fn versions(table: &mut Table) {
    for ihl in 0..5 {
        let header = V4 {
            ihl: Some(ihl),
            ..table.v4(QUIET)
        };
        let name = format!("{ihl} words");
        table.packet4(BadIpHeader, &name, &header, &[0; 32], &[BadIpHeader]);
    }
    let five = V4 {
        ihl: Some(5),
        ..table.v4(QUIET)
    };
    table.packet4(BadIpHeader, "5 words", &five, &[0; 32], &[]);
    for version in (0..16).filter(|version| *version != 4) {
        let header = V4 {
            version,
            ..table.v4(QUIET)
        };
        let frame = Frame::new(ethertype::IPV4, header.packet(&[0; 32]));
        table.frame(
            BadIpHeader,
            &format!("version {version}"),
            &frame,
            &[BadIpHeader],
        );
    }
    for version in (0..16).filter(|version| *version != 6) {
        let header = V6 {
            version,
            ..table.v6(QUIET)
        };
        let frame = Frame::new(ethertype::IPV6, header.packet(&[0; 32]));
        table.frame(
            BadIpHeader,
            &format!("version {version}, v6"),
            &frame,
            &[BadIpHeader],
        );
    }
    let six = table.v6(QUIET);
    table.packet6(BadIpHeader, "version 6", &six, &[0; 32], &[]);
}

fn lengths(table: &mut Table) {
    for (total, odd) in [
        (0, true),
        (19, true),
        (20, false),
        (52, false),
        (53, true),
        (65_535, true),
    ] {
        let header = V4 {
            total_length: Some(total),
            ..table.v4(QUIET)
        };
        let odd: &[_] = if odd { &[BadLength] } else { &[] };
        table.packet4(BadLength, &format!("{total} bytes"), &header, &[0; 32], odd);
    }
    // Less than a header with options.
    let header = V4 {
        total_length: Some(23),
        ..table.v4(QUIET).header_words(6)
    };
    table.packet4(
        BadLength,
        "within the options",
        &header,
        &[0; 32],
        &[BadLength],
    );
    for (payload, odd) in [(0, false), (32, false), (33, true), (65_535, true)] {
        let header = V6 {
            payload_length: Some(payload),
            ..table.v6(QUIET)
        };
        let odd: &[_] = if odd { &[BadLength] } else { &[] };
        table.packet6(
            BadLength,
            &format!("{payload} bytes"),
            &header,
            &[0; 32],
            odd,
        );
    }
    let jumbogram = V6 {
        payload_length: Some(0),
        ..table.v6(QUIET).chain(vec![Extension::hop_by_hop(0)])
    };
    table.packet6(BadLength, "a jumbogram", &jumbogram, &[0; 32], &[]);
}

fn fields(table: &mut Table) {
    for ttl in [0, 1, 255] {
        let odd: &[_] = if ttl == 0 { &[TtlZero] } else { &[] };
        let header = V4 {
            ttl,
            ..table.v4(QUIET)
        };
        table.packet4(TtlZero, &format!("{ttl} hops"), &header, &[0; 32], odd);
        let header = V6 {
            hop_limit: ttl,
            ..table.v6(QUIET)
        };
        table.packet6(TtlZero, &format!("{ttl} hops"), &header, &[0; 32], odd);
    }
    for words in 5..=15 {
        let odd: &[_] = if words > 5 { &[Ipv4Options] } else { &[] };
        let header = table.v4(QUIET).header_words(words);
        table.packet4(
            Ipv4Options,
            &format!("{words} words"),
            &header,
            &[0; 32],
            odd,
        );
    }
    let alert = V4 {
        options: vec![0x94, 4, 0, 0],
        ..table.v4(number::IGMP)
    };
    table.packet4(
        Ipv4Options,
        "router alert",
        &alert,
        &[0; 32],
        &[Ipv4Options],
    );
    for protocol in [147, 148, 200, 252, 253, 254, 255] {
        let odd: &[_] = if matches!(protocol, 147 | 253 | 254) {
            &[]
        } else {
            &[UnknownNextHeader]
        };
        let name = format!("protocol {protocol}");
        table.packet4(UnknownNextHeader, &name, &table.v4(protocol), &[0; 32], odd);
        table.packet6(UnknownNextHeader, &name, &table.v6(protocol), &[0; 32], odd);
        let behind = table.v6(protocol).chain(vec![Extension::destination(0)]);
        table.packet6(UnknownNextHeader, &name, &behind, &[0; 32], odd);
    }
}

fn routes(table: &mut Table) {
    const LOOSE: [u8; 7] = [131, 7, 4, 192, 31, 196, 9];
    const STRICT: [u8; 7] = [137, 7, 4, 192, 31, 196, 9];
    // A recorded route in which a source route's number is an address.
    let recorded = [7, 11, 12, 131, 7, 4, 1, 137, 7, 4, 1];
    let stamped = [68, 12, 13, 0, 131, 7, 4, 1, 137, 7, 4, 1];
    let alert = [0x94, 4, 0, 0];
    let long = [&[131, 39, 4][..], &[9; 36]].concat();
    for (name, options, odd) in [
        ("loose", LOOSE.to_vec(), true),
        ("strict", STRICT.to_vec(), true),
        ("the longest", long, true),
        ("behind no operation", [&[1; 3][..], &LOOSE].concat(), true),
        ("at the end", [&[1; 33][..], &STRICT].concat(), true),
        ("behind an alert", [&alert[..], &STRICT].concat(), true),
        (
            "behind a recorded route",
            [&recorded[..], &LOOSE].concat(),
            true,
        ),
        ("behind a time stamp", [&stamped[..], &LOOSE].concat(), true),
        ("full", [&[131, 3, 4][..], &[0]].concat(), true),
        ("a recorded route", recorded.to_vec(), false),
        ("a time stamp", stamped.to_vec(), false),
        ("an alert", alert.to_vec(), false),
        ("no operation", vec![1; 40], false),
        ("behind the end", [&[1, 0][..], &LOOSE].concat(), false),
        (
            "behind a length of 0",
            [&[30, 0][..], &LOOSE].concat(),
            false,
        ),
        (
            "behind a length of 1",
            [&[30, 1][..], &LOOSE].concat(),
            false,
        ),
        ("a number less", vec![130, 3, 4, 0], false),
        ("a number without the copied flag", vec![3, 3, 4, 0], false),
    ] {
        let mut header = table.v4(QUIET);
        header.options = options;
        let length = header.options.len().next_multiple_of(4);
        header.options.resize(length, 0);
        let odd = if odd {
            &[Ipv4Options, Ipv4SourceRoute][..]
        } else {
            &[Ipv4Options]
        };
        table.packet4(Ipv4SourceRoute, name, &header, &[131; 32], odd);
    }
    let bare = table.v4(QUIET);
    table.packet4(Ipv4SourceRoute, "in the payload", &bare, &[131; 32], &[]);
}

fn chains(table: &mut Table) {
    use Extension as E;
    let atomic = || E::fragment(0, false, 0);
    let routing = |kind| vec![E::routing_of_type(kind)];
    for (policy, name, chain, odd) in [
        (ExtensionLimit, "nine", vec![E::destination(0); 9], true),
        (ExtensionLimit, "thirty", vec![E::destination(0); 30], true),
        (ExtensionLimit, "eight", vec![E::destination(0); 8], false),
        (
            ExtensionOrder,
            "hop-by-hop second",
            vec![E::destination(0), E::hop_by_hop(0)],
            true,
        ),
        (
            ExtensionOrder,
            "hop-by-hop twice",
            vec![E::hop_by_hop(0), E::hop_by_hop(0)],
            true,
        ),
        (
            ExtensionOrder,
            "two fragment headers",
            vec![atomic(), atomic()],
            true,
        ),
        (
            ExtensionOrder,
            "hop-by-hop first",
            vec![E::hop_by_hop(0)],
            false,
        ),
        (
            ExtensionOrder,
            "the recommended order",
            vec![
                E::hop_by_hop(0),
                E::destination(0),
                E::routing(0),
                atomic(),
                E::authentication(3),
                E::destination(0),
            ],
            false,
        ),
        (RoutingHeader0, "type 0", routing(0), true),
        (
            RoutingHeader0,
            "type 0 behind others",
            [vec![E::hop_by_hop(0), E::destination(0)], routing(0)].concat(),
            true,
        ),
        (RoutingHeader0, "type 2", routing(2), false),
        (RoutingHeader0, "type 3", routing(3), false),
        (RoutingHeader0, "type 4", routing(4), false),
        (
            RoutingHeader0,
            "another header",
            vec![E::destination(0)],
            false,
        ),
    ] {
        let header = table.v6(QUIET).chain(chain);
        let odd: &[_] = if odd { &[policy] } else { &[] };
        table.packet6(policy, name, &header, &[0; 32], odd);
    }
}
