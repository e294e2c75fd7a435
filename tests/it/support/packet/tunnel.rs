//! IP packets inside IP packets.

use std::net::IpAddr;

use super::{V4, V6, checksum, link::ethertype, number};

/// How an IP packet is carried in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tunnel {
    /// With nothing between the headers (RFC 2003, RFC 2473, RFC 4213).
    Plain,
    /// With a GRE header between them.
    Gre(Gre),
}

/// A GRE header (RFC 2784, RFC 2890).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gre {
    pub(crate) checksum: bool,
    pub(crate) key: Option<u32>,
    pub(crate) sequence: Option<u32>,
    /// The flag for source routes, of RFC 1701, without any.
    pub(crate) routing: bool,
    pub(crate) version: u8,
    /// What it carries, unless that follows from the packet.
    pub(crate) kind: Option<u16>,
}

impl Gre {
    /// The header and `payload` of type `kind`.
    pub(crate) fn around(&self, kind: u16, payload: &[u8]) -> Vec<u8> {
        let flags = u16::from(self.checksum) << 15
            | u16::from(self.routing) << 14
            | u16::from(self.key.is_some()) << 13
            | u16::from(self.sequence.is_some()) << 12
            | u16::from(self.version);
        let mut bytes = flags.to_be_bytes().to_vec();
        bytes.extend(self.kind.unwrap_or(kind).to_be_bytes());
        if self.checksum {
            bytes.extend([0; 4]);
        }
        for word in [self.key, self.sequence].into_iter().flatten() {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(payload);
        if self.checksum {
            let sum = checksum(&[&bytes]).to_be_bytes();
            bytes[4..6].copy_from_slice(&sum);
        }
        bytes
    }
}

impl Tunnel {
    /// Every way that is opened where that is asked for.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::Plain];
        for bits in 0..8_u32 {
            all.push(Self::Gre(Gre {
                checksum: bits & 1 != 0,
                key: (bits & 2 != 0).then_some(0xfeed_beef),
                sequence: (bits & 4 != 0).then_some(7),
                ..Gre::default()
            }));
        }
        all
    }

    /// The protocol of the outer header, and what follows that header.
    pub(crate) fn segment(&self, packet: &[u8]) -> (u8, Vec<u8>) {
        let is_v6 = packet[0] >> 4 == 6;
        match self {
            Self::Plain if is_v6 => (number::IPV6, packet.to_vec()),
            Self::Plain => (number::IPV4, packet.to_vec()),
            Self::Gre(gre) => {
                let kind = if is_v6 {
                    ethertype::IPV6
                } else {
                    ethertype::IPV4
                };
                (number::GRE, gre.around(kind, packet))
            }
        }
    }

    /// `packet` carried between the ends of the tunnel: the outer packet.
    pub(crate) fn carry(&self, from: &str, to: &str, packet: &[u8]) -> Vec<u8> {
        let (protocol, segment) = self.segment(packet);
        match [from, to].map(|end| end.parse().unwrap()) {
            [IpAddr::V4(from), IpAddr::V4(to)] => V4::new(from, to, protocol).packet(&segment),
            [IpAddr::V6(from), IpAddr::V6(to)] => V6::new(from, to, protocol).packet(&segment),
            _ => panic!("the ends of a tunnel are of one family"),
        }
    }
}
