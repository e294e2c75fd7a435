//! The parser as calls.
//!
//! The verifier follows every path through the program. The ways to wrap an IP header times the ways an
//! IP header can be odd are too many of them, so each half is a function of its own, which is verified
//! once. What a function finds is more than a word: it leaves it in a map of this CPU, from where the
//! caller takes it as numbers of which the verifier knows nothing.

use aya_ebpf::{bindings::xdp_md, programs::XdpContext};
use filter_common::{
    abi::OPENED_BYTES,
    packet::{
        Frame, Headers, Ip, Link, Options, Source, classify, find_source_route, open_ip, open_link,
        open_mpls, open_plain,
    },
    settings::Tunnels,
};

use crate::{
    Undecided, maps,
    source::{Copied, Window},
};

/// Where in the map a function leaves a part of the frame.
const PART: u32 = 0;
/// Where the whole is.
const WHOLE: u32 = 1;
/// Where that is of which lists and policies have not decided.
const UNDECIDED: u32 = 2;

/// Opens a frame. It stays where it is until this CPU opens the next.
#[inline(always)]
pub(crate) fn frame(ctx: &XdpContext, frame_length: usize, tunnels: Tunnels) {
    levee_frame(ctx.ctx, frame_length as u64, tunnels.to_bits() as u64);
}

/// The frame that was opened last on this CPU.
#[inline(always)]
pub(crate) fn opened() -> &'static Frame {
    match maps::OPENED.get_ptr(WHOLE) {
        // SAFETY: `levee_frame` has written a `Frame` there; zeros, where it never ran, are one too.
        Some(opened) => unsafe { &*opened.cast::<Frame>() },
        None => &Frame::CUT,
    }
}

/// Leaves what [`undecided`] finds.
#[inline(always)]
pub(crate) fn leave_undecided(undecided: Undecided) {
    leave_at(UNDECIDED, undecided);
}

/// What was left last on this CPU.
#[inline(always)]
pub(crate) fn undecided() -> Option<&'static Undecided> {
    let undecided = maps::OPENED.get_ptr(UNDECIDED)?;
    // SAFETY: `leave_undecided` has written an `Undecided` there.
    Some(unsafe { &*undecided.cast::<Undecided>() })
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_frame(ctx: *mut xdp_md, frame_length: u64, tunnels: u64) -> u64 {
    let ctx = XdpContext::new(ctx);
    let frame = match Opener::new(&ctx, frame_length as usize) {
        Some(opener) => classify(&opener, Tunnels::from_bits(tunnels as u8)),
        None => Frame::CUT,
    };
    leave_at(WHOLE, frame)
}

/// A frame whose parts are opened by calls.
struct Opener<'a> {
    ctx: &'a XdpContext,
    frame_length: usize,
    /// Whether its first bytes were gathered over buffers.
    gathered: bool,
}

impl<'a> Opener<'a> {
    /// Over a frame; gathers its first bytes where the driver has spread them over buffers.
    #[inline(always)]
    fn new(ctx: &'a XdpContext, frame_length: usize) -> Option<Self> {
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
    fn plain(&self) -> Option<Frame> {
        if self.gathered {
            return None;
        }
        open_plain(&Window::linear(self.ctx, self.frame_length))
    }

    #[inline(always)]
    fn link(&self) -> Link {
        let length = self.frame_length as u64;
        if self.gathered {
            levee_link_gathered(length);
        } else {
            levee_link(self.ctx.ctx, length);
        }
        taken(Link::CUT)
    }

    #[inline(always)]
    fn ip(&self, ip: Ip, offset: usize, tunnels: Tunnels) -> Headers {
        let length = self.frame_length as u64;
        let place = Place {
            ip,
            offset,
            tunnels,
        };
        if self.gathered {
            levee_ip_gathered(length, place.to_bits());
        } else {
            levee_ip(self.ctx.ctx, length, place.to_bits());
        }
        taken(Headers::CUT)
    }

    #[inline(always)]
    fn has_source_route(&self, options: Options) -> bool {
        let length = self.frame_length as u64;
        let found = if self.gathered {
            levee_options_gathered(length, options.at as u64, options.end as u64)
        } else {
            levee_options(self.ctx.ctx, length, options.at as u64, options.end as u64)
        };
        found != 0
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

/// Opens the MPLS stack at `offset` of a frame.
#[inline(always)]
pub(crate) fn mpls(ctx: *mut xdp_md, frame_length: usize, offset: usize) -> Link {
    levee_mpls(ctx, frame_length as u64, offset as u64);
    taken(Link::CUT)
}

/// The same of a frame whose first bytes were gathered.
#[inline(always)]
pub(crate) fn mpls_gathered(frame_length: usize, offset: usize) -> Link {
    levee_mpls_gathered(frame_length as u64, offset as u64);
    taken(Link::CUT)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_mpls(ctx: *mut xdp_md, frame_length: u64, offset: u64) -> u64 {
    let ctx = XdpContext::new(ctx);
    let linear = Window::linear(&ctx, frame_length as usize);
    leave(open_mpls(&linear, (offset & 0xffff) as usize))
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_mpls_gathered(frame_length: u64, offset: u64) -> u64 {
    leave(match Copied::gathered(frame_length as usize) {
        Some(copied) => open_mpls(&copied, (offset & 0xffff) as usize),
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
    leave(open_ip(&linear, ip, offset, tunnels))
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_ip_gathered(frame_length: u64, place: u64) -> u64 {
    let Place {
        ip,
        offset,
        tunnels,
    } = Place::from_bits(place);
    leave(match Copied::gathered(frame_length as usize) {
        Some(copied) => open_ip(&copied, ip, offset, tunnels),
        None => Headers::CUT,
    })
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_options(ctx: *mut xdp_md, frame_length: u64, at: u64, end: u64) -> u64 {
    let ctx = XdpContext::new(ctx);
    let linear = Window::linear(&ctx, frame_length as usize);
    find_source_route(&linear, options(at, end)) as u64
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_options_gathered(frame_length: u64, at: u64, end: u64) -> u64 {
    match Copied::gathered(frame_length as usize) {
        Some(copied) => find_source_route(&copied, options(at, end)) as u64,
        None => 0,
    }
}

#[inline(always)]
fn options(at: u64, end: u64) -> Options {
    Options {
        at: (at & 0xffff) as usize,
        end: (end & 0xffff) as usize,
    }
}

/// Leaves what was found for the caller.
#[inline(always)]
fn leave<T: Copy>(found: T) -> u64 {
    leave_at(PART, found)
}

#[inline(always)]
fn leave_at<T: Copy>(place: u32, found: T) -> u64 {
    const { assert!(size_of::<T>() <= OPENED_BYTES && align_of::<T>() <= 8) };
    let Some(opened) = maps::OPENED.get_ptr_mut(place) else {
        return 0;
    };
    // SAFETY: this CPU's own memory, large enough and aligned as just asserted.
    unsafe { opened.cast::<T>().write(found) };
    1
}

/// Takes what the function just called has left; `otherwise` if that cannot be reached.
///
/// Not an `Option`: the compiler would tell `None` by a value that no field of `T` has, look for it in
/// the map, and on that path use registers that it never wrote, which the verifier refuses.
#[inline(always)]
fn taken<T: Copy>(otherwise: T) -> T {
    const { assert!(size_of::<T>() <= OPENED_BYTES && align_of::<T>() <= 8) };
    let Some(opened) = maps::OPENED.get_ptr(PART) else {
        return otherwise;
    };
    // SAFETY: the function just called on this CPU has written a `T` there.
    unsafe { opened.cast::<T>().read() }
}
