//! The XDP program of Levee.
//!
//! Only glue: [`maps`] declares what is shared with the controller, [`source`] lays a bounded window
//! over the frame, [`open`] calls the parser, [`tables`] lets the decision read the maps, [`rows`] those of
//! the lookup tables, [`rules`] those of the rules, [`buckets`] what limits use up and meters, [`sample`] makes
//! samples, [`clock`] the time, [`unknown`] keeps things from the verifier, and [`count`] writes the counters.
//! What a packet is and what becomes of it is decided in `filter-common`.
#![feature(asm_experimental_arch)]
#![no_std]
#![no_main]
#![expect(
    missing_docs,
    unreachable_pub,
    reason = "the `xdp` macro makes a function of the entry that has neither its docs nor its privacy"
)]

mod buckets;
mod clock;
mod count;
mod maps;
mod open;
mod rows;
mod rules;
mod sample;
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
    bits::lowest_number,
    decide::{Guarding, decide_guards, decide_lists, on_vlan},
    sample::{Outcome, SampleFlags},
    settings::Role,
    verdict::{Action, POLICY_REASONS, Reason, Verdict},
};

use crate::{
    count::Charge,
    tables::{Calls, Generation},
};

/// The entry: one verdict, one counter, one action.
#[xdp(frags)]
pub fn levee_xdp(ctx: XdpContext) -> u32 {
    let length = source::frame_length(&ctx);
    let live = match live() {
        Ok(live) => live,
        Err(reason) => {
            Charge::new(length).verdict(Verdict::pass(reason));
            return XDP_PASS;
        }
    };
    let half = Control::half(live);
    let tunnels = Generation::new(half).settings().tunnels();
    open::frame(&ctx, length, tunnels);
    let mut outcome = Outcome::from_bits(levee_verdict(half, length as u64));
    if outcome.is_undecided() {
        outcome = Outcome::from_bits(levee_guards(half, length as u64));
    }
    if outcome.is_sampled() {
        sample::sample(&ctx, length, live, outcome);
    }
    if outcome.action() == XDP_DROP {
        XDP_DROP
    } else {
        XDP_PASS
    }
}

/// The word of the generation in force, or why there is none.
#[inline(always)]
fn live() -> Result<u64, Reason> {
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
    Ok(live)
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
    let frame = open::opened();
    let settings = tables.settings();
    let (verdict, guarding) = decide_lists(frame, settings, &tables, &clock::Boottime, &mut charge);
    if guarding.is_some() {
        open::leave_undecided(Undecided { verdict, guarding });
        return Outcome::UNDECIDED.to_bits();
    }
    charge.verdict(verdict);
    outcome(&verdict, on_vlan(frame, settings, &tables).role()).to_bits()
}

/// What is left between two of the program's functions.
#[derive(Clone, Copy)]
struct Undecided {
    verdict: Verdict,
    guarding: Guarding,
}

/// Goes on with the frame for which lists and policies have not decided.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_guards(half: u32, frame_length: u64) -> u64 {
    let length = frame_length as usize;
    let mut charge = Charge::new(length);
    let tables = Calls::new(half & 1, length);
    let Some(undecided) = open::undecided() else {
        return Outcome::of(XDP_PASS).to_bits();
    };
    let Undecided {
        mut verdict,
        guarding,
    } = *undecided;
    let packet = open::opened().packet();
    decide_guards(
        packet,
        guarding,
        &tables,
        &clock::Boottime,
        &mut charge,
        &mut verdict,
    );
    charge.verdict(verdict);
    outcome(&verdict, guarding.role()).to_bits()
}

/// What is done with the frame, and whether it is one to make a sample of.
#[inline(always)]
fn outcome(verdict: &Verdict, role: Role) -> Outcome {
    let inside = match role {
        Role::Upstream => SampleFlags::DESTINATION_INSIDE,
        Role::Customer => SampleFlags::SOURCE_INSIDE,
    };
    match verdict.action {
        Action::Drop => Outcome::of(XDP_DROP).sampled(
            verdict.number,
            verdict.slot,
            inside | SampleFlags::DROPPED,
        ),
        Action::Pass if verdict.would_reasons != 0 => {
            let reason = lowest_number(verdict.would_reasons);
            Outcome::of(XDP_PASS).sampled(reason, verdict.would_slot, inside)
        }
        Action::Pass if !verdict.would.is_empty() => {
            Outcome::of(XDP_PASS).sampled(POLICY_REASONS + verdict.would.lowest_number(), 0, inside)
        }
        Action::Pass => Outcome::of(XDP_PASS),
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
