//! IP in IP and IP in GRE, one level deep.

use super::{
    Headers, Source, Upper,
    ethernet::{self, Ip},
    ipv4, ipv6, protocol,
};
use crate::{address::Family, policy::Policy, settings::Tunnels};

/// Redirected web traffic (WCCP). Linux opens it in every GRE tunnel, as the family that carries it.
const GRE_WCCP: u16 = 0x883e;
const GRE_CHECKSUM: u16 = 0x8000;
const GRE_ROUTING: u16 = 0x4000;
const GRE_KEY: u16 = 0x2000;
const GRE_SEQUENCE: u16 = 0x1000;
const GRE_VERSION: u16 = 0x0007;

/// Which IP header begins where inside the packet, if `tunnels` says to look. A header that cannot be
/// read is a matter of the policy `tunnel_unread`. The first fragment of a tunnel packet is looked into as
/// well, or fragmenting it would hide what is inside.
#[inline(always)]
pub(super) fn find<S: Source + ?Sized>(
    source: &S,
    headers: &mut Headers,
    tunnels: Tunnels,
) -> Option<(Ip, usize)> {
    let upper = headers.upper;
    if upper.at == 0 {
        return None;
    }
    let found = match (headers.flow.protocol_number(), headers.flow.family) {
        (protocol::IPV4, Family::V4) if tunnels.has(Tunnels::IPIP) => (Ip::V4, upper.at),
        (protocol::IPV4, Family::V6) if tunnels.has(Tunnels::FOUR_IN_SIX) => (Ip::V4, upper.at),
        (protocol::IPV6, Family::V4) if tunnels.has(Tunnels::SIX_IN_FOUR) => (Ip::V6, upper.at),
        (protocol::IPV6, Family::V6) if tunnels.has(Tunnels::SIX_IN_SIX) => (Ip::V6, upper.at),
        (protocol::GRE, _) if tunnels.has(Tunnels::GRE) => gre(source, upper, headers)?,
        _ => return None,
    };
    let (ip, at) = found;
    let header = match ip {
        Ip::V4 => ipv4::HEADER,
        Ip::V6 => ipv6::HEADER,
    };
    // What the frame holds behind the packet is padding, whatever it looks like.
    if at + header > upper.at + upper.length {
        headers.odd.add(Policy::TunnelUnread);
        return None;
    }
    Some((ip, at))
}

/// Opens a GRE header (RFC 2784, RFC 2890). What carries no IP, or is of another version, such as PPTP,
/// is not opened and not odd.
#[inline(always)]
fn gre<S: Source + ?Sized>(source: &S, upper: Upper, headers: &mut Headers) -> Option<(Ip, usize)> {
    let Some([high, low, type_high, type_low]) = source.read::<4>(upper.at) else {
        headers.odd.add(Policy::TunnelUnread);
        return None;
    };
    let flags = u16::from_be_bytes([high, low]);
    let ip = match u16::from_be_bytes([type_high, type_low]) {
        ethernet::IPV4 => Ip::V4,
        ethernet::IPV6 => Ip::V6,
        GRE_WCCP if flags == 0 => return wccp(source, upper.at + 4, headers),
        _ => return None,
    };
    if flags & GRE_VERSION != 0 {
        return None;
    }
    if flags & GRE_ROUTING != 0 {
        // Source routes of RFC 1701, which RFC 2784 did away with: their length is not in the header.
        headers.odd.add(Policy::TunnelUnread);
        return None;
    }
    let words =
        ((flags & GRE_CHECKSUM) >> 15) + ((flags & GRE_KEY) >> 13) + ((flags & GRE_SEQUENCE) >> 12);
    Some((ip, upper.at + 4 + words as usize * 4))
}

/// Skips the redirect header of WCCP's second version; the first has none, and IPv4 follows at once.
#[inline(always)]
fn wccp<S: Source + ?Sized>(source: &S, at: usize, headers: &mut Headers) -> Option<(Ip, usize)> {
    let Some([first, _]) = source.read::<2>(at) else {
        headers.odd.add(Policy::TunnelUnread);
        return None;
    };
    let at = if first >> 4 == 4 { at } else { at + 4 };
    match headers.flow.family {
        Family::V4 => Some((Ip::V4, at)),
        Family::V6 => Some((Ip::V6, at)),
    }
}
