//! What a provider's network carries and lives on: frames that pass unless the operator says otherwise.
//!
//! - [`control`]: what routers say to each other;
//! - [`users`]: what their customers do.
//!
//! The addresses are of blocks that are globally reachable and nobody's: AS112 (RFC 7534) and automatic
//! multicast tunnelling (RFC 7450).

pub(crate) mod control;
pub(crate) mod users;

use std::net::{Ipv4Addr, Ipv6Addr};

use super::packet::{Extension, Flow, Frame, V4, V6, link::ethertype, number};

pub(crate) const HOST_4: &str = "192.31.196.7";
pub(crate) const PEER_4: &str = "192.52.193.1";
pub(crate) const HOST_6: &str = "2620:4f:8000::7";
pub(crate) const PEER_6: &str = "2001:4:112::1";

/// A frame with a name.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) frame: Vec<u8>,
}

impl Sample {
    fn new(name: &str, frame: &Frame) -> Self {
        Self {
            name: name.to_owned(),
            frame: frame.bytes(),
        }
    }

    /// An IPv4 packet.
    fn v4(name: &str, header: &V4, segment: &[u8]) -> Self {
        Self::new(name, &Frame::new(ethertype::IPV4, header.packet(segment)))
    }

    /// An IPv6 packet.
    fn v6(name: &str, header: &V6, segment: &[u8]) -> Self {
        Self::new(name, &Frame::new(ethertype::IPV6, header.packet(segment)))
    }

    /// A packet of a flow.
    fn flow(name: &str, flow: &Flow, payload: usize) -> Self {
        Self::new(name, &flow.frame(&vec![0x5a; payload]))
    }
}

/// UDP from one of the hosts to one of the peers, of either family.
fn udp(ports: [u16; 2]) -> [Flow; 2] {
    [
        Flow::udp(HOST_4, PEER_4, ports),
        Flow::udp(HOST_6, PEER_6, ports),
    ]
}

fn header4(from: &str, to: &str, protocol: u8) -> V4 {
    let [from, to]: [Ipv4Addr; 2] = [from, to].map(|address| address.parse().unwrap());
    V4::new(from, to, protocol)
}

fn header6(from: &str, to: &str, protocol: u8) -> V6 {
    let [from, to]: [Ipv6Addr; 2] = [from, to].map(|address| address.parse().unwrap());
    V6::new(from, to, protocol)
}

/// With a time to live, as neighbours speak to each other.
fn hops4(mut header: V4, ttl: u8) -> V4 {
    header.ttl = ttl;
    header
}

/// With a hop limit.
fn hops6(mut header: V6, limit: u8) -> V6 {
    header.hop_limit = limit;
    header
}

/// With the router alert option (RFC 2113).
fn alert4(mut header: V4) -> V4 {
    header.options = vec![0x94, 4, 0, 0];
    header
}

/// With the hop-by-hop header that has one (RFC 2711).
fn alert6(header: V6) -> V6 {
    header.chain(vec![Extension::router_alert()])
}

/// An ICMPv6 message behind a header.
fn message6(header: &V6, kind: u8, body: &[u8]) -> Vec<u8> {
    let flow = Flow {
        source: header.source.into(),
        destination: header.destination.into(),
        protocol: number::ICMPV6,
        ports: [0, 0],
    };
    super::packet::transport::icmpv6(&flow, kind, 0, body)
}
