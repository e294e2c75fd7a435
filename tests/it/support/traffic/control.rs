//! What routers and switches say to each other.

use super::{
    HOST_4, HOST_6, PEER_4, PEER_6, Sample, alert4, alert6, header4, header6, hops4, hops6,
    message6,
};
use crate::support::packet::{
    Flow, Frame, Layer, Tcp,
    between::{Mpls, Pppoe},
    link::{self, ethertype},
    number, tcp,
    transport::neighbor_discovery,
    wrap,
};

const LOCAL: &str = "fe80::1";

/// What belongs to a link and is never looked up: it passes whatever lists and policies say.
pub(crate) fn link() -> Vec<Sample> {
    let discovery = |name: &str, from: &str, to: &str, kind| {
        let [from, to] = [from, to].map(|address| address.parse().unwrap());
        let target = HOST_6.parse().unwrap();
        let packet = neighbor_discovery(from, to, kind, 0, 255, target);
        Sample::new(name, &Frame::new(ethertype::IPV6, packet))
    };
    let mut frames: Vec<Sample> = [
        (
            "ARP",
            link::arp_request([2, 0, 0, 0, 0, 9], [192, 31, 196, 7], [192, 52, 193, 1]),
        ),
        ("LLDP", link::lldp([192, 31, 196, 7])),
        ("LACP", link::lacp()),
        ("IS-IS", link::isis_hello()),
        ("spanning tree", link::stp()),
        (
            "CDP",
            Frame::llc([0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 2, 0xb4]),
        ),
        (
            "IS-IS in large frames",
            Frame::new(0x8870, vec![0xfe; 1_600]),
        ),
        ("PPPoE discovery", link::pppoe_discovery()),
        ("802.1X", Frame::new(0x888e, [1, 1, 0, 0])),
        ("connectivity fault management", Frame::new(0x8902, [0; 80])),
        ("precise time", Frame::new(0x88f7, [0; 60])),
        ("pause", Frame::new(0x8808, [0, 1, 0, 0])),
        ("a loopback keepalive", Frame::new(0x9000, [0; 46])),
        ("registration", Frame::new(0x88f5, [0; 46])),
        ("LCP", ppp(0xc021)),
        ("IPCP", ppp(0x8021)),
        ("IPv6CP", ppp(0x8057)),
        ("CHAP", ppp(0xc223)),
        (
            "a pseudowire",
            wrap(&[Layer::mpls([16])], ethertype::IPV4, vec![0; 64]),
        ),
        (
            "its control channel",
            wrap(&[Layer::mpls([16, 13])], ethertype::IPV4, vec![0x10; 64]),
        ),
    ]
    .into_iter()
    .map(|(name, frame)| Sample::new(name, &frame))
    .collect();
    frames.extend([
        discovery("router solicitation", "::", "ff02::2", 133),
        discovery("router advertisement", LOCAL, "ff02::1", 134),
        discovery("neighbour solicitation", HOST_6, "ff02::1:ff00:7", 135),
        discovery("duplicate address detection", "::", "ff02::1:ff00:7", 135),
        discovery("neighbour advertisement", LOCAL, HOST_6, 136),
    ]);
    frames
}

/// A frame of a PPPoE session that carries no packet.
fn ppp(protocol: u16) -> Frame {
    let session = Layer::Pppoe(Pppoe {
        protocol: Some(protocol),
        ..Pppoe::SESSION
    });
    wrap(&[session], ethertype::IPV4, vec![1, 1, 0, 4])
}

/// What routers say to each other in IP.
pub(crate) fn routing() -> Vec<Sample> {
    let mut samples = border_gateway();
    samples.extend(bidirectional_forwarding());
    samples.extend([
        v4("OSPF", "224.0.0.5", number::OSPF, 1, 44),
        v6("OSPFv3", "ff02::5", number::OSPF, 1, 36),
        v4("OSPF between two routers", PEER_4, number::OSPF, 1, 64),
        v4("VRRP", "224.0.0.18", number::VRRP, 255, 16),
        v6("VRRPv3", "ff02::12", number::VRRP, 255, 24),
        v4("PIM", "224.0.0.13", 103, 1, 34),
        v6("PIM for IPv6", "ff02::d", 103, 1, 34),
        v4("EIGRP", "224.0.0.10", 88, 2, 40),
        datagram4("LDP hello", "224.0.0.2", [646, 646], 1),
        datagram4("LDP targeted hello", PEER_4, [646, 646], 255),
        datagram4("RIP", "224.0.0.9", [520, 520], 1),
        datagram4("HSRP", "224.0.0.2", [1985, 1985], 1),
        datagram4("NTP", PEER_4, [123, 123], 64),
    ]);
    samples
}

/// What carries options, and LSP ping: policies speak of these, and drop none of them by default.
pub(super) fn with_options() -> Vec<Sample> {
    let igmp = [0x22, 0, 0xf9, 0xfc, 0, 0, 0, 1, 4, 0, 0, 0, 239, 1, 1, 1];
    let mut echo = alert4(hops4(header4(HOST_4, "127.0.0.1", number::UDP), 1));
    let probe = Flow::udp(HOST_4, "127.0.0.1", [40_000, 3503]).segment(&[0; 48]);
    let under_label = wrap(
        &[Layer::mpls([3_000])],
        ethertype::IPV4,
        echo.packet(&probe),
    );
    let null = Layer::Mpls(Mpls::new([3_000]).null());
    echo.options = Vec::new();
    let under_null = wrap(&[null], ethertype::IPV4, echo.packet(&probe));
    let igmp_header = |from| alert4(hops4(header4(from, "224.0.0.22", number::IGMP), 1));
    let report = |from| alert6(hops6(header6(from, "ff02::16", number::ICMPV6), 1));
    let body = [0, 0, 0, 1, 4, 0, 0, 0];
    let report_of =
        |name, from| Sample::v6(name, &report(from), &message6(&report(from), 143, &body));
    vec![
        Sample::new("LSP ping with router alert", &under_label),
        Sample::new("LSP ping under an explicit null label", &under_null),
        Sample::v4("IGMP", &igmp_header(HOST_4), &igmp),
        Sample::v4(
            "IGMP without an address yet",
            &igmp_header("0.0.0.0"),
            &igmp,
        ),
        report_of("MLD", LOCAL),
        report_of("MLD without an address yet", "::"),
        Sample::v4(
            "RSVP",
            &alert4(header4(HOST_4, PEER_4, 46)),
            &[0x10, 1, 0, 0, 255, 0, 0, 8],
        ),
    ]
}

fn v4(name: &str, to: &str, protocol: u8, ttl: u8, bytes: usize) -> Sample {
    Sample::v4(
        name,
        &hops4(header4(HOST_4, to, protocol), ttl),
        &vec![0; bytes],
    )
}

fn v6(name: &str, to: &str, protocol: u8, hops: u8, bytes: usize) -> Sample {
    Sample::v6(
        name,
        &hops6(header6(LOCAL, to, protocol), hops),
        &vec![0; bytes],
    )
}

fn datagram4(name: &str, to: &str, ports: [u16; 2], ttl: u8) -> Sample {
    let segment = Flow::udp(HOST_4, to, ports).segment(&[0; 48]);
    Sample::v4(
        name,
        &hops4(header4(HOST_4, to, number::UDP), ttl),
        &segment,
    )
}

/// BGP: the opening of a session, and what keeps it.
fn border_gateway() -> Vec<Sample> {
    let mut samples = Vec::new();
    for (from, to) in [(HOST_4, PEER_4), (HOST_6, PEER_6), (LOCAL, "fe80::2")] {
        let flow = Flow::udp(from, to, [50_000, 179]).protocol(number::TCP);
        let keepalive = [&[0xff; 16][..], &[0, 19, 4]].concat();
        let signed = [&[19, 18][..], &[0x5a; 16], &[1, 1]].concat();
        for (what, tcp, payload) in [
            ("SYN", Tcp::new(tcp::SYN).options(&tcp::SYN_OPTIONS), vec![]),
            ("SYN with MD5", Tcp::new(tcp::SYN).options(&signed), vec![]),
            ("ACK", Tcp::new(tcp::ACK), vec![]),
            ("keepalive", Tcp::new(tcp::ACK | tcp::PSH), keepalive),
            ("FIN", Tcp::new(tcp::ACK | tcp::FIN), vec![]),
        ] {
            let segment = tcp.segment(&flow, &payload);
            let name = format!("BGP {what} from {from}");
            samples.push(if from.contains(':') {
                let header = hops6(header6(from, to, number::TCP), 255);
                Sample::v6(&name, &header, &segment)
            } else {
                Sample::v4(&name, &hops4(header4(from, to, number::TCP), 1), &segment)
            });
        }
    }
    samples
}

/// BFD over one hop and over several (RFC 5881, RFC 5883), and its echo, which goes to its sender.
fn bidirectional_forwarding() -> Vec<Sample> {
    let mut samples = Vec::new();
    for ttl in [255, 254] {
        let ports = [49_152, 3785];
        let header = hops4(header4(HOST_4, HOST_4, number::UDP), ttl);
        let segment = Flow::udp(HOST_4, HOST_4, ports).segment(&[0; 24]);
        samples.push(Sample::v4("BFD echo", &header, &segment));
        let header = hops6(header6(HOST_6, HOST_6, number::UDP), ttl);
        let segment = Flow::udp(HOST_6, HOST_6, ports).segment(&[0; 24]);
        samples.push(Sample::v6("BFD echo, v6", &header, &segment));
    }
    for (name, port) in [("BFD over one hop", 3784), ("BFD over several hops", 4784)] {
        let ports = [49_152, port];
        samples.push(datagram4(name, PEER_4, ports, 255));
        let segment = Flow::udp(HOST_6, PEER_6, ports).segment(&[0; 24]);
        let header = hops6(header6(HOST_6, PEER_6, number::UDP), 255);
        samples.push(Sample::v6(name, &header, &segment));
    }
    samples
}
