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
    /// The protocol, see [`Flow::protocol`]; a number and a flag, because they lie in registers.
    pub(super) protocol: u8,
    protocol_known: bool,
    ports: [u16; 2],
    ports_known: bool,
}

impl Flow {
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
            protocol: 0,
            protocol_known: false,
            ports: [0, 0],
            ports_known: false,
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
        if matches!(family, Family::V4) && self.protocol == protocol::ICMPV6 {
            self.protocol = protocol::ICMP;
        }
        self
    }

    /// The transport protocol; `None` where the headers before it could not be followed.
    #[inline(always)]
    #[must_use]
    pub const fn protocol(&self) -> Option<u8> {
        if self.protocol_known {
            Some(self.protocol)
        } else {
            None
        }
    }

    /// The source port, host byte order; `None` for protocols without ports, for fragments other than
    /// the first, and where the header is cut.
    #[inline(always)]
    #[must_use]
    pub const fn source_port(&self) -> Option<u16> {
        if self.ports_known {
            Some(self.ports[0])
        } else {
            None
        }
    }

    /// The destination port, see [`Flow::source_port`].
    #[inline(always)]
    #[must_use]
    pub const fn destination_port(&self) -> Option<u16> {
        if self.ports_known {
            Some(self.ports[1])
        } else {
            None
        }
    }

    #[inline(always)]
    pub(super) const fn is_to_itself(&self) -> bool {
        self.source.high == self.destination.high && self.source.low == self.destination.low
    }

    #[inline(always)]
    pub(super) const fn set_protocol(&mut self, protocol: u8) {
        self.protocol = protocol;
        self.protocol_known = true;
    }

    #[inline(always)]
    pub(super) const fn set_ports(&mut self, ports: [u16; 2]) {
        self.ports = ports;
        self.ports_known = true;
    }
}
