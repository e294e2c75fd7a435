//! Oddities of ports, lengths, messages and tunnels.

use filter_common::policy::Policy::{
    self, BadUdpLength, IcmpOversize, PortZero, TruncatedTransport, TunnelUnread,
};

use super::{QUIET, Table};
use crate::support::packet::{Extension, Flow, Tcp, Tunnel, V6, number, tcp, tunnel::Gre};

pub(super) fn add(table: &mut Table) {
    cut(table);
    ports(table);
    datagrams(table);
    messages(table);
    tunnels(table);
}

fn cut(table: &mut Table) {
    for flow in table.flows() {
        for (protocol, needs) in [
            (number::UDP, 8),
            (number::TCP, 20),
            (number::SCTP, 4),
            (number::DCCP, 4),
            (number::UDP_LITE, 4),
        ] {
            let flow = flow.protocol(protocol);
            let segment = match protocol {
                number::TCP => Tcp::new(tcp::ACK).segment(&flow, &[]),
                number::UDP => flow.segment(&[]),
                _ => flow.segment(&[0; 20]),
            };
            for length in 0..=needs {
                let odd: &[_] = if length < needs {
                    &[TruncatedTransport]
                } else {
                    &[]
                };
                let name = format!("{length} bytes of {protocol}");
                table.segment(TruncatedTransport, &name, &flow, &segment[..length], odd);
            }
        }
        let quiet = flow.protocol(QUIET);
        table.segment(TruncatedTransport, "no ports", &quiet, &[], &[]);
    }
    let [_, flow] = table.flows();
    for (name, words, odd) in [
        ("past the window", 63, true),
        ("within the window", 50, false),
    ] {
        let header = table
            .v6(number::UDP)
            .chain(vec![Extension::destination(words)]);
        let odd: &[_] = if odd { &[TruncatedTransport] } else { &[] };
        table.packet6(
            TruncatedTransport,
            name,
            &header,
            &flow.segment(&[0; 40]),
            odd,
        );
    }
    // The packet ends inside the chain, though the frame does not.
    let header = V6 {
        payload_length: Some(8),
        ..table.v6(QUIET).chain(vec![Extension::destination(1)])
    };
    table.packet6(
        TruncatedTransport,
        "a cut chain",
        &header,
        &[0; 40],
        &[TruncatedTransport],
    );
}

fn ports(table: &mut Table) {
    for flow in table.flows() {
        for protocol in number::WITH_PORTS {
            for (ports, odd) in [
                ([0, 4_000], true),
                ([40_000, 0], true),
                ([0, 0], true),
                ([1, 1], false),
                ([0x0100, 0x0100], false),
                ([65_535, 65_535], false),
            ] {
                let flow = Flow {
                    protocol,
                    ports,
                    ..flow
                };
                let segment = match protocol {
                    number::TCP => Tcp::new(tcp::ACK).segment(&flow, &[]),
                    _ => flow.segment(&[0; 20]),
                };
                let odd: &[_] = if odd { &[PortZero] } else { &[] };
                let name = format!("{ports:?} of {protocol}");
                table.segment(PortZero, &name, &flow, &segment, odd);
            }
        }
        let quiet = flow.protocol(QUIET);
        table.segment(PortZero, "no ports", &quiet, &[0; 20], &[]);
    }
}

fn datagrams(table: &mut Table) {
    for flow in table.flows() {
        for (length, odd) in [
            (0_u16, true),
            (7, true),
            (8, false),
            (27, false),
            (28, false),
            (29, true),
            (65_535, true),
        ] {
            let mut segment = flow.segment(&[0; 20]);
            segment[4..6].copy_from_slice(&length.to_be_bytes());
            let odd: &[_] = if odd { &[BadUdpLength] } else { &[] };
            table.segment(
                BadUdpLength,
                &format!("{length} bytes"),
                &flow,
                &segment,
                odd,
            );
        }
    }
    // A first fragment holds less than its datagram.
    let [flow, _] = table.flows();
    let segment = flow.segment(&[0; 2_000]);
    let header = table.v4(number::UDP).fragment(0, true);
    let odd = [Policy::Fragment];
    table.packet4(BadUdpLength, "in fragments", &header, &segment[..800], &odd);
}

fn messages(table: &mut Table) {
    for (flow, protocol) in table
        .flows()
        .into_iter()
        .zip([number::ICMP, number::ICMPV6])
    {
        let flow = flow.protocol(protocol);
        for (length, odd) in [(8, false), (1_480, false), (1_481, true), (8_000, true)] {
            let odd: &[_] = if odd { &[IcmpOversize] } else { &[] };
            let segment = flow.segment(&vec![0; length - 8]);
            table.segment(
                IcmpOversize,
                &format!("{length} bytes"),
                &flow,
                &segment,
                odd,
            );
        }
        let other = flow.protocol(QUIET);
        table.segment(IcmpOversize, "no ICMP", &other, &[0; 1_481], &[]);
    }
}

fn tunnels(table: &mut Table) {
    let inner = table.flows().map(|flow| flow.packet(&[0; 20]));
    let routed = Tunnel::Gre(Gre {
        routing: true,
        ..Gre::default()
    });
    let other = Tunnel::Gre(Gre {
        kind: Some(0x6558),
        ..Gre::default()
    });
    let version = Tunnel::Gre(Gre {
        version: 1,
        kind: Some(0x880b),
        ..Gre::default()
    });
    let odd = &[TunnelUnread][..];
    for packet in &inner {
        let header = if packet[0] >> 4 == 4 { 20 } else { 40 };
        for tunnel in Tunnel::all() {
            put(table, "whole", &tunnel, packet, &[]);
            put(table, "cut", &tunnel, &packet[..header - 1], odd);
            put(
                table,
                "no more than addresses",
                &tunnel,
                &packet[..header],
                &[],
            );
        }
        put(table, "source routes", &routed, packet, odd);
        put(table, "another payload", &other, packet, &[]);
        put(table, "another version", &version, packet, &[]);
        let mut wrong = packet.clone();
        wrong[0] = 0x50;
        let gre = Tunnel::Gre(Gre::default());
        put(table, "a wrong version", &gre, &wrong, odd);
    }
    let [four, six] = &inner;
    for flow in table.flows() {
        for (protocol, packet) in [(number::IPV4, six), (number::IPV6, four)] {
            let flow = flow.protocol(protocol);
            table.segment(TunnelUnread, "of the other version", &flow, packet, odd);
        }
        let cut = flow.protocol(number::GRE);
        table.segment(TunnelUnread, "three bytes of GRE", &cut, &[0, 0, 8], odd);
    }
}

fn put(table: &mut Table, name: &str, tunnel: &Tunnel, packet: &[u8], odd: &[Policy]) {
    let (protocol, segment) = tunnel.segment(packet);
    let name = format!("{name}, {tunnel:?}");
    table.packet4(TunnelUnread, &name, &table.v4(protocol), &segment, odd);
    table.packet6(TunnelUnread, &name, &table.v6(protocol), &segment, odd);
}
