//! The header window over a frame.

use core::ffi::c_void;

use aya_ebpf::{EbpfContext as _, bindings::xdp_md, helpers, programs::XdpContext};
use filter_common::{
    abi::SCRATCH_BYTES,
    limits::HEADER_WINDOW,
    packet::{Link, Source},
};

use crate::{maps, open, unknown::unknown};

/// Header bytes between two addresses that the verifier knows as packet data or as a map value.
pub(crate) struct Window {
    ctx: *mut xdp_md,
    start: usize,
    end: usize,
    frame_length: usize,
}

impl Window {
    /// The first buffer of the frame, in place.
    #[inline(always)]
    pub(crate) fn linear(ctx: &XdpContext, frame_length: usize) -> Self {
        Self {
            ctx: ctx.ctx,
            start: ctx.data(),
            end: ctx.data_end(),
            frame_length,
        }
    }

    /// Whether all headers that may be read lie in this window.
    #[inline(always)]
    pub(crate) fn covers(&self) -> bool {
        let wanted = if self.frame_length < HEADER_WINDOW {
            self.frame_length
        } else {
            HEADER_WINDOW
        };
        self.end - self.start >= wanted
    }
}

impl Source for Window {
    #[inline(always)]
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        // With 1 the compiler compares `at` itself, from which the verifier learns nothing.
        const { assert!(N >= 2) };
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

    #[inline(always)]
    fn frame_length(&self) -> usize {
        self.frame_length
    }

    #[inline(always)]
    fn forget_number(&self, number: u64) -> u64 {
        unknown(number as usize) as u64
    }

    #[inline(always)]
    fn mpls(&self, offset: usize) -> Link {
        open::mpls(self.ctx, self.frame_length, offset)
    }
}

/// Header bytes in the scratch window.
pub(crate) struct Copied {
    bytes: *const [u8; SCRATCH_BYTES],
    /// Bytes of the frame that were copied, at most [`HEADER_WINDOW`].
    length: usize,
    frame_length: usize,
}

impl Copied {
    /// Copies the first header bytes of a frame, gathered over buffers, to this CPU's window.
    #[inline(always)]
    pub(crate) fn gather(ctx: &XdpContext, frame_length: usize) -> Option<()> {
        let scratch = maps::SCRATCH.get_ptr_mut(0)?;
        // The helper takes a length that cannot be zero, and the verifier of Linux 6.1 does not learn that
        // from a comparison with zero.
        let length = in_window(window_length(frame_length)? - 1) + 1;
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
        if result < 0 { None } else { Some(()) }
    }

    /// What [`Copied::gather`] has copied.
    #[inline(always)]
    pub(crate) fn gathered(frame_length: usize) -> Option<Self> {
        Some(Self {
            bytes: maps::SCRATCH.get_ptr(0)?,
            length: window_length(frame_length)?,
            frame_length,
        })
    }
}

/// Bytes of a frame that lie in the window; `None` for none.
#[inline(always)]
fn window_length(frame_length: usize) -> Option<usize> {
    match frame_length {
        0 => None,
        1..HEADER_WINDOW => Some(frame_length),
        _ => Some(HEADER_WINDOW),
    }
}

impl Source for Copied {
    #[inline(always)]
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        const { assert!(N <= SCRATCH_BYTES - HEADER_WINDOW) };
        if offset + N > self.length {
            return None;
        }
        // The comparison is what holds; the verifier forgets what it knew of one sum when the compiler
        // compares another.
        let offset = in_window(offset);
        // SAFETY: `offset` is less than HEADER_WINDOW, and `bytes` points at N more than that.
        Some(unsafe { core::ptr::read_unaligned(self.bytes.cast::<u8>().add(offset).cast()) })
    }

    #[inline(always)]
    fn frame_length(&self) -> usize {
        self.frame_length
    }

    #[inline(always)]
    fn forget_number(&self, number: u64) -> u64 {
        unknown(number as usize) as u64
    }

    #[inline(always)]
    fn mpls(&self, offset: usize) -> Link {
        open::mpls_gathered(self.frame_length, offset)
    }
}

/// An offset that is below [`HEADER_WINDOW`], so that the verifier knows that, and nothing else.
#[inline(always)]
fn in_window(offset: usize) -> usize {
    const { assert!(HEADER_WINDOW.is_power_of_two()) };
    // The compiler would drop a mask that changes nothing, as it sees.
    unknown(offset) & (HEADER_WINDOW - 1)
}

/// Bytes of the whole frame, over all its buffers.
#[inline(always)]
pub(crate) fn frame_length(ctx: &XdpContext) -> usize {
    // SAFETY: the context is the one the kernel called the program with.
    unsafe { helpers::generated::bpf_xdp_get_buff_len(ctx.as_ptr().cast()) as usize }
}
