//! The XDP program of Levee.
//!
//! Only glue: [`maps`] declares what is shared with the controller, [`source`] lays a bounded window
//! over the frame, [`open`] calls the parser, [`tables`] lets the decision read the maps, [`rows`] those of
//! the lookup tables, [`clock`] the time, [`unknown`] keeps things from the verifier, and [`count`] writes the counters. What a packet is and what becomes of it is decided in `filter-common`.
#![feature(asm_experimental_arch)]
#![no_std]
#![no_main]
#![expect(
    missing_docs,
    unreachable_pub,
    reason = "the `xdp` macro makes a function of the entry that has neither its docs nor its privacy"
)]

mod clock;
mod count;
mod maps;
mod open;
mod rows;
mod source;
mod tables;
mod unknown;

use aya_ebpf::{
    bindings::xdp_action::{XDP_DROP, XDP_PASS},
    macros::xdp,
    programs::XdpContext,
};
use filter_common::{
    abi::Control,
    decide::decide,
    verdict::{Action, Reason, Verdict},
};

use crate::{
    count::Charge,
    tables::{Calls, Generation},
};

/// The entry: one verdict, one counter, one action.
#[xdp(frags)]
pub fn levee_xdp(ctx: XdpContext) -> u32 {
    let length = source::frame_length(&ctx);
    let half = match half() {
        Ok(half) => half,
        Err(reason) => {
            Charge::new(length).verdict(Verdict::pass(reason));
            return XDP_PASS;
        }
    };
    let tunnels = Generation::new(half).settings().tunnels();
    open::frame(&ctx, length, tunnels);
    levee_verdict(half, length as u64) as u32
}

/// The half of the maps in which the generation in force lies, or why there is none.
#[inline(always)]
fn half() -> Result<u32, Reason> {
    let Some(control) = maps::CONTROL.get(0) else {
        return Err(Reason::NoGeneration);
    };
    if control.bypass != 0 {
        return Err(Reason::Bypass);
    }
    // The one read of the word that names the generation: what follows sees that generation only.
    // SAFETY: the reference is to the map's memory, valid and aligned; volatile because the controller
    // writes the word while programs run.
    let live = unsafe { core::ptr::read_volatile(&raw const control.live) };
    if live == 0 {
        return Err(Reason::NoGeneration);
    }
    Ok(Control::half(live))
}

/// Decides about the frame that was opened last, and counts it.
///
/// A function, because the stacks of the callers and the called add up, and may not be more than 512
/// bytes: what it takes to open a frame and what it takes to judge it lie one after the other.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_verdict(half: u32, frame_length: u64) -> u64 {
    let length = frame_length as usize;
    let mut charge = Charge::new(length);
    let tables = Calls::new(half & 1, length);
    let verdict = decide(
        open::opened(),
        tables.settings(),
        &tables,
        &clock::Boottime,
        &mut charge,
    );
    charge.verdict(verdict);
    let action = match verdict.action {
        Action::Pass => XDP_PASS,
        Action::Drop => XDP_DROP,
    };
    action as u64
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
