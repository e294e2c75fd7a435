//! Frames, built byte by byte from what the RFCs say, right or deliberately wrong.
//!
//! Nothing here shares code with the parser under test.
//!
//! - [`link`]: the Ethernet header, tags, padding, and frames that are not IP;
//! - [`between`]: SNAP, PPPoE sessions and MPLS stacks around IP;
//! - [`v4`] and [`v6`]: IP headers with options, extension headers and fragments;
//! - [`transport`]: what IP carries, with checksums; [`tcp`]: segments;
//! - [`tunnel`]: IP in IP and in GRE.

pub(crate) mod between;
pub(crate) mod link;
pub(crate) mod tcp;
pub(crate) mod transport;
pub(crate) mod tunnel;
pub(crate) mod v4;
pub(crate) mod v6;

use std::net::IpAddr;

pub(crate) use between::{Layer, wrap};
pub(crate) use link::{Frame, Tag};
pub(crate) use tcp::Tcp;
pub(crate) use transport::Flow;
pub(crate) use tunnel::Tunnel;
pub(crate) use v4::V4;
pub(crate) use v6::{Extension, V6};

/// Protocol numbers, as IANA assigned them.
pub(crate) mod number {
    pub(crate) const HOP_BY_HOP: u8 = 0;
    pub(crate) const ICMP: u8 = 1;
    pub(crate) const IGMP: u8 = 2;
    pub(crate) const IPV4: u8 = 4;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const DCCP: u8 = 33;
    pub(crate) const IPV6: u8 = 41;
    pub(crate) const ROUTING: u8 = 43;
    pub(crate) const FRAGMENT: u8 = 44;
    pub(crate) const GRE: u8 = 47;
    pub(crate) const ESP: u8 = 50;
    pub(crate) const AUTHENTICATION: u8 = 51;
    pub(crate) const ICMPV6: u8 = 58;
    pub(crate) const NO_NEXT_HEADER: u8 = 59;
    pub(crate) const DESTINATION_OPTIONS: u8 = 60;
    pub(crate) const OSPF: u8 = 89;
    pub(crate) const VRRP: u8 = 112;
    pub(crate) const SCTP: u8 = 132;
    pub(crate) const MOBILITY: u8 = 135;
    pub(crate) const UDP_LITE: u8 = 136;
    pub(crate) const HIP: u8 = 139;
    pub(crate) const SHIM6: u8 = 140;

    /// What names a further header in IPv6.
    pub(crate) const EXTENSIONS: [u8; 8] = [
        HOP_BY_HOP,
        ROUTING,
        FRAGMENT,
        AUTHENTICATION,
        DESTINATION_OPTIONS,
        MOBILITY,
        HIP,
        SHIM6,
    ];

    /// What begins with two ports.
    pub(crate) const WITH_PORTS: [u8; 5] = [TCP, UDP, DCCP, SCTP, UDP_LITE];
}

/// The Internet checksum (RFC 1071) over `parts`, each of even length but the last.
pub(crate) fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(u16::from_be_bytes([
                pair[0],
                pair.get(1).copied().unwrap_or(0),
            ]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    #[expect(clippy::cast_possible_truncation, reason = "folded to 16 bits above")]
    {
        !(sum as u16)
    }
}

/// The bytes of an address.
pub(crate) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// A length as the field of a header.
pub(crate) fn length(bytes: usize) -> u16 {
    u16::try_from(bytes).unwrap()
}
