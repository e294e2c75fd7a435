//! Sources for frames, one after the other, for live traffic and for runs without an interface.

use core::arch::asm;

use aya_ebpf::{helpers::generated::bpf_ktime_get_ns, programs::XdpContext};

use crate::{
    frame::{V4_CHECKSUM, V4_SOURCE, V6_SOURCE, read, write},
    maps,
    names::IP_OFFSET,
};

/// Hosts that frames go to: the last bits of the destination are those of a count.
const DESTINATIONS: u32 = 4_096;
/// How often a frame looks at the clock before it is sent whatever the time is.
const PACE_STEPS: u32 = 1_000;

/// Gives the frame the next source, and another destination.
#[inline(always)]
pub(crate) fn next(ctx: &XdpContext) -> Option<()> {
    let cursor = maps::CURSOR.get_ptr_mut(0)?;
    // SAFETY: the map's own memory for this CPU, on which the program cannot be interrupted by itself.
    let cursor = unsafe { &mut *cursor };
    let index = cursor.next;
    cursor.next = if index + 1 >= cursor.sources {
        0
    } else {
        index + 1
    };
    cursor.frames = cursor.frames.wrapping_add(1);
    let destination = (cursor.frames % DESTINATIONS as u64) as u16;
    let source = maps::SOURCES.get(index)?;
    match read::<2>(ctx, IP_OFFSET)? {
        [0x45, _] => v4(ctx, source, destination),
        _ => v6(ctx, source, destination),
    }
}

/// Waits until the next frame is due, where frames are to be sent evenly.
#[inline(always)]
pub(crate) fn pace() {
    let period = maps::period();
    if period == 0 {
        return;
    }
    let Some(due) = maps::DUE.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: as in `next`.
    let due = unsafe { &mut *due };
    let mut now = 0;
    for _ in 0..PACE_STEPS {
        // SAFETY: takes nothing and returns a number.
        now = unsafe { bpf_ktime_get_ns() };
        if now >= *due {
            break;
        }
    }
    // Who is late does not hurry afterwards.
    let next = *due + period as u64;
    *due = if next < now { now } else { next };
}

/// Lets no read that comes after it begin before those that came before it have ended.
///
/// Without it a processor begins with the next frame while it still waits for what it reads for this
/// one, and the cost of a run is what is left when most of the waiting is hidden.
#[inline(always)]
pub(crate) fn barrier() {
    if let Some(barrier) = maps::BARRIER.get_ptr_mut(0) {
        // SAFETY: adds to the map's own memory for this CPU, valid and aligned.
        unsafe {
            asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) barrier, in(reg) 1_u64, options(nostack));
        }
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
