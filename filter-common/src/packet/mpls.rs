//! MPLS label stacks (RFC 3032).
//!
//! A stack does not say what it carries, except by an explicit null label at its bottom. Otherwise the
//! first four bits behind it tell IPv4 and IPv6 from a pseudowire's control word, whose first four are 0,
//! and from its control channel, whose first four are 1 (RFC 4385, RFC 5586). The label of that
//! channel, 13, hides no IP: behind an entropy label indicator any number may stand there. An Ethernet
//! pseudowire without a control word can begin with any bits (RFC 4928). Where a known EtherType stands
//! where Ethernet has it, what does not fit the lengths of an IP header is taken for one, and what does fit
//! is taken for IP with a doubt: see [`super::Packet::doubtful`].

use super::{Source, Stop, ethernet, ethernet::Ip};
use crate::{limits::MPLS_LABELS_MAX, policy::Policy, verdict::Reason};

const LABEL: usize = 4;
const BOTTOM: u8 = 1;
const IPV4_EXPLICIT_NULL: u32 = 0;
const IPV6_EXPLICIT_NULL: u32 = 2;
const GENERIC_ASSOCIATED_CHANNEL: u32 = 13;

/// Skips the stack at `offset`.
#[inline(always)]
pub(super) fn open<S: Source + ?Sized>(
    source: &S,
    offset: usize,
    doubtful: &mut bool,
) -> Result<(Ip, usize), Stop> {
    let mut at = offset;
    let mut label = 0;
    let mut bottom = 0;
    for _ in 0..MPLS_LABELS_MAX {
        let Some([high, middle, low, _]) = source.read::<LABEL>(at) else {
            return Err(Stop::policy(Policy::Truncated));
        };
        label = u32::from_be_bytes([0, high, middle, low]) >> 4;
        bottom = low & BOTTOM;
        at += LABEL;
        if bottom != 0 {
            break;
        }
    }
    if bottom == 0 {
        return Err(Stop::policy(Policy::TooManyLabels));
    }
    match label {
        IPV4_EXPLICIT_NULL => Ok((Ip::V4, at)),
        IPV6_EXPLICIT_NULL => Ok((Ip::V6, at)),
        _ => match guess(source, at, doubtful) {
            Err(_) if label == GENERIC_ASSOCIATED_CHANNEL => {
                Err(Stop::reason(Reason::MplsPseudowire))
            }
            found => found,
        },
    }
}

/// What begins at `at`. It is doubtful if it may as well be Ethernet.
#[inline(always)]
fn guess<S: Source + ?Sized>(
    source: &S,
    at: usize,
    doubtful: &mut bool,
) -> Result<(Ip, usize), Stop> {
    let Some([first, _, high, low, payload_high, payload_low]) = source.read::<6>(at) else {
        return Err(Stop::policy(Policy::Truncated));
    };
    let room = source.frame_length().saturating_sub(at);
    let (ip, length) = match first >> 4 {
        0 | 1 => return Err(Stop::reason(Reason::MplsPseudowire)),
        4 => (Ip::V4, u16::from_be_bytes([high, low]) as usize),
        6 => (
            Ip::V6,
            40 + u16::from_be_bytes([payload_high, payload_low]) as usize,
        ),
        _ => return Err(Stop::policy(Policy::UnknownMplsPayload)),
    };
    *doubtful = is_ethernet(source, at);
    if *doubtful && length > room {
        return Err(Stop::reason(Reason::MplsPseudowire));
    }
    Ok((ip, at))
}

/// Whether an Ethernet header seems to begin at `at`.
#[inline(always)]
fn is_ethernet<S: Source + ?Sized>(source: &S, at: usize) -> bool {
    let Some(field) = source.read::<2>(at + 12) else {
        return false;
    };
    matches!(
        u16::from_be_bytes(field),
        ethernet::IPV4
            | ethernet::IPV6
            | ethernet::ARP
            | ethernet::C_TAG
            | ethernet::S_TAG
            | ethernet::MPLS_UNICAST
            | ethernet::PPPOE_SESSION
    )
}
