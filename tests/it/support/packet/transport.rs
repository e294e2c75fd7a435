//! What IP carries, with checksums where a receiver looks at them.

use std::net::{IpAddr, Ipv6Addr};

use super::{
    Frame, Tcp, V4, V6, checksum, length,
    link::ethertype,
    number::{self, EXTENSIONS, WITH_PORTS},
    octets, tcp,
};

/// Who speaks to whom, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: u8,
    /// Source and destination; of no meaning to protocols without ports.
    pub(crate) ports: [u16; 2],
}

impl Flow {
    /// UDP between two addresses given as text.
    pub(crate) fn udp(source: &str, destination: &str, ports: [u16; 2]) -> Self {
        Self {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            protocol: number::UDP,
            ports,
        }
    }

    pub(crate) const fn protocol(mut self, protocol: u8) -> Self {
        self.protocol = protocol;
        self
    }

    /// The header and payload that the flow's protocol puts into IP, with `payload` inside.
    pub(crate) fn segment(&self, payload: &[u8]) -> Vec<u8> {
        let [source, destination] = self.ports.map(u16::to_be_bytes);
        let ports = [source, destination].concat();
        match self.protocol {
            number::TCP => Tcp::new(tcp::SYN).segment(self, payload),
            number::UDP | number::UDP_LITE => udp(self, payload),
            number::ICMP => icmp_echo(payload),
            number::ICMPV6 => icmpv6(
                self,
                128,
                0,
                &[[0x11, 0x22, 0, 1].as_slice(), payload].concat(),
            ),
            number::GRE => [[0, 0, 0x08, 0].as_slice(), payload].concat(),
            // Security parameters index and sequence number.
            number::ESP => [[0, 0, 1, 0, 0, 0, 0, 1].as_slice(), payload].concat(),
            // SCTP and DCCP, whose routers do not check them.
            protocol if WITH_PORTS.contains(&protocol) => {
                [ports.as_slice(), &[0; 12], payload].concat()
            }
            // As the last of a chain, a header of 8 bytes after which nothing follows.
            protocol if self.source.is_ipv6() && EXTENSIONS.contains(&protocol) => [
                [number::NO_NEXT_HEADER, 0, 0, 0, 0, 0, 0, 0].as_slice(),
                payload,
            ]
            .concat(),
            _ => [[0xee; 8].as_slice(), payload].concat(),
        }
    }

    /// The IP packet, without options or extension headers.
    pub(crate) fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let segment = self.segment(payload);
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                V4::new(source, destination, self.protocol).packet(&segment)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                V6::new(source, destination, self.protocol).packet(&segment)
            }
            _ => unreachable!("both ends of a flow are of one family"),
        }
    }

    /// The untagged frame.
    pub(crate) fn frame(&self, payload: &[u8]) -> Frame {
        Frame::new(self.ethertype(), self.packet(payload))
    }

    pub(crate) const fn ethertype(&self) -> u16 {
        if self.source.is_ipv4() {
            ethertype::IPV4
        } else {
            ethertype::IPV6
        }
    }
}

fn udp(flow: &Flow, payload: &[u8]) -> Vec<u8> {
    let [source, destination] = flow.ports.map(u16::to_be_bytes);
    let mut bytes = [source, destination].concat();
    bytes.extend(length(8 + payload.len()).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    seal(flow, &mut bytes, 6);
    if bytes[6..8] == [0, 0] {
        // Zero means that there is none (RFC 768).
        bytes[6..8].fill(0xff);
    }
    bytes
}

fn icmp_echo(payload: &[u8]) -> Vec<u8> {
    icmp(8, 0, &[[0x11, 0x22, 0, 1].as_slice(), payload].concat())
}

/// An ICMP message (RFC 792).
pub(crate) fn icmp(kind: u8, code: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, code, 0, 0];
    bytes.extend(body);
    let sum = checksum(&[&bytes]).to_be_bytes();
    bytes[2..4].copy_from_slice(&sum);
    bytes
}

/// An ICMPv6 message (RFC 4443) between the ends of `flow`.
pub(crate) fn icmpv6(flow: &Flow, kind: u8, code: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, code, 0, 0];
    bytes.extend(body);
    seal(flow, &mut bytes, 2);
    bytes
}

/// Writes the checksum over pseudo header and segment to `at`.
pub(super) fn seal(flow: &Flow, segment: &mut [u8], at: usize) {
    let mut pseudo = octets(flow.source);
    pseudo.extend(octets(flow.destination));
    pseudo.extend(u32::from(length(segment.len())).to_be_bytes());
    pseudo.extend([0, 0, 0, flow.protocol]);
    let sum = checksum(&[&pseudo, segment]).to_be_bytes();
    segment[at..at + 2].copy_from_slice(&sum);
}

/// A neighbour discovery message (RFC 4861) of `kind` and `code`, speaking of `target`.
pub(crate) fn neighbor_discovery(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    kind: u8,
    code: u8,
    hop_limit: u8,
    target: Ipv6Addr,
) -> Vec<u8> {
    let flow = Flow {
        source: source.into(),
        destination: destination.into(),
        protocol: number::ICMPV6,
        ports: [0, 0],
    };
    let body = [[0; 4].as_slice(), target.octets().as_slice()].concat();
    let mut header = V6::new(source, destination, number::ICMPV6);
    header.hop_limit = hop_limit;
    header.packet(&icmpv6(&flow, kind, code, &body))
}
