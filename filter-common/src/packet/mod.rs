//! From a frame to what the decision needs of it.
//!
//! All reads go through [`Source`], a bounded window of header bytes that lies over XDP data in the
//! kernel and over a slice on the host. [`classify`] opens, in this order:
//!
//! - [`ethernet`]: the link header and its VLAN tags;
//! - [`ipv4`] and [`ipv6`]: addresses, options, extension headers, fragments;
//! - [`transport`]: ports, and the ICMPv6 messages that belong to the link.
//!
//! Addresses are judged whatever follows them. Protocol and ports are known or unknown, never guessed.

mod ethernet;
mod ipv4;
mod ipv6;
mod transport;

use crate::{
    address::{Address, Family},
    limits::HEADER_WINDOW,
    verdict::Reason,
};

/// A bounded window of header bytes.
pub trait Source {
    /// The `N` bytes at `offset`, or `None` where they are not all inside the frame and inside the
    /// first [`HEADER_WINDOW`] bytes.
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;
}

/// A frame in memory.
impl Source for [u8] {
    #[inline]
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let end = offset.checked_add(N)?;
        if end > HEADER_WINDOW {
            return None;
        }
        self.get(offset..end)?.try_into().ok()
    }
}

/// Protocol numbers (IANA) that the parser knows.
pub mod protocol {
    /// Hop-by-hop options (RFC 8200).
    pub const HOP_BY_HOP: u8 = 0;
    /// TCP (RFC 9293).
    pub const TCP: u8 = 6;
    /// UDP (RFC 768).
    pub const UDP: u8 = 17;
    /// DCCP (RFC 4340).
    pub const DCCP: u8 = 33;
    /// Routing header (RFC 8200).
    pub const ROUTING: u8 = 43;
    /// Fragment header (RFC 8200).
    pub const FRAGMENT: u8 = 44;
    /// Authentication header (RFC 4302).
    pub const AUTHENTICATION: u8 = 51;
    /// ICMPv6 (RFC 4443).
    pub const ICMPV6: u8 = 58;
    /// Destination options (RFC 8200).
    pub const DESTINATION_OPTIONS: u8 = 60;
    /// SCTP (RFC 9260).
    pub const SCTP: u8 = 132;
    /// Mobility header (RFC 6275).
    pub const MOBILITY: u8 = 135;
    /// UDP-Lite (RFC 3828).
    pub const UDP_LITE: u8 = 136;
    /// Host identity protocol (RFC 7401).
    pub const HIP: u8 = 139;
    /// Shim6 (RFC 5533).
    pub const SHIM6: u8 = 140;

    /// Whether the transport header begins with a source and a destination port.
    #[inline(always)]
    #[must_use]
    pub const fn has_ports(protocol: u8) -> bool {
        matches!(protocol, TCP | UDP | DCCP | SCTP | UDP_LITE)
    }
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classified {
    /// An IP packet.
    Ip(Packet),
    /// Nothing the lists can speak of; it passes for this reason.
    Other(Reason),
}

/// What the decision needs of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The family of both addresses.
    pub family: Family,
    /// The sender.
    pub source: Address,
    /// The receiver.
    pub destination: Address,
    /// Why it passes if nothing matches: [`Reason::Clean`], or what was odd about it.
    pub otherwise: Reason,
    /// The protocol, see [`Packet::protocol`]; a number and a flag, because they lie in registers.
    protocol: u8,
    protocol_known: bool,
    ports: [u16; 2],
    ports_known: bool,
}

impl Packet {
    #[inline(always)]
    const fn new(family: Family, source: Address, destination: Address) -> Self {
        Self {
            family,
            source,
            destination,
            otherwise: Reason::Clean,
            protocol: 0,
            protocol_known: false,
            ports: [0, 0],
            ports_known: false,
        }
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

    /// The destination port, see [`Packet::source_port`].
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
    const fn set_protocol(&mut self, protocol: u8) {
        self.protocol = protocol;
        self.protocol_known = true;
    }
}

/// Opens a frame from its Ethernet header on.
#[inline(always)]
pub fn classify<S: Source + ?Sized>(source: &S) -> Classified {
    let (ethertype, offset) = match ethernet::open(source) {
        Ok(opened) => opened,
        Err(reason) => return Classified::Other(reason),
    };
    let packet = match ethertype {
        ethernet::IPV4 => ipv4::open(source, offset),
        ethernet::IPV6 => ipv6::open(source, offset),
        other => Err(ethernet::reason(other)),
    };
    match packet {
        Ok(packet) => Classified::Ip(packet),
        Err(reason) => Classified::Other(reason),
    }
}
