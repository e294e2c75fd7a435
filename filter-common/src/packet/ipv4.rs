//! IPv4 (RFC 791): addresses, options, fragments.

use super::{Features, Flow, Headers, Source, Stop, Upper, transport};
use crate::{
    address::{Address, Family},
    limits::HEADER_WINDOW,
    policy::{Policies, Policy},
};

pub(super) const HEADER: usize = 20;
/// Bytes that the longest header has for options.
const OPTION_BYTES_MAX: usize = 40;
const END_OF_OPTIONS: u8 = 0;
const NO_OPERATION: u8 = 1;
const LOOSE_SOURCE_ROUTE: u8 = 131;
const STRICT_SOURCE_ROUTE: u8 = 137;
const MORE_FRAGMENTS: u16 = 0x2000;
/// The 13 bits of the fragment offset, in units of 8 bytes.
const FRAGMENT_OFFSET: u16 = 0x1fff;
/// No packet is longer (RFC 791, 3.1).
const LENGTH_MAX: usize = 65_535;

/// Reads the header at `offset` and what can be known of the transport header.
///
/// A header whose version is right but whose lengths are wrong still has its addresses judged.
#[inline(always)]
pub(super) fn open<S: Source + ?Sized>(source: &S, offset: usize) -> Result<Headers, Stop> {
    let Some(header) = source.read::<HEADER>(offset) else {
        return Err(Stop::policy(Policy::Truncated));
    };
    if header[0] >> 4 != 4 {
        return Err(Stop::policy(Policy::BadIpHeader));
    }
    let flow = Flow::new(
        Family::V4,
        Address::from_v4([header[12], header[13], header[14], header[15]]),
        Address::from_v4([header[16], header[17], header[18], header[19]]),
    );
    let mut headers = Headers::new(flow, header[8]);
    let header_length = (header[0] & 0x0f) as usize * 4;
    let total_length = u16::from_be_bytes([header[2], header[3]]) as usize;
    let field = u16::from_be_bytes([header[6], header[7]]);
    headers.features = Features::of_v4(header[1], total_length, field);
    let odd = &mut headers.odd;
    if header_length < HEADER {
        odd.add(Policy::BadIpHeader);
        return Ok(headers);
    }
    if total_length < header_length {
        odd.add(Policy::BadLength);
        return Ok(headers);
    }
    if header_length > HEADER {
        odd.add(Policy::Ipv4Options);
        headers.options = header_length - HEADER;
    }
    odd.add_if(
        Policy::BadLength,
        offset + total_length > source.frame_length(),
    );
    let protocol = header[9];
    odd.add_if(
        Policy::UnknownNextHeader,
        super::protocol::is_unknown(protocol),
    );
    headers.flow.set_protocol(protocol);
    let upper = Upper {
        at: offset + header_length,
        length: total_length - header_length,
    };
    let is_first = field & FRAGMENT_OFFSET == 0;
    let has_more = field & MORE_FRAGMENTS != 0;
    if !is_first || has_more {
        let start = (field & FRAGMENT_OFFSET) as usize * 8;
        // The length of the whole packet counts its header, which is as long as this one.
        let end = header_length + start + upper.length;
        headers.odd = headers.odd.or(fragment(start, upper.length, has_more));
        headers.odd.add_if(Policy::BadFragment, end > LENGTH_MAX);
        headers
            .odd
            .add_if(Policy::IcmpFragment, protocol == super::protocol::ICMP);
    }
    // A fragment other than the first carries payload where the ports would be.
    if !is_first {
        return Ok(headers);
    }
    transport::open(source, upper, has_more, &mut headers);
    headers.upper = upper;
    Ok(headers)
}

/// Where the options of an IPv4 header lie in the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The first byte.
    pub at: usize,
    /// The first byte behind them.
    pub end: usize,
}

/// Whether one of the options is a source route: then the destination in the header is only the next
/// station.
///
/// Behind an option whose length cannot be, nothing is looked for: no router can follow it either.
#[inline(always)]
pub(super) fn has_source_route<S: Source + ?Sized>(source: &S, options: Options) -> bool {
    let Options { at: mut next, end } = options;
    for _ in 0..OPTION_BYTES_MAX {
        if next >= end || next >= HEADER_WINDOW {
            break;
        }
        let at = source.forget(next);
        // The last byte of the header is no source route, so it does not matter if the frame ends there.
        let Some([kind, length]) = source.read::<2>(at) else {
            break;
        };
        match kind {
            END_OF_OPTIONS => break,
            NO_OPERATION => next = at + 1,
            LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE => return true,
            _ if length < 2 => break,
            _ => next = at + length as usize,
        }
    }
    false
}

/// What is odd about a fragment of `length` bytes that begins `start` bytes into the payload.
#[inline(always)]
pub(super) const fn fragment(start: usize, length: usize, has_more: bool) -> Policies {
    let mut odd = Policies::of(Policy::Fragment);
    odd.add_if(
        Policy::BadFragment,
        length == 0 || (has_more && length & 7 != 0),
    );
    // No link is so narrow that a packet's second fragment begins after 8 bytes.
    odd.add_if(Policy::OverlappingFragment, start == 8);
    odd
}
