//! Two ends, a protocol and ports: what orders speak of.

use super::protocol;
use crate::address::{Address, Family};

/// Who speaks to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The family of both addresses.
    pub family: Family,
    /// The sender.
    pub source: Address,
    /// The receiver.
    pub destination: Address,
    /// From the lowest: 8 bits protocol, 8 bits of which one says that it is known, 16 bits of which one says
    /// that the ports are known, the source port, the destination port. One word, because it lies in a
    /// register.
    upper: u64,
}

impl Flow {
    const PROTOCOL_KNOWN: u64 = 1 << 8;
    const PORTS_KNOWN: u64 = 1 << 16;
    const SOURCE_PORT_SHIFT: u32 = 32;
    const DESTINATION_PORT_SHIFT: u32 = 48;

    pub(super) const NONE: Self = Self::new(
        Family::V4,
        Address { high: 0, low: 0 },
        Address { high: 0, low: 0 },
    );

    /// Between two addresses, the protocol not known.
    #[inline(always)]
    #[must_use]
    pub const fn new(family: Family, source: Address, destination: Address) -> Self {
        Self {
            family,
            source,
            destination,
            upper: 0,
        }
    }

    /// The same packet between other addresses: those that its own stand for. Between IPv4 addresses
    /// ICMPv6 is ICMP, as a translator makes it (RFC 7915, 5.2).
    #[inline(always)]
    #[must_use]
    pub const fn between(mut self, family: Family, source: Address, destination: Address) -> Self {
        self.family = family;
        self.source = source;
        self.destination = destination;
        if matches!(family, Family::V4) && self.protocol_number() == protocol::ICMPV6 {
            self.upper ^= (protocol::ICMPV6 ^ protocol::ICMP) as u64;
        }
        self
    }

    /// The transport protocol; `None` where the headers before it could not be followed.
    #[inline(always)]
    #[must_use]
    pub const fn protocol(&self) -> Option<u8> {
        if self.upper & Self::PROTOCOL_KNOWN != 0 {
            Some(self.protocol_number())
        } else {
            None
        }
    }

    /// The source port, host byte order; `None` for protocols without ports, for fragments other than
    /// the first, and where the header is cut.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a field of the word")]
    pub const fn source_port(&self) -> Option<u16> {
        if self.upper & Self::PORTS_KNOWN != 0 {
            Some((self.upper >> Self::SOURCE_PORT_SHIFT) as u16)
        } else {
            None
        }
    }

    /// The destination port, see [`Flow::source_port`].
    #[inline(always)]
    #[must_use]
    pub const fn destination_port(&self) -> Option<u16> {
        if self.upper & Self::PORTS_KNOWN != 0 {
            Some((self.upper >> Self::DESTINATION_PORT_SHIFT) as u16)
        } else {
            None
        }
    }

    #[inline(always)]
    pub(super) const fn is_to_itself(&self) -> bool {
        self.source.high == self.destination.high && self.source.low == self.destination.low
    }

    /// The transport protocol; 0 where it is not known.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a field of the word")]
    pub(super) const fn protocol_number(&self) -> u8 {
        self.upper as u8
    }

    #[inline(always)]
    pub(super) const fn set_protocol(&mut self, protocol: u8) {
        self.upper = self.upper & !0xff | protocol as u64 | Self::PROTOCOL_KNOWN;
    }

    #[inline(always)]
    pub(super) const fn set_ports(&mut self, ports: [u16; 2]) {
        self.upper = self.upper & 0xffff
            | (ports[0] as u64) << Self::SOURCE_PORT_SHIFT
            | (ports[1] as u64) << Self::DESTINATION_PORT_SHIFT
            | Self::PORTS_KNOWN;
    }
}
