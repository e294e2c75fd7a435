//! What the customers of a provider do.

use std::net::IpAddr;

use super::{
    HOST_4, HOST_6, PEER_4, PEER_6, Sample, control::with_options, header4, header6, hops4, hops6,
    message6, udp,
};
use crate::support::packet::{
    Extension, Flow, Frame, Tcp, Tunnel, link::ethertype, number, tcp, transport::icmp,
};

/// What passes with the default policies, whichever way it goes.
pub(crate) fn all() -> Vec<Sample> {
    let mut samples = datagrams();
    samples.extend(segments());
    samples.extend(fragments());
    samples.extend(messages());
    samples.extend(beginnings());
    samples.extend(tunnels());
    samples.extend(extensions());
    samples.extend(with_options());
    samples
}

fn both(name: &str, flows: [Flow; 2], payload: usize) -> [Sample; 2] {
    flows.map(|flow| {
        let family = if flow.source.is_ipv4() { "v4" } else { "v6" };
        Sample::flow(&format!("{name}, {family}"), &flow, payload)
    })
}

fn datagrams() -> Vec<Sample> {
    let mut samples = Vec::new();
    for (name, ports, payload) in [
        ("DNS question", [40_000, 53], 32),
        ("DNS answer", [53, 40_000], 480),
        ("an empty datagram", [40_000, 33_434], 0),
        ("QUIC", [50_000, 443], 1_232),
        ("IKE", [500, 500], 300),
        ("NAT traversal of IPsec", [4_500, 4_500], 120),
        ("its keepalive", [4_500, 4_500], 1),
        ("GTP-U", [2_152, 2_152], 100),
        ("L2TP", [1_701, 1_701], 60),
        ("a jumbo datagram", [40_000, 4_000], 8_900),
    ] {
        samples.extend(both(name, udp(ports), payload));
    }
    for (name, protocol) in [
        ("SCTP", number::SCTP),
        ("DCCP", number::DCCP),
        ("UDP-Lite", number::UDP_LITE),
        ("ESP", number::ESP),
    ] {
        let flows = udp([5_000, 5_001]).map(|flow| flow.protocol(protocol));
        samples.extend(both(name, flows, 60));
    }
    for (name, from) in [
        ("shared address space", "100.64.7.7"),
        ("private space", "10.1.2.3"),
        ("private space at home", "192.168.1.2"),
        ("link-local space", "169.254.1.2"),
    ] {
        samples.push(Sample::flow(
            name,
            &Flow::udp(from, PEER_4, [40_000, 53]),
            40,
        ));
    }
    for (name, to) in [("television", "239.1.1.1"), ("television, v6", "ff0e::101")] {
        let from = if to.contains(':') { HOST_6 } else { HOST_4 };
        samples.push(Sample::flow(
            name,
            &Flow::udp(from, to, [5_000, 5_000]),
            1_316,
        ));
    }
    samples
}

fn segments() -> Vec<Sample> {
    use tcp::{ACK, CWR, ECE, FIN, PSH, RST, SYN, SYN_OPTIONS, URG};
    let fast_open = [&SYN_OPTIONS[..], &tcp::FAST_OPEN].concat();
    let mut samples = Vec::new();
    for (name, header, payload) in [
        ("SYN", Tcp::new(SYN).options(&SYN_OPTIONS), 0),
        (
            "SYN with ECN",
            Tcp::new(SYN | ECE | CWR).options(&SYN_OPTIONS),
            0,
        ),
        ("SYN without options", Tcp::new(SYN), 0),
        (
            "SYN with data and a cookie",
            Tcp::new(SYN).options(&fast_open),
            300,
        ),
        ("SYN-ACK", Tcp::new(SYN | ACK).options(&SYN_OPTIONS), 0),
        (
            "SYN-ACK with data",
            Tcp::new(SYN | ACK).options(&SYN_OPTIONS),
            50,
        ),
        ("ACK", Tcp::new(ACK), 0),
        (
            "TLS hello",
            Tcp::new(ACK | PSH).options(&SYN_OPTIONS[4..16]),
            517,
        ),
        ("urgent data", Tcp::new(ACK | URG), 1),
        ("congestion echo", Tcp::new(ACK | ECE), 0),
        ("the longest header", Tcp::new(ACK).options(&[1; 40]), 0),
        ("FIN", Tcp::new(FIN | ACK), 0),
        ("FIN with the last data", Tcp::new(FIN | PSH | ACK), 20),
        ("RST", Tcp::new(RST), 0),
        ("RST-ACK", Tcp::new(RST | ACK), 0),
    ] {
        for flow in udp([50_000, 443]).map(|flow| flow.protocol(number::TCP)) {
            let segment = header.segment(&flow, &vec![0x5a; payload]);
            samples.push(of_flow(
                &format!("{name} from {}", flow.source),
                &flow,
                &segment,
            ));
        }
    }
    samples
}

/// A packet of a flow with its segment written by hand.
fn of_flow(name: &str, flow: &Flow, segment: &[u8]) -> Sample {
    let [from, to] = [flow.source, flow.destination].map(|end| end.to_string());
    match flow.source {
        IpAddr::V4(_) => Sample::v4(name, &header4(&from, &to, flow.protocol), segment),
        IpAddr::V6(_) => Sample::v6(name, &header6(&from, &to, flow.protocol), segment),
    }
}

/// A datagram of 4,000 bytes, and a ping as long, in fragments as routers and hosts make them.
fn fragments() -> Vec<Sample> {
    let mut samples = Vec::new();
    for protocol in [number::UDP, number::ICMP, number::ICMPV6, number::ESP] {
        for flow in udp([53, 40_000]).map(|flow| flow.protocol(protocol)) {
            if protocol == number::ICMP && flow.source.is_ipv6() {
                continue;
            }
            let segment = flow.segment(&[0x5a; 3_992]);
            let pieces = [(0, &segment[..1_480]), (185, &segment[1_480..2_960])];
            let last = (370, &segment[2_960..]);
            for (offset, piece) in pieces.into_iter().chain([last]) {
                let more = offset != 370;
                let name = format!("{protocol} from {}, fragment at {offset}", flow.source);
                samples.push(if flow.source.is_ipv4() {
                    let header = header4(HOST_4, PEER_4, protocol).fragment(offset, more);
                    Sample::v4(&name, &header, piece)
                } else {
                    let fragment = Extension::fragment(offset, more, 0);
                    let header = header6(HOST_6, PEER_6, protocol).chain(vec![fragment]);
                    Sample::v6(&name, &header, piece)
                });
            }
        }
    }
    let atomic = header6(HOST_6, PEER_6, number::UDP).chain(vec![Extension::fragment(0, false, 0)]);
    let [_, flow] = udp([53, 40_000]);
    samples.push(Sample::v6(
        "atomic fragment",
        &atomic,
        &flow.segment(&[0; 100]),
    ));
    samples
}

fn messages() -> Vec<Sample> {
    let quoted = Flow::udp(PEER_4, HOST_4, [40_000, 33_434]).packet(&[0; 24]);
    let quoted6 = Flow::udp(PEER_6, HOST_6, [40_000, 33_434]).packet(&[0; 24]);
    let mut samples = Vec::new();
    for (name, kind, code, second) in [
        ("ping", 8, 0, 0x1122_0001_u32),
        ("its answer", 0, 0, 0x1122_0001),
        ("time exceeded", 11, 0, 0),
        ("fragmentation needed", 3, 4, 1_400),
        ("port unreachable", 3, 3, 0),
    ] {
        let body = [&second.to_be_bytes()[..], &quoted].concat();
        let header = header4(HOST_4, PEER_4, number::ICMP);
        samples.push(Sample::v4(name, &header, &icmp(kind, code, &body)));
    }
    for (name, kind, second) in [
        ("ping, v6", 128, 0x1122_0001_u32),
        ("its answer, v6", 129, 0x1122_0001),
        ("time exceeded, v6", 3, 0),
        ("packet too big", 2, 1_280),
        ("unreachable, v6", 1, 0),
    ] {
        let body = [&second.to_be_bytes()[..], &quoted6].concat();
        let header = header6(HOST_6, PEER_6, number::ICMPV6);
        samples.push(Sample::v6(name, &header, &message6(&header, kind, &body)));
    }
    for ttl in [1, 2] {
        let [flow4, flow6] = udp([40_000, 33_434]);
        let header = hops4(header4(HOST_4, PEER_4, number::UDP), ttl);
        samples.push(Sample::v4("traceroute", &header, &flow4.segment(&[0; 32])));
        let header = hops6(header6(HOST_6, PEER_6, number::UDP), ttl);
        samples.push(Sample::v6(
            "traceroute, v6",
            &header,
            &flow6.segment(&[0; 32]),
        ));
    }
    samples
}

/// What hosts say that have no address yet.
fn beginnings() -> Vec<Sample> {
    let discover = Flow::udp("0.0.0.0", "255.255.255.255", [68, 67]);
    let offer = Flow::udp(PEER_4, "255.255.255.255", [67, 68]);
    let solicit = Flow::udp("fe80::7", "ff02::1:2", [546, 547]);
    let advertise = Flow::udp("fe80::1", "fe80::7", [547, 546]);
    [
        ("DHCP discover", discover),
        ("DHCP offer", offer),
        ("DHCPv6 solicit", solicit),
        ("DHCPv6 advertise", advertise),
    ]
    .into_iter()
    .map(|(name, flow)| Sample::flow(name, &flow, 300))
    .collect()
}

fn tunnels() -> Vec<Sample> {
    let mut samples = Vec::new();
    for inner in udp([50_000, 443]) {
        let packet = inner.packet(&[0x5a; 64]);
        for tunnel in Tunnel::all() {
            for (from, to) in [(HOST_4, PEER_4), (HOST_6, PEER_6)] {
                let name = format!("{tunnel:?} from {from} around {}", inner.source);
                let outer = tunnel.carry(from, to, &packet);
                let kind = if from.contains(':') {
                    ethertype::IPV6
                } else {
                    ethertype::IPV4
                };
                samples.push(Sample::new(&name, &Frame::new(kind, outer)));
            }
        }
    }
    // GRE of version 1, with key and sequence number.
    let mut pptp = vec![0x30, 0x01, 0x88, 0x0b, 0, 8, 0, 1, 0, 0, 0, 1];
    pptp.extend([0xff, 0x03, 0, 0x21, 0x45, 0, 0, 0]);
    samples.push(Sample::v4(
        "PPTP",
        &header4(HOST_4, PEER_4, number::GRE),
        &pptp,
    ));
    samples
}

fn extensions() -> Vec<Sample> {
    use Extension as E;
    let [_, flow] = udp([50_000, 443]);
    let mut samples: Vec<Sample> = [
        ("destination options", vec![E::destination(0)]),
        ("hop-by-hop options", vec![E::hop_by_hop(0)]),
        ("a segment routing header", vec![E::routing_of_type(4)]),
        ("mobile routing", vec![E::routing_of_type(2)]),
        ("authentication", vec![E::authentication(3)]),
        ("mobility", vec![E::mobility(1)]),
    ]
    .into_iter()
    .map(|(name, chain)| {
        let header = header6(HOST_6, PEER_6, number::UDP).chain(chain);
        Sample::v6(name, &header, &flow.segment(&[0x5a; 80]))
    })
    .collect();
    let header = header4(HOST_4, PEER_4, number::AUTHENTICATION);
    let inside = [&[6, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1][..], &[0xaa; 12]].concat();
    samples.push(Sample::v4("authentication, v4", &header, &inside));
    samples
}
