//! IPv6 headers and their extension headers (RFC 8200).

use std::net::Ipv6Addr;

use super::{length, number};

/// An extension header: its number, and all of it but the first byte, which names the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extension {
    pub(crate) number: u8,
    pub(crate) rest: Vec<u8>,
}

impl Extension {
    /// A header whose length is counted in words of 8 bytes, the first not counted.
    fn counted(number: u8, words: u8, fill: u8) -> Self {
        let mut rest = vec![words];
        rest.resize(8 * (usize::from(words) + 1) - 1, fill);
        Self { number, rest }
    }

    /// Hop-by-hop options, all padding.
    pub(crate) fn hop_by_hop(words: u8) -> Self {
        Self::counted(number::HOP_BY_HOP, words, 0)
    }

    /// Destination options, all padding.
    pub(crate) fn destination(words: u8) -> Self {
        Self::counted(number::DESTINATION_OPTIONS, words, 0)
    }

    /// A routing header of a type that nobody has assigned, without segments left.
    pub(crate) fn routing(words: u8) -> Self {
        let mut header = Self::counted(number::ROUTING, words, 0);
        header.rest[1] = 253;
        header
    }

    /// A routing header of this type.
    pub(crate) fn routing_of_type(kind: u8) -> Self {
        let mut header = Self::counted(number::ROUTING, 2, 0);
        header.rest[1] = kind;
        header
    }

    /// Hop-by-hop options with a router alert for multicast listener discovery (RFC 2711).
    pub(crate) fn router_alert() -> Self {
        Self {
            number: number::HOP_BY_HOP,
            rest: vec![0, 5, 2, 0, 0, 1, 0],
        }
    }

    /// Mobility (RFC 6275).
    pub(crate) fn mobility(words: u8) -> Self {
        Self::counted(number::MOBILITY, words, 0)
    }

    /// Host identity (RFC 7401).
    pub(crate) fn hip(words: u8) -> Self {
        Self::counted(number::HIP, words, 0)
    }

    /// Shim6 (RFC 5533).
    pub(crate) fn shim6(words: u8) -> Self {
        Self::counted(number::SHIM6, words, 0)
    }

    /// Authentication (RFC 4302) with a check value of `words` words of 4 bytes. Its length field
    /// counts words of 4 bytes, less 2: with an odd number of words, reading it as the other headers'
    /// lands elsewhere.
    pub(crate) fn authentication(words: u8) -> Self {
        let mut rest = vec![words + 1];
        rest.resize(4 * (usize::from(words) + 3) - 1, 0xaa);
        Self {
            number: number::AUTHENTICATION,
            rest,
        }
    }

    /// A fragment header: offset in units of 8 bytes, and what the sender wrote into the reserved byte.
    pub(crate) fn fragment(offset: u16, more: bool, reserved: u8) -> Self {
        let mut rest = vec![reserved];
        rest.extend((offset << 3 | u16::from(more)).to_be_bytes());
        rest.extend(0x1122_3344_u32.to_be_bytes());
        Self {
            number: number::FRAGMENT,
            rest,
        }
    }
}

/// An IPv6 header with its chain.
#[derive(Clone, Debug)]
pub(crate) struct V6 {
    pub(crate) source: Ipv6Addr,
    pub(crate) destination: Ipv6Addr,
    /// What comes after the chain.
    pub(crate) protocol: u8,
    pub(crate) version: u8,
    pub(crate) payload_length: Option<u16>,
    pub(crate) hop_limit: u8,
    pub(crate) extensions: Vec<Extension>,
}

impl V6 {
    pub(crate) fn new(source: Ipv6Addr, destination: Ipv6Addr, protocol: u8) -> Self {
        Self {
            source,
            destination,
            protocol,
            version: 6,
            payload_length: None,
            hop_limit: 64,
            extensions: Vec::new(),
        }
    }

    pub(crate) fn chain(mut self, extensions: Vec<Extension>) -> Self {
        self.extensions = extensions;
        self
    }

    /// The packet.
    pub(crate) fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let mut chain = Vec::new();
        let numbers = self.extensions.iter().map(|header| header.number);
        let mut following = numbers.chain([self.protocol]);
        let first = following.next().unwrap();
        for (header, next) in self.extensions.iter().zip(following) {
            chain.push(next);
            chain.extend(&header.rest);
        }
        let payload_length = self
            .payload_length
            .unwrap_or(length(chain.len() + payload.len()));
        let mut bytes = vec![self.version << 4, 0, 0, 0];
        bytes.extend(payload_length.to_be_bytes());
        bytes.extend([first, self.hop_limit]);
        bytes.extend(self.source.octets());
        bytes.extend(self.destination.octets());
        bytes.extend(chain);
        bytes.extend(payload);
        bytes
    }
}
