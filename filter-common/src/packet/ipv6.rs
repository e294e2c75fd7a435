//! IPv6 (RFC 8200): addresses, extension headers, fragments.

use super::{
    Features, Flow, FragmentBits, Headers, Source, Stop, Upper, ipv4::fragment, protocol, transport,
};
use crate::{
    address::{Address, Family},
    limits::{HEADER_WINDOW, IPV6_EXTENSIONS_MAX},
    policy::{Policies, Policy},
    verdict::Reason,
};

pub(super) const HEADER: usize = 40;
const FRAGMENT_HEADER: usize = 8;
/// The 13 bits of the fragment offset, which count bytes where they stand; the rest of the field is
/// reserved and the M flag.
const FRAGMENT_OFFSET: u16 = 0xfff8;
const MORE_FRAGMENTS: u16 = 1;
/// No packet that is not a jumbogram has more bytes behind its header.
const PAYLOAD_MAX: usize = 65_535;

/// Reads the header at `offset` and follows the chain of extension headers.
#[inline(always)]
pub(super) fn open<S: Source + ?Sized>(source: &S, offset: usize) -> Result<Headers, Stop> {
    let Some(header) = source.read::<8>(offset) else {
        return Err(Stop::policy(Policy::Truncated));
    };
    let Some(sender) = source.read::<16>(offset + 8) else {
        return Err(Stop::policy(Policy::Truncated));
    };
    let Some(receiver) = source.read::<16>(offset + 24) else {
        return Err(Stop::policy(Policy::Truncated));
    };
    if header[0] >> 4 != 6 {
        return Err(Stop::policy(Policy::BadIpHeader));
    }
    let flow = Flow::new(
        Family::V6,
        Address::from_v6(sender),
        Address::from_v6(receiver),
    );
    let mut headers = Headers::new(flow, header[7]);
    let room = source.frame_length().saturating_sub(offset + HEADER);
    let mut payload = u16::from_be_bytes([header[4], header[5]]) as usize;
    let mut next = header[6];
    if payload == 0 && next == protocol::HOP_BY_HOP {
        // A jumbogram (RFC 2675) says its length in an option; no link here carries one, and what
        // poses as one ends with the frame.
        payload = room;
    }
    headers.odd.add_if(Policy::BadLength, payload > room);
    let [a, b, c, d, ..] = header;
    headers.features = Features::of_v6([a, b, c, d], HEADER + payload);
    let end = offset + HEADER + payload;
    let mut at = offset + HEADER;
    let mut fragmented = false;
    let mut has_more = false;
    for depth in 0..IPV6_EXTENSIONS_MAX {
        if !is_extension(next) {
            break;
        }
        let extension = if at + 8 > end || at >= HEADER_WINDOW {
            None
        } else {
            at = source.forget(at);
            source.read::<4>(at)
        };
        let Some(extension) = extension else {
            headers.odd.add(cut(has_more));
            return Ok(headers);
        };
        match next {
            protocol::FRAGMENT => {
                headers.odd.add_if(Policy::ExtensionOrder, fragmented);
                fragmented = true;
                let field = u16::from_be_bytes([extension[2], extension[3]]);
                let start = (field & FRAGMENT_OFFSET) as usize;
                let goes_on = field & MORE_FRAGMENTS != 0;
                has_more |= goes_on;
                headers
                    .features
                    .add_fragment(FragmentBits::of(start == 0, goes_on));
                at += FRAGMENT_HEADER;
                let length = end - at;
                // One that is first and last is whole (RFC 6946).
                if start != 0 || has_more {
                    let mut odd = fragment(start, length, goes_on);
                    odd.add_if(Policy::BadFragment, start + length > PAYLOAD_MAX);
                    odd.add_if(Policy::IcmpFragment, extension[0] == protocol::ICMPV6);
                    headers.odd = headers.odd.or(odd);
                }
                // The second byte is reserved: whatever the sender wrote there is no length.
                if start != 0 {
                    // What this fragment begins with is payload, of a protocol known only where no
                    // further extension header was named.
                    if !is_extension(extension[0]) {
                        headers.flow.set_protocol(extension[0]);
                    }
                    return Ok(headers);
                }
            }
            header => {
                let is_late = header == protocol::HOP_BY_HOP && depth != 0;
                headers.odd.add_if(Policy::ExtensionOrder, is_late);
                let is_type_0 = header == protocol::ROUTING && extension[2] == 0;
                headers.odd.add_if(Policy::RoutingHeader0, is_type_0);
                at += length(header, extension[1]);
            }
        }
        next = extension[0];
        headers.odd = Policies::from_bits(source.forget_number(headers.odd.to_bits()));
        headers.features.forget(|word| source.forget_number(word));
        fragmented = source.forget_number(u64::from(fragmented)) != 0;
        has_more = source.forget_number(u64::from(has_more)) != 0;
    }
    if is_extension(next) {
        headers.odd.add(Policy::ExtensionLimit);
        return Ok(headers);
    }
    let chain = Chain {
        next,
        first: offset + HEADER,
        at,
        end,
        has_more,
    };
    Ok(open_upper(source, chain, headers))
}

/// A chain of extension headers that was followed to its end.
#[derive(Clone, Copy)]
struct Chain {
    /// What follows it.
    next: u8,
    /// Where the chain begins in the frame.
    first: usize,
    /// Where what follows it begins.
    at: usize,
    /// Where the packet ends, as its header says.
    end: usize,
    /// Whether further fragments follow.
    has_more: bool,
}

#[inline(always)]
fn open_upper<S: Source + ?Sized>(source: &S, chain: Chain, mut headers: Headers) -> Headers {
    let Chain {
        next,
        first,
        at,
        end,
        has_more,
    } = chain;
    headers
        .odd
        .add_if(Policy::UnknownNextHeader, protocol::is_unknown(next));
    headers.flow.set_protocol(next);
    // With further extension headers behind the fragment header, only the first fragment shows it.
    headers
        .odd
        .add_if(Policy::IcmpFragment, has_more && next == protocol::ICMPV6);
    if at > end {
        headers.odd.add(cut(has_more));
        return headers;
    }
    // Neighbour discovery in fragments is not valid (RFC 6980), and a routing header can send what poses
    // as it on from here. No host puts it behind any extension header.
    let may_be_discovery = next == protocol::ICMPV6 && at == first;
    if may_be_discovery && transport::is_neighbor_discovery(source, at, &headers) {
        headers.stop = Stop::reason(Reason::NeighborDiscovery).number();
        return headers;
    }
    let upper = Upper {
        at,
        length: end - at,
    };
    transport::open(source, upper, has_more, &mut headers);
    headers.upper = upper;
    headers
}

/// What it is when the chain, or the transport header, is not there to its end.
#[inline(always)]
const fn cut(has_more: bool) -> Policy {
    if has_more {
        Policy::TinyFragment
    } else {
        Policy::TruncatedTransport
    }
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
