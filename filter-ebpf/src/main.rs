//! The XDP program of Levee.
//!
//! Only glue: [`maps`] declares what is shared with the controller, [`source`] lays a bounded window
//! over the frame, [`open`] calls the parser, [`tables`] lets the decision read the maps, [`count`] writes the counters. What a
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
mod open;
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
    packet::{Classified, Frame, Stop, classify},
    verdict::{Action, Reason, Verdict},
};

use crate::{count::Charge, open::Opener, tables::Calls};

/// The entry: one verdict, one counter, one action.
#[xdp(frags)]
pub fn levee_xdp(ctx: XdpContext) -> u32 {
    let length = source::frame_length(&ctx);
    let mut charge = Charge::new(length);
    let verdict = judge(&ctx, length, &mut charge);
    charge.verdict(verdict);
    match verdict.action {
        Action::Pass => XDP_PASS,
        Action::Drop => XDP_DROP,
    }
}

#[inline(always)]
fn judge(ctx: &XdpContext, length: usize, charge: &mut Charge) -> Verdict {
    let Some(control) = maps::CONTROL.get(0) else {
        return Verdict::pass(Reason::NoGeneration);
    };
    if control.bypass != 0 {
        return Verdict::pass(Reason::Bypass);
    }
    // The one read of the word that names the generation: what follows sees that generation only.
    // SAFETY: the reference is to the map's memory, valid and aligned; volatile because the controller
    // writes the word while programs run.
    let live = unsafe { core::ptr::read_volatile(&raw const control.live) };
    if live == 0 {
        return Verdict::pass(Reason::NoGeneration);
    }
    let tables = Calls::new(Control::half(live), length);
    let settings = tables.settings();
    let frame = match Opener::new(ctx, length) {
        Some(opener) => classify(&opener, settings.tunnels()),
        None => Frame {
            vlan: 0,
            content: Classified::Stopped(Stop::TRUNCATED),
        },
    };
    decide(&frame, settings, &tables, &tables::Boottime, charge)
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
