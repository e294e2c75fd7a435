//! IPv6 (RFC 8200): addresses, extension headers, fragments.

use super::{Packet, Source, protocol, transport};
use crate::{
    address::{Address, Family},
    limits::IPV6_EXTENSIONS_MAX,
    verdict::Reason,
};

const HEADER: usize = 40;
const FRAGMENT_HEADER: usize = 8;
/// The 13 bits of the fragment offset; the rest of the field is reserved and the M flag.
const FRAGMENT_OFFSET: u16 = 0xfff8;

/// Reads the header at `offset` and follows the chain of extension headers.
#[inline(always)]
pub(super) fn open<S: Source + ?Sized>(source: &S, offset: usize) -> Result<Packet, Reason> {
    let Some(header) = source.read::<8>(offset) else {
        return Err(Reason::Truncated);
    };
    let Some(sender) = source.read::<16>(offset + 8) else {
        return Err(Reason::Truncated);
    };
    let Some(receiver) = source.read::<16>(offset + 24) else {
        return Err(Reason::Truncated);
    };
    if header[0] >> 4 != 6 {
        return Err(Reason::BadIpHeader);
    }
    let mut packet = Packet::new(
        Family::V6,
        Address::from_v6(sender),
        Address::from_v6(receiver),
    );
    let hop_limit = header[7];
    let mut next = header[6];
    let mut at = offset + HEADER;
    let mut fragmented = false;
    for _ in 0..IPV6_EXTENSIONS_MAX {
        if !is_extension(next) {
            break;
        }
        let Some(extension) = source.read::<4>(at) else {
            packet.otherwise = Reason::TruncatedTransport;
            return Ok(packet);
        };
        if next == protocol::FRAGMENT {
            fragmented = true;
            // The second byte is reserved: whatever the sender wrote there is no length.
            if u16::from_be_bytes([extension[2], extension[3]]) & FRAGMENT_OFFSET != 0 {
                // What this fragment begins with is payload, of a protocol known only where no
                // further extension header was named.
                if !is_extension(extension[0]) {
                    packet.set_protocol(extension[0]);
                }
                return Ok(packet);
            }
            at += FRAGMENT_HEADER;
        } else {
            at += length(next, extension[1]);
        }
        next = extension[0];
    }
    if is_extension(next) {
        packet.otherwise = Reason::ExtensionLimit;
        return Ok(packet);
    }
    packet.set_protocol(next);
    // Neighbour discovery in fragments is not valid (RFC 6980).
    if next == protocol::ICMPV6
        && !fragmented
        && transport::is_neighbor_discovery(source, at, hop_limit, &packet)
    {
        return Err(Reason::NeighborDiscovery);
    }
    transport::open(source, at, &mut packet);
    Ok(packet)
}

/// The headers that name a further one. ESP hides what follows and "no next header" ends the chain, so
/// both count as the protocol.
#[inline(always)]
const fn is_extension(next: u8) -> bool {
    matches!(
        next,
        protocol::HOP_BY_HOP
            | protocol::ROUTING
            | protocol::FRAGMENT
            | protocol::AUTHENTICATION
            | protocol::DESTINATION_OPTIONS
            | protocol::MOBILITY
            | protocol::HIP
            | protocol::SHIM6
    )
}

/// Bytes of an extension header other than the fragment header.
#[inline(always)]
const fn length(header: u8, field: u8) -> usize {
    if header == protocol::AUTHENTICATION {
        // Counted in words of 4 bytes, less 2 (RFC 4302, 2.2).
        (field as usize + 2) * 4
    } else {
        // Counted in words of 8 bytes, the first not counted.
        (field as usize + 1) * 8
    }
}
