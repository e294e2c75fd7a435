//! Sources for frames, one after the other, for live traffic and for runs without an interface.

use aya_ebpf::programs::XdpContext;

use crate::{
    frame::{read, write},
    maps,
    names::{DESTINATIONS, IP_OFFSET, V4_CHECKSUM, V4_SOURCE, V6_SOURCE},
};

/// Gives the frame the next source, and another destination.
///
/// `found` is what the program found for the frame before: the place of the next source is computed
/// from it, so that a processor cannot begin with this frame before it has finished with the last.
#[inline(always)]
pub(crate) fn next(ctx: &XdpContext, found: u32) -> Option<()> {
    let cursor = maps::CURSOR.get_ptr_mut(0)?;
    // SAFETY: the map's own memory for this CPU, on which the program cannot be interrupted by itself.
    let [at, frames] = unsafe { &mut *cursor };
    let index = *at + (found & maps::zero());
    *at = if index + 1 >= maps::sources_count() {
        0
    } else {
        index + 1
    };
    *frames = frames.wrapping_add(1);
    let destination = (*frames % DESTINATIONS) as u16;
    let source = maps::SOURCES.get(index)?;
    match read::<2>(ctx, IP_OFFSET)? {
        [0x45, _] => v4(ctx, source, destination),
        _ => v6(ctx, source, destination),
    }
}

#[inline(always)]
fn v4(ctx: &XdpContext, source: &[u8; 16], destination: u16) -> Option<()> {
    let [a, b, c, d, ..] = *source;
    write(ctx, V4_SOURCE, [a, b, c, d])?;
    // The upper four bits of this half are those of the network.
    let [e, f] = read::<2>(ctx, V4_SOURCE + 6)?;
    let last = u16::from_be_bytes([e, f]) & !(DESTINATIONS as u16 - 1) | destination;
    write(ctx, V4_SOURCE + 6, last.to_be_bytes())?;
    write(ctx, V4_CHECKSUM, [0, 0])?;
    let header = read::<20>(ctx, IP_OFFSET)?;
    let mut sum = 0_u32;
    let mut index = 0;
    while index < 20 {
        sum += u16::from_be_bytes([header[index], header[index + 1]]) as u32;
        index += 2;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    write(ctx, V4_CHECKSUM, (!(sum as u16)).to_be_bytes())
}

#[inline(always)]
fn v6(ctx: &XdpContext, source: &[u8; 16], destination: u16) -> Option<()> {
    write(ctx, V6_SOURCE, *source)?;
    write(ctx, V6_SOURCE + 30, destination.to_be_bytes())
}
