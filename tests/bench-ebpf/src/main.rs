//! The programs that Levee is measured with and against; `cargo xtask bench` runs them.
//!
//! - [`load`]: gives frames their sources: the load generator and the runs without an interface;
//! - [`lookup`]: one lookup behind a minimal parser, for each structure in [`candidates`] and for the
//!   kernel's own maps;
//! - [`frame`]: bounded access to the frame; [`maps`]: the maps; [`names`]: shared with the bench.
//!
//! A lookup drops whatever comes and counts what it found. Without an interface, BPF_PROG_TEST_RUN runs
//! it behind `run`, which gives the frame a new source first.
#![feature(asm_experimental_arch)]
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
    bindings::xdp_action, helpers::generated::bpf_redirect, macros::xdp, programs::XdpContext,
};

use crate::{lookup::Found, names::count};

/// The cheapest program there is.
#[xdp(frags)]
pub fn empty(_: XdpContext) -> u32 {
    xdp_action::XDP_DROP
}

/// The cheapest program that drops nothing.
#[xdp(frags)]
pub fn pass(_: XdpContext) -> u32 {
    xdp_action::XDP_PASS
}

/// Sends a live frame, with the next source, to the interface under load.
#[xdp]
pub fn generate(ctx: XdpContext) -> u32 {
    load::pace();
    match load::next(&ctx) {
        // SAFETY: takes numbers; writes where to in the kernel's own record of this CPU.
        Some(()) => (unsafe { bpf_redirect(maps::send_to(), 0) }) as u32,
        None => xdp_action::XDP_ABORTED,
    }
}

/// Gives the frame the next source, and goes on with the program under test.
#[xdp(frags)]
pub fn run(ctx: XdpContext) -> u32 {
    if load::next(&ctx).is_some() {
        load::barrier();
        // SAFETY: the program that is called owns the frame from here on. Returns only where there is none.
        let _ = unsafe { maps::UNDER_TEST.tail_call(&ctx, 0) };
    }
    tally(None);
    xdp_action::XDP_ABORTED
}

macro_rules! lookups {
    ($($name:ident),*) => {
        $(#[xdp(frags)]
        pub fn $name(ctx: XdpContext) -> u32 {
            tally(lookup::$name(&ctx));
            xdp_action::XDP_DROP
        })*
    };
}

lookups!(parse, touch, lpm, hash, rows, buckets, stretches);

/// Counts what was found.
#[inline(always)]
fn tally(found: Found) {
    let index = match found {
        Some(0) => count::MISS,
        Some(_) => count::HIT,
        None => count::ODD,
    };
    if let Some(counter) = maps::COUNTS.get_ptr_mut(index) {
        // SAFETY: the map's own memory for this CPU, on which the program cannot be interrupted by
        // itself.
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
