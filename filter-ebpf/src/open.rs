//! The parser as calls.
//!
//! The verifier follows every path through the program. The ways to wrap an IP header times the ways an
//! IP header can be odd are too many of them, so each half is a function of its own, which is verified
//! once. What a function finds is more than a word: it leaves it in a map of this CPU, from where the
//! caller takes it as numbers of which the verifier knows nothing.

use aya_ebpf::{bindings::xdp_md, programs::XdpContext};
use filter_common::{
    abi::OPENED_BYTES,
    packet::{Headers, Ip, Link, Source, Stop, open_ip, open_link},
    settings::Tunnels,
};

use crate::{
    maps,
    source::{Copied, Window},
};

/// A frame whose parts are opened by calls.
pub(crate) struct Opener<'a> {
    ctx: &'a XdpContext,
    frame_length: usize,
    /// Whether its first bytes were gathered over buffers.
    gathered: bool,
}

impl<'a> Opener<'a> {
    /// Over a frame; gathers its first bytes where the driver has spread them over buffers.
    #[inline(always)]
    pub(crate) fn new(ctx: &'a XdpContext, frame_length: usize) -> Option<Self> {
        let gathered = !Window::linear(ctx, frame_length).covers();
        if gathered {
            Copied::gather(ctx, frame_length)?;
        }
        Some(Self {
            ctx,
            frame_length,
            gathered,
        })
    }
}

impl Source for Opener<'_> {
    #[inline(always)]
    fn read<const N: usize>(&self, _: usize) -> Option<[u8; N]> {
        None
    }

    #[inline(always)]
    fn frame_length(&self) -> usize {
        self.frame_length
    }

    #[inline(always)]
    fn link(&self) -> Link {
        let length = self.frame_length as u64;
        if self.gathered {
            levee_link_gathered(length);
        } else {
            levee_link(self.ctx.ctx, length);
        }
        taken().unwrap_or(Link::CUT)
    }

    #[inline(always)]
    fn ip(&self, ip: Ip, offset: usize, tunnels: Tunnels) -> Result<Headers, Stop> {
        let length = self.frame_length as u64;
        let place = Place {
            ip,
            offset,
            tunnels,
        };
        let stop = if self.gathered {
            levee_ip_gathered(length, place.to_bits())
        } else {
            levee_ip(self.ctx.ctx, length, place.to_bits())
        };
        if stop != 0 {
            return Err(Stop::from_number(stop as u32));
        }
        taken().ok_or(Stop::TRUNCATED)
    }
}

/// What is to be opened where, in a word.
struct Place {
    ip: Ip,
    offset: usize,
    tunnels: Tunnels,
}

impl Place {
    #[inline(always)]
    fn to_bits(&self) -> u64 {
        let is_v6 = match self.ip {
            Ip::V4 => 0,
            Ip::V6 => 1,
        };
        (self.offset as u64) << 16 | (self.tunnels.to_bits() as u64) << 8 | is_v6
    }

    #[inline(always)]
    fn from_bits(bits: u64) -> Self {
        Self {
            ip: if bits & 1 == 0 { Ip::V4 } else { Ip::V6 },
            offset: (bits >> 16 & 0xffff) as usize,
            tunnels: Tunnels::from_bits((bits >> 8) as u8),
        }
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_link(ctx: *mut xdp_md, frame_length: u64) -> u64 {
    let ctx = XdpContext::new(ctx);
    leave(open_link(&Window::linear(&ctx, frame_length as usize)))
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_link_gathered(frame_length: u64) -> u64 {
    leave(match Copied::gathered(frame_length as usize) {
        Some(copied) => open_link(&copied),
        None => Link::CUT,
    })
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_ip(ctx: *mut xdp_md, frame_length: u64, place: u64) -> u64 {
    let ctx = XdpContext::new(ctx);
    let Place {
        ip,
        offset,
        tunnels,
    } = Place::from_bits(place);
    let linear = Window::linear(&ctx, frame_length as usize);
    leave_headers(open_ip(&linear, ip, offset, tunnels))
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_ip_gathered(frame_length: u64, place: u64) -> u64 {
    let Place {
        ip,
        offset,
        tunnels,
    } = Place::from_bits(place);
    leave_headers(match Copied::gathered(frame_length as usize) {
        Some(copied) => open_ip(&copied, ip, offset, tunnels),
        None => Err(Stop::TRUNCATED),
    })
}

/// Leaves headers for the caller and answers 0, or answers why there are none.
#[inline(always)]
fn leave_headers(headers: Result<Headers, Stop>) -> u64 {
    match headers {
        Ok(headers) => {
            leave(headers);
            0
        }
        Err(stop) => stop.number() as u64,
    }
}

/// Leaves what was found for the caller.
#[inline(always)]
fn leave<T>(found: T) -> u64 {
    const { assert!(size_of::<T>() <= OPENED_BYTES && align_of::<T>() <= 8) };
    let Some(opened) = maps::OPENED.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: this CPU's own memory, large enough and aligned as just asserted.
    unsafe { opened.cast::<T>().write(found) };
    1
}

/// Takes what the function just called has left.
#[inline(always)]
fn taken<T: Copy>() -> Option<T> {
    const { assert!(size_of::<T>() <= OPENED_BYTES && align_of::<T>() <= 8) };
    let opened = maps::OPENED.get_ptr(0)?;
    // SAFETY: the function just called on this CPU has written a `T` there.
    Some(unsafe { opened.cast::<T>().read() })
}
