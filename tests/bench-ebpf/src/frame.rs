//! Bounded access to the frame.

use aya_ebpf::programs::XdpContext;

use crate::names::IP_OFFSET;

/// Where an IPv4 header has its source.
pub(crate) const V4_SOURCE: usize = IP_OFFSET + 12;
/// Where an IPv4 header has its checksum.
pub(crate) const V4_CHECKSUM: usize = IP_OFFSET + 10;
/// Where an IPv6 header has its source.
pub(crate) const V6_SOURCE: usize = IP_OFFSET + 8;

/// A source address, as the smallest parser that is right finds it.
pub(crate) enum Source {
    V4([u8; 4]),
    V6([u8; 16]),
    None,
}

/// Bytes of the frame at a fixed place.
#[inline(always)]
pub(crate) fn read<const N: usize>(ctx: &XdpContext, offset: usize) -> Option<[u8; N]> {
    let at = place::<N>(ctx, offset)?;
    // SAFETY: `place` has compared it with the end of the frame.
    Some(unsafe { core::ptr::read_unaligned(at) })
}

/// Overwrites bytes of the frame at a fixed place.
#[inline(always)]
pub(crate) fn write<const N: usize>(ctx: &XdpContext, offset: usize, bytes: [u8; N]) -> Option<()> {
    let at = place::<N>(ctx, offset)?;
    // SAFETY: as in `read`; a program owns its frame.
    unsafe { core::ptr::write_unaligned(at, bytes) };
    Some(())
}

#[inline(always)]
fn place<const N: usize>(ctx: &XdpContext, offset: usize) -> Option<*mut [u8; N]> {
    let at = ctx.data() + offset;
    if at + N > ctx.data_end() {
        return None;
    }
    Some(at as *mut [u8; N])
}

/// The source of an IP packet without tags, its version checked.
#[inline(always)]
pub(crate) fn source(ctx: &XdpContext) -> Source {
    let Some([high, low]) = read::<2>(ctx, 12) else {
        return Source::None;
    };
    let Some([version, _]) = read::<2>(ctx, IP_OFFSET) else {
        return Source::None;
    };
    match (high, low, version >> 4) {
        (0x08, 0x00, 4) => match read(ctx, V4_SOURCE) {
            Some(source) => Source::V4(source),
            None => Source::None,
        },
        (0x86, 0xdd, 6) => match read(ctx, V6_SOURCE) {
            Some(source) => Source::V6(source),
            None => Source::None,
        },
        _ => Source::None,
    }
}
