//! The header window over a frame.

use core::ffi::c_void;

use aya_ebpf::{EbpfContext as _, helpers, programs::XdpContext};
use filter_common::{limits::HEADER_WINDOW, packet::Source};

use crate::maps;

/// Header bytes between two addresses that the verifier knows as packet data or as a map value.
pub(crate) struct Window {
    start: usize,
    end: usize,
}

impl Window {
    /// The first buffer of the frame, in place.
    #[inline(always)]
    pub(crate) fn linear(ctx: &XdpContext) -> Self {
        Self {
            start: ctx.data(),
            end: ctx.data_end(),
        }
    }

    /// Whether all headers that may be read lie in this window.
    #[inline(always)]
    pub(crate) fn covers(&self, frame_length: usize) -> bool {
        let wanted = if frame_length < HEADER_WINDOW {
            frame_length
        } else {
            HEADER_WINDOW
        };
        self.end - self.start >= wanted
    }

    /// A copy of the first header bytes, gathered over buffers.
    #[inline(always)]
    pub(crate) fn copied(ctx: &XdpContext, frame_length: usize) -> Option<Copied> {
        let scratch = maps::SCRATCH.get_ptr_mut(0)?;
        let length = if frame_length < HEADER_WINDOW {
            frame_length
        } else {
            HEADER_WINDOW
        };
        if length == 0 {
            return None;
        }
        // SAFETY: the scratch window is this CPU's own, HEADER_WINDOW bytes long, and length is at
        // most that.
        let result = unsafe {
            helpers::generated::bpf_xdp_load_bytes(
                ctx.as_ptr().cast(),
                0,
                scratch.cast::<c_void>(),
                length as u32,
            )
        };
        if result < 0 {
            None
        } else {
            Some(Copied {
                bytes: scratch.cast_const(),
                length,
            })
        }
    }
}

impl Source for Window {
    #[inline(always)]
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        if offset > HEADER_WINDOW - N {
            return None;
        }
        let at = self.start + offset;
        if at + N > self.end {
            return None;
        }
        // SAFETY: `at .. at + N` lies in the packet, as just compared; the verifier checks it again.
        Some(unsafe { core::ptr::read_unaligned(at as *const [u8; N]) })
    }
}

/// Header bytes in the scratch window.
pub(crate) struct Copied {
    bytes: *const [u8; HEADER_WINDOW],
    length: usize,
}

impl Source for Copied {
    #[inline(always)]
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        if offset > HEADER_WINDOW - N || offset + N > self.length {
            return None;
        }
        // SAFETY: `offset + N` is at most HEADER_WINDOW, the size of what `bytes` points at.
        Some(unsafe { core::ptr::read_unaligned(self.bytes.cast::<u8>().add(offset).cast()) })
    }
}

/// Bytes of the whole frame, over all its buffers.
#[inline(always)]
pub(crate) fn frame_length(ctx: &XdpContext) -> usize {
    // SAFETY: the context is the one the kernel called the program with.
    unsafe { helpers::generated::bpf_xdp_get_buff_len(ctx.as_ptr().cast()) as usize }
}
