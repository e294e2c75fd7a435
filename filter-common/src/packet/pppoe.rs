//! PPPoE sessions (RFC 2516) and the PPP protocol field (RFC 1661).

use super::{Source, Stop, ethernet::Ip};
use crate::{policy::Policy, verdict::Reason};

/// Version 1, type 1, code 0: session data.
const SESSION_DATA: [u8; 2] = [0x11, 0];
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
const PPP_MPLS_UNICAST: u16 = 0x0281;
const PPP_MPLS_MULTICAST: u16 = 0x0283;
/// From here on protocols control the link or a network protocol; what is below carries data (RFC 1661, 2).
const PPP_CONTROL: u16 = 0x8000;

/// What PPP carries.
pub(super) enum Payload {
    Ip(Ip),
    Mpls,
}

/// Opens the session header at `offset` and the protocol field behind it.
///
/// RFC 2516 advises against compressing that field to one byte; peers that do it are understood.
#[inline(always)]
pub(super) fn open<S: Source + ?Sized>(
    source: &S,
    offset: usize,
) -> Result<(Payload, usize), Stop> {
    let Some([version_and_type, code, _, _, _, _, first, second]) = source.read::<8>(offset) else {
        return Err(Stop::policy(Policy::Truncated));
    };
    if [version_and_type, code] != SESSION_DATA {
        return Err(Stop::policy(Policy::BadPppoe));
    }
    // The last byte of the field is the one that is odd.
    let (protocol, at) = if first & 1 == 0 {
        (u16::from_be_bytes([first, second]), offset + 8)
    } else {
        (u16::from_be_bytes([0, first]), offset + 7)
    };
    match protocol {
        PPP_IPV4 => Ok((Payload::Ip(Ip::V4), at)),
        PPP_IPV6 => Ok((Payload::Ip(Ip::V6), at)),
        PPP_MPLS_UNICAST | PPP_MPLS_MULTICAST => Ok((Payload::Mpls, at)),
        PPP_CONTROL.. => Err(Stop::reason(Reason::PppControl)),
        // Multilink, compressed headers or compressed packets: addresses may be in there.
        _ => Err(Stop::policy(Policy::PppUnread)),
    }
}
