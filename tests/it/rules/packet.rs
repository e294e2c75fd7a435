//! A packet by everything that components look at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use filter_common::{address::Family, packet::FragmentBits, settings::Role};
use filter_ctl::rule::oracle::Fields;

use crate::support::packet::{Extension, Flow, Tcp, V4, V6, checksum, link::ethertype, number};

/// What a packet is among the fragments of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Whole,
    First,
    Middle,
    Last,
}

impl Piece {
    pub(super) const ALL: [Self; 4] = [Self::Whole, Self::First, Self::Middle, Self::Last];

    /// Whether it has the header of the upper layer.
    const fn begins(self) -> bool {
        matches!(self, Self::Whole | Self::First)
    }

    const fn goes_on(self) -> bool {
        matches!(self, Self::First | Self::Middle)
    }

    /// Where it begins, in words of 8 bytes.
    const fn offset(self) -> u16 {
        if self.begins() { 0 } else { 185 }
    }
}

/// What is written into the headers.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    /// Source and destination, where the protocol has ports.
    pub(super) ports: [u16; 2],
    /// Type and code, where it is ICMP.
    pub(super) icmp: [u8; 2],
    /// Twelve bits, where it is TCP.
    pub(super) flags: u16,
    pub(super) dscp: u8,
    /// Of IPv6.
    pub(super) label: u32,
    pub(super) piece: Piece,
    /// Of IPv4.
    pub(super) dont: bool,
    /// IPv4 options, or extension headers.
    pub(super) is_long: bool,
    /// Behind the header of the upper layer.
    pub(super) payload: Vec<u8>,
}

impl Packet {
    /// Whole UDP, about which nothing is remarkable.
    pub(super) fn new(source: &str, destination: &str) -> Self {
        Self {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            protocol: number::UDP,
            ports: [40_000, 50_000],
            icmp: [8, 0],
            flags: 0x10,
            dscp: 0,
            label: 0,
            piece: Piece::Whole,
            dont: false,
            is_long: false,
            payload: vec![0x5a; 64],
        }
    }

    pub(super) const fn ethertype(&self) -> u16 {
        if self.source.is_ipv4() {
            ethertype::IPV4
        } else {
            ethertype::IPV6
        }
    }

    /// The IP packet. A fragment other than the first begins with the very bytes that would be the header of the
    /// upper layer.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let flow = Flow {
            source: self.source,
            destination: self.destination,
            protocol: self.protocol,
            ports: self.ports,
        };
        let segment = match self.protocol {
            number::TCP => {
                let [high, low] = self.flags.to_be_bytes();
                let mut segment = Tcp::new(low).segment(&flow, &self.payload);
                segment[12] |= high;
                segment
            }
            number::ICMP | number::ICMPV6 => [&self.icmp[..], &[0; 6], &self.payload].concat(),
            _ => flow.segment(&self.payload),
        };
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                self.ipv4([source, destination], &segment)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                self.ipv6([source, destination], &segment)
            }
            _ => unreachable!("both ends are of one family"),
        }
    }

    fn ipv4(&self, [source, destination]: [Ipv4Addr; 2], segment: &[u8]) -> Vec<u8> {
        let mut header = V4::new(source, destination, self.protocol);
        header.dont = self.dont;
        header = header.fragment(self.piece.offset(), self.piece.goes_on());
        if self.is_long {
            header = header.header_words(6);
        }
        let mut packet = header.packet(segment);
        packet[1] = self.dscp << 2 | 1;
        let end = usize::from(packet[0] & 15) * 4;
        packet[10..12].fill(0);
        let sum = checksum(&[&packet[..end]]).to_be_bytes();
        packet[10..12].copy_from_slice(&sum);
        packet
    }

    fn ipv6(&self, [source, destination]: [Ipv6Addr; 2], segment: &[u8]) -> Vec<u8> {
        let mut chain = Vec::new();
        if self.is_long {
            chain.push(Extension::hop_by_hop(0));
        }
        if self.piece != Piece::Whole {
            let (offset, more) = (self.piece.offset(), self.piece.goes_on());
            chain.push(Extension::fragment(offset, more, 0));
        } else if self.is_long {
            chain.push(Extension::destination(1));
        }
        let mut packet = V6::new(source, destination, self.protocol)
            .chain(chain)
            .packet(segment);
        let word = 6 << 28 | u32::from(self.dscp) << 22 | self.label;
        packet[..4].copy_from_slice(&word.to_be_bytes());
        packet
    }

    /// What an oracle is told of it.
    pub(super) fn fields(&self) -> Fields {
        let has = |wanted: &[u8]| self.piece.begins() && wanted.contains(&self.protocol);
        let is_v6 = self.source.is_ipv6();
        let (family, icmp) = if is_v6 {
            (Family::V6, number::ICMPV6)
        } else {
            (Family::V4, number::ICMP)
        };
        Fields {
            family,
            role: Role::Upstream,
            source: self.source,
            destination: self.destination,
            protocol: Some(self.protocol),
            ports: has(&[number::TCP, number::UDP]).then_some(self.ports),
            icmp: has(&[icmp]).then_some(self.icmp),
            flags: has(&[number::TCP]).then_some(self.flags),
            length: u16::try_from(self.bytes().len()).unwrap(),
            dscp: self.dscp,
            fragment: u8::from(self.dont)
                | FragmentBits::of(self.piece.begins(), self.piece.goes_on()),
            label: is_v6.then_some(self.label),
        }
    }
}
