//! From a frame to what the decision needs of it.
//!
//! All reads go through [`Source`], a bounded window of header bytes that lies over XDP data in the
//! kernel and over a slice on the host. [`classify`] takes a frame that is [`plain`] at once, and opens any
//! other step by step:
//!
//! - [`ethernet`]: the link header, its VLAN tags and SNAP;
//! - [`pppoe`] and [`mpls`]: what lies between the link and IP;
//! - [`ipv4`] and [`ipv6`]: addresses, options, extension headers, fragments;
//! - [`transport`]: ports, TCP flags, and the ICMPv6 messages that belong to the link;
//! - [`features`]: what rules and limits ask beyond that: lengths, flags, ICMP types, fragments;
//! - [`tunnel`]: the IP packet inside an IP packet, where that is asked for.
//!
//! What was found is a [`Frame`]: a [`Stop`], or a [`Packet`] with one [`Flow`] or two.
//!
//! Addresses are judged whatever follows them. Protocol and ports are known or unknown, never guessed.
//! What is odd is collected as a set of [`Policies`] and judged by [`crate::decide`].

mod ethernet;
mod features;
mod flow;
mod frame;
mod headers;
mod ipv4;
mod ipv6;
mod mpls;
mod plain;
mod pppoe;
mod transport;
mod tunnel;

use self::headers::Upper;
use crate::{limits::HEADER_WINDOW, policy::Policy, settings::Tunnels};

pub(crate) use self::transport::stays_on_link;
pub use self::{
    ethernet::{Ip, Link},
    features::{Features, FragmentBits},
    flow::Flow,
    frame::{Classified, Frame, Packet, Stop},
    headers::Headers,
    ipv4::Options,
};

/// A bounded window of header bytes.
pub trait Source {
    /// The `N` bytes at `offset`, or `None` where they are not all inside the frame and inside the
    /// first [`HEADER_WINDOW`] bytes.
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    /// Bytes of the whole frame, on however many buffers; what lengths in headers are held against.
    fn frame_length(&self) -> usize;

    /// The same number.
    ///
    /// What is carried from one step of a loop to the next goes through this: the kernel side lets the
    /// verifier forget which values it can have, so that it does not follow the next step once for each way
    /// the last could go.
    #[inline(always)]
    fn forget_number(&self, number: u64) -> u64 {
        number
    }

    /// The same offset, which is below [`HEADER_WINDOW`]: that is all that the verifier then knows of it.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "it was an offset before")]
    fn forget(&self, offset: usize) -> usize {
        const { assert!(HEADER_WINDOW.is_power_of_two()) };
        self.forget_number(offset as u64) as usize & (HEADER_WINDOW - 1)
    }

    /// Opens the frame at once if it is a plain one.
    #[inline(always)]
    fn plain(&self) -> Option<Frame> {
        open_plain(self)
    }

    /// Opens everything up to the IP header.
    ///
    /// This, [`Source::mpls`], [`Source::ip`] and [`Source::has_source_route`] are methods for the same
    /// reason as [`crate::decide::Tables::ends`]: the kernel side makes calls of them, so that the verifier
    /// follows each once.
    #[inline(always)]
    fn link(&self) -> Link {
        open_link(self)
    }

    /// Opens the MPLS stack at `offset`.
    #[inline(always)]
    fn mpls(&self, offset: usize) -> Link {
        open_mpls(self, offset)
    }

    /// Opens the IP header at `offset`, and finds the one in a tunnel to look into.
    #[inline(always)]
    fn ip(&self, ip: Ip, offset: usize, tunnels: Tunnels) -> Headers {
        open_ip(self, ip, offset, tunnels)
    }

    /// Whether one of the options of an IPv4 header is a source route.
    #[inline(always)]
    fn has_source_route(&self, options: Options) -> bool {
        find_source_route(self, options)
    }
}

/// What [`Source::plain`] does.
#[inline(always)]
pub fn open_plain<S: Source + ?Sized>(source: &S) -> Option<Frame> {
    plain::open(source)
}

/// What [`Source::has_source_route`] does.
#[inline(always)]
pub fn find_source_route<S: Source + ?Sized>(source: &S, options: Options) -> bool {
    ipv4::has_source_route(source, options)
}

/// What [`Source::mpls`] does.
#[inline(always)]
pub fn open_mpls<S: Source + ?Sized>(source: &S, offset: usize) -> Link {
    let mut doubtful = false;
    let opened = mpls::open(source, offset, &mut doubtful);
    Link::new(0, opened, doubtful)
}

/// What [`Source::ip`] does.
#[inline(always)]
pub fn open_ip<S: Source + ?Sized>(source: &S, ip: Ip, offset: usize, tunnels: Tunnels) -> Headers {
    let opened = match ip {
        Ip::V4 => ipv4::open(source, offset),
        Ip::V6 => ipv6::open(source, offset),
    };
    let mut headers = match opened {
        Ok(headers) => headers,
        Err(stop) => return Headers::stopped(stop),
    };
    if let Some((ip, offset)) = tunnel::find(source, &mut headers, tunnels) {
        headers.inner = offset;
        headers.inner_v6 = matches!(ip, Ip::V6);
    }
    headers
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

/// Opens a frame from its Ethernet header on, and the tunnels that are asked for.
#[inline(always)]
pub fn classify<S: Source + ?Sized>(source: &S, tunnels: Tunnels) -> Frame {
    if let Some(frame) = source.plain() {
        return frame;
    }
    let link = source.link();
    let (ip, offset) = match link.payload() {
        Ok(payload) => payload,
        Err(stop) => return Frame::stopped(link.vlan, stop),
    };
    let headers = source.ip(ip, offset, tunnels);
    if headers.stop != 0 {
        return Frame::stopped_at(link.vlan, Stop::from_number(headers.stop), headers.flow);
    }
    let mut packet = Packet {
        outer: headers.flow,
        features: headers.features,
        inner: headers.flow,
        offsets: Packet::offsets(offset, headers.upper.at),
        is_tunnel: false,
        doubtful: link.doubtful,
        odd: headers.odd,
    };
    packet.odd.add_if(
        Policy::Land,
        headers.flow.is_to_itself() && !headers.is_bfd_echo(),
    );
    if headers.options != 0 {
        let at = offset + ipv4::HEADER;
        let is_routed = source.has_source_route(Options {
            at,
            end: at + headers.options,
        });
        packet.odd.add_if(Policy::Ipv4SourceRoute, is_routed);
    }
    if headers.inner != 0 {
        let ip = if headers.inner_v6 { Ip::V6 } else { Ip::V4 };
        let inside = source.ip(ip, headers.inner, Tunnels::NONE);
        if inside.stop == 0 {
            packet.inner = inside.flow;
            packet.is_tunnel = true;
        } else {
            // Neighbour discovery through a tunnel is none of the lists' business either.
            let stop = Stop::from_number(inside.stop);
            packet
                .odd
                .add_if(Policy::TunnelUnread, !stop.policies().is_empty());
        }
    }
    Frame::of(link.vlan, packet)
}
