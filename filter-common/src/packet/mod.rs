//! From a frame to what the decision needs of it.
//!
//! All reads go through [`Source`], a bounded window of header bytes that lies over XDP data in the
//! kernel and over a slice on the host. [`classify`] opens, in this order:
//!
//! - [`ethernet`]: the link header, its VLAN tags and SNAP;
//! - [`pppoe`] and [`mpls`]: what lies between the link and IP;
//! - [`ipv4`] and [`ipv6`]: addresses, options, extension headers, fragments;
//! - [`transport`]: ports, TCP flags, and the ICMPv6 messages that belong to the link;
//! - [`tunnel`]: the IP packet inside an IP packet, where that is asked for.
//!
//! Addresses are judged whatever follows them. Protocol and ports are known or unknown, never guessed.
//! What is odd is collected as a set of [`Policies`] and judged by [`crate::decide`].

mod ethernet;
mod ipv4;
mod ipv6;
mod mpls;
mod pppoe;
mod transport;
mod tunnel;

use crate::{
    address::{Address, Family},
    limits::HEADER_WINDOW,
    policy::{Policies, Policy},
    settings::Tunnels,
    verdict::{POLICY_REASONS, Reason},
};

pub use self::ethernet::{Ip, Link};
pub(crate) use self::transport::stays_on_link;

/// A bounded window of header bytes.
pub trait Source {
    /// The `N` bytes at `offset`, or `None` where they are not all inside the frame and inside the
    /// first [`HEADER_WINDOW`] bytes.
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    /// Bytes of the whole frame, on however many buffers; what lengths in headers are held against.
    fn frame_length(&self) -> usize;

    /// Opens everything up to the IP header.
    ///
    /// This and [`Source::ip`] are methods for the same reason as [`crate::decide::Tables::ends`]: the
    /// kernel side makes calls of them, so that the verifier follows each once.
    #[inline(always)]
    fn link(&self) -> Link {
        open_link(self)
    }

    /// Opens the IP header at `offset`, and finds the one in a tunnel to look into.
    #[inline(always)]
    fn ip(&self, ip: Ip, offset: usize, tunnels: Tunnels) -> Result<Headers, Stop> {
        open_ip(self, ip, offset, tunnels)
    }
}

/// What [`Source::ip`] does.
#[inline(always)]
pub fn open_ip<S: Source + ?Sized>(
    source: &S,
    ip: Ip,
    offset: usize,
    tunnels: Tunnels,
) -> Result<Headers, Stop> {
    let mut headers = match ip {
        Ip::V4 => ipv4::open(source, offset),
        Ip::V6 => ipv6::open(source, offset),
    }?;
    if let Some((ip, offset)) = tunnel::find(source, &mut headers, tunnels) {
        headers.inner = offset;
        headers.inner_v6 = matches!(ip, Ip::V6);
    }
    Ok(headers)
}

/// What [`Source::link`] does.
#[inline(always)]
pub fn open_link<S: Source + ?Sized>(source: &S) -> Link {
    ethernet::open(source)
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

    #[inline]
    fn frame_length(&self) -> usize {
        self.len()
    }
}

/// Protocol numbers (IANA) that the parser knows.
pub mod protocol {
    /// Hop-by-hop options (RFC 8200).
    pub const HOP_BY_HOP: u8 = 0;
    /// ICMP (RFC 792).
    pub const ICMP: u8 = 1;
    /// IPv4 in IP (RFC 2003).
    pub const IPV4: u8 = 4;
    /// TCP (RFC 9293).
    pub const TCP: u8 = 6;
    /// UDP (RFC 768).
    pub const UDP: u8 = 17;
    /// DCCP (RFC 4340).
    pub const DCCP: u8 = 33;
    /// IPv6 in IP (RFC 2473).
    pub const IPV6: u8 = 41;
    /// Routing header (RFC 8200).
    pub const ROUTING: u8 = 43;
    /// Fragment header (RFC 8200).
    pub const FRAGMENT: u8 = 44;
    /// Generic routing encapsulation (RFC 2784).
    pub const GRE: u8 = 47;
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

    /// The first number that IANA has not assigned; 253 and 254 are for experiments (RFC 3692).
    const UNASSIGNED: u8 = 148;

    /// Whether IANA has assigned the number to nobody.
    #[inline(always)]
    #[must_use]
    pub const fn is_unknown(protocol: u8) -> bool {
        protocol >= UNASSIGNED && protocol != 253 && protocol != 254
    }

    /// Whether the transport header begins with a source and a destination port.
    #[inline(always)]
    #[must_use]
    pub const fn has_ports(protocol: u8) -> bool {
        matches!(protocol, TCP | UDP | DCCP | SCTP | UDP_LITE)
    }
}

/// A frame, opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The VLAN identifier in its outermost tag; 0 where there is none.
    pub vlan: u16,
    /// What it carries.
    pub content: Classified,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classified {
    /// An IP packet.
    Ip(Packet),
    /// Nothing the lists can speak of.
    Stopped(Stop),
}

impl Classified {
    /// Nothing the lists can speak of, for this reason.
    #[must_use]
    pub const fn stopped(reason: Reason) -> Self {
        Self::Stopped(Stop::reason(reason))
    }
}

/// Why a frame is opened no further.
///
/// The number of a reason, which says whether it is a policy's. A number, because it lies in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop(u32);

impl Stop {
    /// The frame ends before the addresses.
    pub const TRUNCATED: Self = Self::policy(Policy::Truncated);

    /// It is none of the lists' business.
    #[inline(always)]
    const fn reason(reason: Reason) -> Self {
        Self(reason.number())
    }

    /// It cannot be, or must not be.
    #[inline(always)]
    const fn policy(policy: Policy) -> Self {
        Self(POLICY_REASONS + policy as u32)
    }

    /// The number of the reason.
    #[inline(always)]
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// From [`Stop::number`].
    #[inline(always)]
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The policies that speak of it.
    #[inline(always)]
    #[must_use]
    pub const fn policies(self) -> Policies {
        if self.0 < POLICY_REASONS {
            Policies::NONE
        } else {
            Policies::from_bits(1 << ((self.0 - POLICY_REASONS) & 63))
        }
    }
}

/// What the decision needs of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The packet as it is on the wire.
    pub outer: Flow,
    /// See [`Packet::inner`]; the outer again where there is none, because every field of what lies in
    /// registers has to have a value.
    inner: Flow,
    is_tunnel: bool,
    /// What is odd about it.
    pub odd: Policies,
}

impl Packet {
    /// The packet inside it, if it is a tunnel that was opened.
    #[inline(always)]
    #[must_use]
    pub const fn inner(&self) -> Option<&Flow> {
        if self.is_tunnel {
            Some(&self.inner)
        } else {
            None
        }
    }
}

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
    protocol: u8,
    protocol_known: bool,
    ports: [u16; 2],
    ports_known: bool,
}

impl Flow {
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

    /// The same packet between other addresses: those that its own stand for.
    #[inline(always)]
    #[must_use]
    pub const fn between(mut self, family: Family, source: Address, destination: Address) -> Self {
        self.family = family;
        self.source = source;
        self.destination = destination;
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
    const fn set_protocol(&mut self, protocol: u8) {
        self.protocol = protocol;
        self.protocol_known = true;
    }

    #[inline(always)]
    const fn set_ports(&mut self, ports: [u16; 2]) {
        self.ports = ports;
        self.ports_known = true;
    }
}

/// An IP header and what was found behind it.
#[derive(Clone, Copy, Debug)]
pub struct Headers {
    flow: Flow,
    odd: Policies,
    /// Where the transport header begins, of a packet that is whole; else 0 and 0.
    upper: Upper,
    /// Where the IP header in a tunnel to look into begins; else 0.
    inner: usize,
    /// Whether that is IPv6.
    inner_v6: bool,
}

impl Headers {
    #[inline(always)]
    const fn new(flow: Flow) -> Self {
        Self {
            flow,
            odd: Policies::NONE,
            upper: Upper { at: 0, length: 0 },
            inner: 0,
            inner_v6: false,
        }
    }
}

/// What follows the IP header and its extensions.
#[derive(Clone, Copy, Debug)]
struct Upper {
    /// Where it begins in the frame.
    at: usize,
    /// Its bytes, as the IP header says.
    length: usize,
}

/// Opens a frame from its Ethernet header on, and the tunnels that are asked for.
#[inline(always)]
pub fn classify<S: Source + ?Sized>(source: &S, tunnels: Tunnels) -> Frame {
    let link = source.link();
    let headers = match link.payload() {
        Ok((ip, offset)) => source.ip(ip, offset, tunnels),
        Err(stop) => Err(stop),
    };
    let content = match headers {
        Ok(mut headers) => {
            let Flow {
                source: sender,
                destination: receiver,
                ..
            } = headers.flow;
            headers.odd.add_if(
                Policy::Land,
                sender.high == receiver.high && sender.low == receiver.low,
            );
            let mut inner = headers.flow;
            let mut is_tunnel = false;
            if headers.inner != 0 {
                let ip = if headers.inner_v6 { Ip::V6 } else { Ip::V4 };
                match source.ip(ip, headers.inner, Tunnels::NONE) {
                    Ok(found) => {
                        inner = found.flow;
                        is_tunnel = true;
                    }
                    // Neighbour discovery through a tunnel is none of the lists' business either.
                    Err(stop) => headers
                        .odd
                        .add_if(Policy::TunnelUnread, !stop.policies().is_empty()),
                }
            }
            Classified::Ip(Packet {
                outer: headers.flow,
                inner,
                is_tunnel,
                odd: headers.odd,
            })
        }
        Err(stop) => Classified::Stopped(stop),
    };
    Frame {
        vlan: link.vlan,
        content,
    }
}
