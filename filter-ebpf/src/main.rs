//! The XDP program of Levee.
//!
//! Only glue: [`maps`] declares what is shared with the controller, [`source`] lays a bounded window
//! over the frame, [`tables`] lets the decision read the maps, [`count`] writes the counters. What a
//! packet is and what becomes of it is decided in `filter-common`.
#![no_std]
#![no_main]
#![expect(
    missing_docs,
    unreachable_pub,
    reason = "the `xdp` macro makes a function of the entry that has neither its docs nor its privacy"
)]

mod count;
mod maps;
mod source;
mod tables;

use aya_ebpf::{
    bindings::xdp_action::{XDP_DROP, XDP_PASS},
    macros::xdp,
    programs::XdpContext,
};
use filter_common::{
    abi::Control,
    decide::decide,
    packet::{Classified, classify},
    verdict::{Action, Reason, Verdict},
};

use crate::{count::Charge, source::Window, tables::Calls};

/// The entry: one verdict, one counter, one action.
#[xdp(frags)]
pub fn levee_xdp(ctx: XdpContext) -> u32 {
    let length = source::frame_length(&ctx);
    let mut charge = Charge::new(length);
    let verdict = judge(&ctx, length, &mut charge);
    charge.verdict(verdict);
    match verdict.reason.action() {
        Action::Pass => XDP_PASS,
        Action::Drop => XDP_DROP,
    }
}

#[inline(always)]
fn judge(ctx: &XdpContext, length: usize, charge: &mut Charge) -> Verdict {
    let Some(control) = maps::CONTROL.get(0) else {
        return Verdict::plain(Reason::NoGeneration);
    };
    if control.bypass != 0 {
        return Verdict::plain(Reason::Bypass);
    }
    // The one read of the word that names the generation: what follows sees that generation only.
    // SAFETY: the reference is to the map's memory, valid and aligned; volatile because the controller
    // writes the word while programs run.
    let live = unsafe { core::ptr::read_volatile(&raw const control.live) };
    if live == 0 {
        return Verdict::plain(Reason::NoGeneration);
    }
    let Some(classified) = classified(ctx, length) else {
        return Verdict::plain(Reason::Truncated);
    };
    let tables = Calls::new(Control::half(live), length);
    decide(
        &classified,
        tables.settings(),
        &tables,
        &tables::Boottime,
        charge,
    )
}

/// Reads the headers in place, or out of one copy where the driver has spread them over buffers.
#[inline(always)]
fn classified(ctx: &XdpContext, length: usize) -> Option<Classified> {
    let linear = Window::linear(ctx);
    if linear.covers(length) {
        return Some(classify(&linear));
    }
    Some(classify(&Window::copied(ctx, length)?))
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
