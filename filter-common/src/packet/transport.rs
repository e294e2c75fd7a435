//! Ports, and the ICMPv6 messages that belong to the link.

use super::{Packet, Source, protocol};
use crate::{address::Address, verdict::Reason};

/// Reads the ports of the transport header at `offset`, if its protocol has any.
#[inline(always)]
pub(super) fn open<S: Source + ?Sized>(source: &S, offset: usize, packet: &mut Packet) {
    if !protocol::has_ports(packet.protocol) {
        return;
    }
    let Some(ports) = source.read::<4>(offset) else {
        packet.otherwise = Reason::TruncatedTransport;
        return;
    };
    packet.ports = [
        u16::from_be_bytes([ports[0], ports[1]]),
        u16::from_be_bytes([ports[2], ports[3]]),
    ];
    packet.ports_known = true;
}

/// Whether an ICMPv6 message is neighbour discovery that cannot have been, and will not be, forwarded.
///
/// RFC 4861 demands a hop limit of 255, which a forwarded packet cannot have. That alone would let a
/// listed host on the link send anything under such a type to the far end of the network, so one end
/// must also be an address that no router forwards: link-local, link-scope multicast or unspecified.
#[inline(always)]
pub(super) fn is_neighbor_discovery<S: Source + ?Sized>(
    source: &S,
    offset: usize,
    hop_limit: u8,
    packet: &Packet,
) -> bool {
    if hop_limit != 255 {
        return false;
    }
    // Router solicitation to redirect; the code is always 0.
    let Some([133..=137, 0]) = source.read::<2>(offset) else {
        return false;
    };
    stays_on_link(packet.source) || stays_on_link(packet.destination)
}

#[inline(always)]
const fn stays_on_link(address: Address) -> bool {
    let link_local = address.high >> 54 == 0xfe80 >> 6;
    let link_multicast = address.high >> 48 == 0xff02;
    let unspecified = address.high == 0 && address.low == 0;
    link_local || link_multicast || unspecified
}
