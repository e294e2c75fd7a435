//! The programs that Levee is measured with and against; `cargo xtask bench` runs them.
//!
//! - [`load`]: gives frames their sources: the load generator and the runs without an interface;
//! - [`lookup`]: one lookup behind a minimal parser, for each structure in [`candidates`] and for the
//!   kernel's own maps;
//! - [`frame`]: bounded access to the frame; [`maps`]: the maps; [`names`]: shared with the bench.
//!
//! A lookup exists twice: `NAME` is attached to an interface, drops whatever comes and counts what it
//! found; `NAME_run` is run by BPF_PROG_TEST_RUN and gives the frame a new source first.
#![no_std]
#![no_main]
#![expect(
    missing_docs,
    unreachable_pub,
    reason = "the `xdp` macro makes a function of the entry that has neither its docs nor its privacy"
)]

mod candidates;
mod frame;
mod load;
mod lookup;
mod maps;
mod names;

use aya_ebpf::{
    bindings::{xdp_action, xdp_md},
    helpers::generated::bpf_redirect,
    macros::xdp,
    programs::XdpContext,
};

use crate::{lookup::Found, names::count};

/// The cheapest program there is.
#[xdp]
pub fn empty(_: XdpContext) -> u32 {
    xdp_action::XDP_DROP
}

/// The cheapest program that drops nothing.
#[xdp]
pub fn pass(_: XdpContext) -> u32 {
    xdp_action::XDP_PASS
}

/// Sends a live frame, with the next source, to the interface under load.
#[xdp]
pub fn generate(ctx: XdpContext) -> u32 {
    match load::next(&ctx, 0) {
        // SAFETY: takes numbers; writes where to in the kernel's own record of this CPU.
        Some(()) => (unsafe { bpf_redirect(maps::send_to(), 0) }) as u32,
        None => xdp_action::XDP_ABORTED,
    }
}

macro_rules! measured {
    ($name:ident, $name_run:ident, $look_up:path) => {
        #[xdp]
        pub fn $name(ctx: XdpContext) -> u32 {
            tally($look_up(&ctx));
            xdp_action::XDP_DROP
        }

        #[xdp]
        pub fn $name_run(ctx: XdpContext) -> u32 {
            run(&ctx, $look_up)
        }
    };
}

measured!(parse, parse_run, lookup::parse);
measured!(lpm, lpm_run, lookup::lpm);
measured!(hash, hash_run, lookup::hash);
measured!(rows, rows_run, lookup::rows);
measured!(buckets, buckets_run, lookup::buckets);

/// Nothing but the new source: what is to be taken off the figures of the others.
#[xdp]
pub fn empty_run(ctx: XdpContext) -> u32 {
    run(&ctx, |_| Some(maps::zero()))
}

/// Whatever takes the place of [`target`], run over a new source each time.
#[xdp(frags)]
pub fn target_run(ctx: XdpContext) -> u32 {
    run(&ctx, judged)
}

/// Whatever takes the place of [`target`], on live traffic: what it passes goes no further, so that the
/// way through the network stack is not measured with it.
#[xdp(frags)]
pub fn target_live(ctx: XdpContext) -> u32 {
    tally(judged(&ctx));
    xdp_action::XDP_DROP
}

/// The action of the program in [`target`]'s place: 1 for a drop, 0 for a pass.
#[inline(always)]
fn judged(ctx: &XdpContext) -> Found {
    match target(ctx.ctx) {
        xdp_action::XDP_DROP => Some(1),
        xdp_action::XDP_PASS => Some(0),
        _ => None,
    }
}

/// The kernel puts another program in the place of this function.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn target(ctx: *mut xdp_md) -> u32 {
    // SAFETY: the context is the one the kernel called the program with; read so that there is
    // something to compile.
    let queue = unsafe { core::ptr::read_volatile(&raw const (*ctx).rx_queue_index) };
    xdp_action::XDP_PASS + (queue & maps::zero())
}

/// Gives the frame a new source, looks it up, and remembers the answer for the next.
#[inline(always)]
fn run(ctx: &XdpContext, look_up: impl Fn(&XdpContext) -> Found) -> u32 {
    let last = match maps::LAST.get_ptr_mut(0) {
        // SAFETY: the map's own memory for this CPU, on which the program cannot be interrupted by
        // itself.
        Some(last) => unsafe { &mut *last },
        None => return xdp_action::XDP_ABORTED,
    };
    if load::next(ctx, *last).is_none() {
        tally(None);
        return xdp_action::XDP_ABORTED;
    }
    let found = look_up(ctx);
    tally(found);
    *last = found.unwrap_or(0);
    xdp_action::XDP_DROP
}

/// Counts what was found.
#[inline(always)]
fn tally(found: Found) {
    let index = match found {
        Some(0) => count::MISS,
        Some(_) => count::HIT,
        None => count::ODD,
    };
    if let Some(counter) = maps::COUNTS.get_ptr_mut(index) {
        // SAFETY: as in `run`.
        unsafe { *counter += 1 };
    }
}

/// Never runs: a path to it is a loop without end, which the verifier refuses to load.
#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Needed for helpers that the kernel gives to GPL-compatible programs only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
