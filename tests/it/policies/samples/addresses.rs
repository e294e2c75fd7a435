//! Oddities of addresses.

use filter_common::policy::Policy::{self, BogonSource, Land, MartianDestination, MartianSource};

use super::Table;
use crate::support::packet::{Extension, Flow, V4, V6, number, transport::icmpv6};

pub(super) fn add(table: &mut Table) {
    land(table);
    echoes(table);
    sources(table);
    destinations(table);
    first_words(table);
}

fn flow(from: &str, to: &str) -> Flow {
    Flow::udp(from, to, [40_000, 4_000])
}

fn put(table: &mut Table, policy: Policy, from: &str, to: &str, odd: &[Policy]) {
    let flow = flow(from, to);
    let name = format!("{from} to {to}");
    table.segment(policy, &name, &flow, &flow.segment(&[0; 20]), odd);
}

fn land(table: &mut Table) {
    for family in 0..2 {
        let [from, to] = [table.from[family], table.to[family]];
        put(table, Land, from, from, &[Land]);
        put(table, Land, to, to, &[Land]);
        put(table, Land, from, to, &[]);
    }
    for [from, to] in [
        ["192.52.193.0", "192.52.193.1"],
        ["64.52.193.1", "192.52.193.1"],
        ["2001:4:112::", "2001:4:112::1"],
        ["2001:4:113::1", "2001:4:112::1"],
        ["2001:4:112:1::1", "2001:4:112::1"],
    ] {
        put(table, Land, from, to, &[]);
    }
}

/// BFD echo packets are addressed to their sender (RFC 5881, 4), who is one hop away.
fn echoes(table: &mut Table) {
    let sender = table.from;
    for (name, protocol, ports, hops, odd) in [
        ("as sent", number::UDP, [49_152, 3785], 255, false),
        ("looped", number::UDP, [49_152, 3785], 254, false),
        ("from afar", number::UDP, [49_152, 3785], 253, true),
        ("another port", number::UDP, [49_152, 3784], 255, true),
        ("the port behind", number::UDP, [49_152, 3786], 255, true),
        ("the source's port", number::UDP, [3785, 49_152], 255, true),
        (
            "another protocol",
            number::UDP_LITE,
            [49_152, 3785],
            255,
            true,
        ),
    ] {
        let odd: &[_] = if odd { &[Land] } else { &[] };
        let name = format!("BFD echo, {name}");
        let flow =
            |family: usize| Flow::udp(sender[family], sender[family], ports).protocol(protocol);
        let end = sender[0].parse().unwrap();
        let mut header = V4::new(end, end, protocol);
        header.ttl = hops;
        table.packet4(Land, &name, &header, &flow(0).segment(&[0; 24]), odd);
        let end = sender[1].parse().unwrap();
        let mut header = V6::new(end, end, protocol);
        header.hop_limit = hops;
        table.packet6(Land, &name, &header, &flow(1).segment(&[0; 24]), odd);
    }
    // A later fragment has no port.
    let end = sender[0].parse().unwrap();
    let mut header = V4::new(end, end, number::UDP).fragment(2, false);
    header.ttl = 255;
    let segment = flow(sender[0], sender[0]).segment(&[0; 24]);
    table.packet4(
        Land,
        "a later fragment",
        &header,
        &segment,
        &[Land, Policy::Fragment],
    );
}

fn sources(table: &mut Table) {
    use Policy::{BogonSource as Bogon, MartianSource as Martian};
    let [to4, to6] = table.to;
    for from in [
        "0.0.0.0",
        "0.1.2.3",
        "0.255.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.254",
        "255.255.255.255",
    ] {
        put(table, Martian, from, to4, &[Martian]);
    }
    for from in ["1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255"] {
        put(table, Martian, from, to4, &[]);
    }
    for from in ["::", "::1", "::ffff:192.31.196.7", "ff02::1", "ff0e::1"] {
        put(table, Martian, from, to6, &[Martian]);
    }
    for from in ["::1:0:0:0", "2002::1", "64:ff9b::1", "feff::1"] {
        // The last lies beside multicast, in space that was once site-local.
        let odd: &[_] = if from == "feff::1" { &[Bogon] } else { &[] };
        put(table, Martian, from, to6, odd);
    }
    for from in [
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "169.254.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.255",
    ] {
        put(table, Bogon, from, to4, &[Bogon]);
    }
    for from in [
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.0.9",
        "192.0.1.1",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "203.0.114.0",
    ] {
        put(table, Bogon, from, to4, &[]);
    }
    for from in [
        "::2",
        "64:ff9b:1::1",
        "100::1",
        "2001:2::1",
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fdff::1",
        "fe80::1",
        "febf::1",
    ] {
        put(table, Bogon, from, to6, &[Bogon]);
    }
    for from in ["2001:db9::1", "3fff:1000::1", "5f01::1", "fbff::1"] {
        put(table, Bogon, from, to6, &[]);
    }
}

fn destinations(table: &mut Table) {
    let [from4, from6] = table.from;
    for (from, to, odd) in [
        (from4, "0.0.0.0", true),
        (from4, "127.0.0.1", true),
        (from4, "240.0.0.1", true),
        (from4, "255.255.255.254", true),
        (from4, "255.255.255.255", false),
        (from4, "224.0.0.5", false),
        (from4, "239.1.1.1", false),
        (from4, "10.0.0.1", false),
        (from6, "::", true),
        (from6, "::1", true),
        (from6, "::ffff:127.0.0.1", true),
        (from6, "ff02::5", false),
        (from6, "ff0e::1", false),
        (from6, "fe80::1", false),
        (from6, "2001:db8::1", false),
    ] {
        let odd: &[_] = if odd { &[MartianDestination] } else { &[] };
        put(table, MartianDestination, from, to, odd);
    }
}

/// What hosts without an address, and hosts on one link, say to groups and to each other.
fn first_words(table: &mut Table) {
    for to in ["255.255.255.255", "224.0.0.22"] {
        put(table, MartianSource, "0.0.0.0", to, &[]);
    }
    put(
        table,
        MartianSource,
        "0.0.0.1",
        "255.255.255.255",
        &[MartianSource],
    );
    put(
        table,
        MartianSource,
        "127.0.0.1",
        "224.0.0.22",
        &[MartianSource],
    );
    put(
        table,
        MartianSource,
        "0.0.0.0",
        "127.0.0.1",
        &[MartianSource, MartianDestination],
    );
    let [none, routers] = ["::", "ff02::16"].map(|address| address.parse().unwrap());
    let mut header = V6::new(none, routers, number::ICMPV6).chain(vec![Extension::router_alert()]);
    header.hop_limit = 1;
    let report = icmpv6(
        &flow("::", "ff02::16").protocol(number::ICMPV6),
        143,
        0,
        &[0; 8],
    );
    table.packet6(
        MartianSource,
        "a listener report from ::",
        &header,
        &report,
        &[],
    );
    for to in ["ff02::5", "ff0e::1", "fe80::2"] {
        put(table, BogonSource, "fe80::1", to, &[]);
    }
    let global = table.to[1];
    put(table, BogonSource, "fe80::1", global, &[BogonSource]);
    put(table, BogonSource, "fd00::1", "ff02::5", &[BogonSource]);
    put(table, BogonSource, "10.0.0.1", "224.0.0.5", &[BogonSource]);
}
