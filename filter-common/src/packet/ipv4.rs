//! IPv4 (RFC 791): addresses, options, fragments.

use super::{Packet, Source, transport};
use crate::{
    address::{Address, Family},
    verdict::Reason,
};

const HEADER: usize = 20;
/// The 13 bits of the fragment offset, in the host's order.
const FRAGMENT_OFFSET: u16 = 0x1fff;

/// Reads the header at `offset`.
///
/// A header whose version is right but whose lengths are wrong still has its addresses judged.
#[inline(always)]
pub(super) fn open<S: Source + ?Sized>(source: &S, offset: usize) -> Result<Packet, Reason> {
    let Some(header) = source.read::<HEADER>(offset) else {
        return Err(Reason::Truncated);
    };
    if header[0] >> 4 != 4 {
        return Err(Reason::BadIpHeader);
    }
    let mut packet = Packet::new(
        Family::V4,
        Address::from_v4([header[12], header[13], header[14], header[15]]),
        Address::from_v4([header[16], header[17], header[18], header[19]]),
    );
    let header_length = usize::from(header[0] & 0x0f) * 4;
    let total_length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header_length < HEADER || total_length < header_length {
        packet.otherwise = Reason::BadIpHeader;
        return Ok(packet);
    }
    packet.set_protocol(header[9]);
    // A fragment other than the first carries payload where the ports would be.
    if u16::from_be_bytes([header[6], header[7]]) & FRAGMENT_OFFSET == 0 {
        transport::open(source, offset + header_length, &mut packet);
    }
    Ok(packet)
}
