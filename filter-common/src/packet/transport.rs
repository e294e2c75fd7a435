//! Ports, TCP flags and lengths, and the ICMPv6 messages that belong to the link.

use super::{Headers, Source, Upper, protocol};
use crate::{
    address::{Address, Family},
    limits::ICMP_MESSAGE_MAX,
    policy::{Policies, Policy},
};

pub(super) const TCP_HEADER: usize = 20;
pub(super) const UDP_HEADER: usize = 8;

/// Reads the transport header at `upper`, if its protocol has ports, and says what is odd about it.
///
/// `has_more` is set for a first fragment: its data goes on elsewhere, so that lengths say less.
#[inline(always)]
pub(super) fn open<S: Source + ?Sized>(
    source: &S,
    upper: Upper,
    has_more: bool,
    headers: &mut Headers,
) {
    let protocol = headers.flow.protocol_number();
    headers.odd = Policies::from_bits(source.forget_number(headers.odd.to_bits()));
    if protocol::has_ports(protocol) {
        let cut = if has_more {
            Policy::TinyFragment
        } else {
            Policy::TruncatedTransport
        };
        if upper.length < 4 {
            headers.odd.add(cut);
            return;
        }
        let Some([source_high, source_low, destination_high, destination_low]) =
            source.read::<4>(upper.at)
        else {
            headers.odd.add(cut);
            return;
        };
        let ports = [
            u16::from_be_bytes([source_high, source_low]),
            u16::from_be_bytes([destination_high, destination_low]),
        ];
        headers.flow.set_ports(ports);
        headers
            .odd
            .add_if(Policy::PortZero, ports[0] == 0 || ports[1] == 0);
        match protocol {
            protocol::TCP => {
                let fields = source.read::<2>(upper.at + 12);
                match fields {
                    Some([offset, flags]) if upper.length >= TCP_HEADER => {
                        let header = (offset >> 4) as usize * 4;
                        headers.odd = headers.odd.or(tcp(header, flags, upper.length));
                        headers.features.set_flags([offset, flags]);
                        if header > upper.length {
                            headers.odd.add(if has_more {
                                Policy::TinyFragment
                            } else {
                                Policy::TcpBadOffset
                            });
                        }
                    }
                    _ => headers.odd.add(cut),
                }
            }
            protocol::UDP => match source.read::<2>(upper.at + 4) {
                Some(field) if upper.length >= UDP_HEADER => {
                    let length = u16::from_be_bytes(field) as usize;
                    let bad = length < UDP_HEADER || (length > upper.length && !has_more);
                    headers.odd.add_if(Policy::BadUdpLength, bad);
                }
                _ => headers.odd.add(cut),
            },
            _ => {}
        }
    } else if protocol == protocol::ICMP || protocol == protocol::ICMPV6 {
        headers
            .odd
            .add_if(Policy::IcmpOversize, upper.length > ICMP_MESSAGE_MAX);
        let of_family = match headers.flow.family {
            Family::V4 => protocol == protocol::ICMP,
            Family::V6 => protocol == protocol::ICMPV6,
        };
        if of_family
            && upper.length >= 2
            && let Some(message) = source.read::<2>(upper.at)
        {
            headers.features.set_message(message);
        }
    }
}

/// What is odd about a TCP header of `header` bytes in a segment of `length`.
#[inline(always)]
pub(super) const fn tcp(header: usize, flags: u8, length: usize) -> Policies {
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const RST: u8 = 4;
    const PSH: u8 = 8;
    const ACK: u8 = 16;
    const URG: u8 = 32;
    let mut odd = Policies::NONE;
    odd.add_if(Policy::TcpBadOffset, header < TCP_HEADER);
    // Most segments only acknowledge.
    if flags & (FIN | SYN | RST | ACK) == ACK {
        return odd;
    }
    let flags = flags & (FIN | SYN | RST | PSH | ACK | URG);
    let xmas = flags == FIN | PSH | URG;
    odd.add_if(Policy::TcpNull, flags == 0);
    odd.add_if(Policy::TcpXmas, xmas);
    odd.add_if(Policy::TcpSynFin, flags & (SYN | FIN) == SYN | FIN);
    odd.add_if(Policy::TcpSynRst, flags & (SYN | RST) == SYN | RST);
    odd.add_if(Policy::TcpFinRst, flags & (FIN | RST) == FIN | RST);
    odd.add_if(
        Policy::TcpFinWithoutAck,
        flags & (FIN | SYN | RST | ACK) == FIN && !xmas,
    );
    if flags & (SYN | ACK) == SYN {
        odd.add_if(Policy::TcpSynWithoutOptions, header == TCP_HEADER);
        odd.add_if(Policy::TcpSynWithData, length > header);
    }
    odd
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
    headers: &Headers,
) -> bool {
    if headers.hop_limit != 255 {
        return false;
    }
    let Some(message) = source.read::<2>(offset) else {
        return false;
    };
    // Router solicitation to redirect; the code is always 0. One number, which stays in a register.
    if !matches!(
        u16::from_be_bytes(message),
        0x8500 | 0x8600 | 0x8700 | 0x8800 | 0x8900
    ) {
        return false;
    }
    stays_on_link(headers.flow.source) || stays_on_link(headers.flow.destination)
}

/// Whether no router forwards a packet with this IPv6 address at one end.
#[inline(always)]
pub(crate) const fn stays_on_link(address: Address) -> bool {
    let link_local = address.high >> 54 == 0xfe80 >> 6;
    let link_multicast = address.high >> 48 == 0xff02;
    let unspecified = address.high == 0 && address.low == 0;
    link_local || link_multicast || unspecified
}
