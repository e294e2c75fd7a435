//! Samples of what was dropped, into the ring.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext as _,
    bindings::xdp_md,
    helpers::generated::{bpf_ktime_get_boot_ns, bpf_xdp_load_bytes},
    programs::XdpContext,
};
use filter_common::{
    abi::Control,
    address::Family,
    counters::Tally,
    decide::{Clock, Tables},
    limit::take,
    packet::protocol,
    sample::{IP_BYTES, LINK_BYTES, Outcome, Sample, SampleFlags, TRANSPORT_BYTES},
};

use crate::{
    buckets::{Shared, tally},
    clock::Boottime,
    maps, open,
    tables::Calls,
    unknown::unknown,
};

/// Makes a sample of the frame that was opened last, if there are not enough of its reason.
#[inline(always)]
pub(crate) fn sample(ctx: &XdpContext, length: usize, live: u64, outcome: Outcome) {
    levee_sample(ctx.ctx, length as u64, live, outcome.to_bits());
}

/// Whether there are not enough of this reason.
#[inline(always)]
fn is_wanted(reason: u32) -> bool {
    let (Some(sampling), Some(bucket)) = (
        maps::SAMPLING.get(0),
        maps::SAMPLE_LIMITS.get_ptr_mut(reason),
    ) else {
        return false;
    };
    let limit = sampling.limit;
    if !limit.is_some() {
        return false;
    }
    let is_within = take(&Shared::new(bucket), &limit, limit.cost(0), Boottime.tick());
    if !is_within {
        tally(Tally::SampleOverRate);
    }
    is_within
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_sample(ctx: *mut xdp_md, frame_length: u64, live: u64, outcome: u64) -> u64 {
    let ctx = XdpContext::new(ctx);
    let outcome = Outcome::from_bits(outcome);
    if !is_wanted(outcome.reason()) {
        return 0;
    }
    let Some(mut entry) = maps::SAMPLES.reserve::<Sample>(0) else {
        tally(Tally::SampleLost);
        return 0;
    };
    let at = entry.as_mut_ptr();
    // SAFETY: the ring's memory for one sample, aligned to eight bytes; all of it is written here.
    unsafe { at.write(core::mem::zeroed()) };
    // SAFETY: as above.
    let sample = unsafe { &mut *at };
    // SAFETY: takes nothing and returns a number.
    sample.time = unsafe { bpf_ktime_get_boot_ns() };
    sample.generation = Control::generation(live).unwrap_or(0);
    sample.interface = maps::interface();
    sample.reason = outcome.reason();
    sample.slot = outcome.slot();
    sample.frame_length = frame_length as u32;
    let frame = open::opened();
    sample.vlan = frame.vlan;
    let mut flags = outcome.flags();
    match frame.flow() {
        Some(flow) if frame.stop().is_none() => {
            let packet = frame.packet();
            let tables = Calls::new(Control::half(live), 0);
            let ends = tables.ends(flow.family, flow.source, flow.destination);
            if tables.place(ends.source.place).place().group_number() != 0 {
                flags |= SampleFlags::SOURCE_INSIDE;
            }
            if tables.place(ends.destination.place).place().group_number() != 0 {
                flags |= SampleFlags::DESTINATION_INSIDE;
            }
            sample.protocol = match flow.protocol() {
                Some(protocol) => u16::from(protocol),
                None => 0xff,
            };
            sample.link_length = packet.ip_at();
            match flow.family {
                Family::V4 => {
                    sample.ip_length = 20;
                    load::<20, IP_BYTES>(&ctx, packet.ip_at(), &mut sample.ip);
                }
                Family::V6 => {
                    sample.ip_length = 40;
                    load::<40, IP_BYTES>(&ctx, packet.ip_at(), &mut sample.ip);
                }
            }
            let to = &mut sample.transport;
            let at = packet.upper_at();
            // What comes behind the packet in its frame is none of it: a header that is cut is not recorded.
            let end = u32::from(packet.ip_at()) + u32::from(packet.features.length());
            let holds = |bytes: u16| at != 0 && u32::from(at) + u32::from(bytes) <= end;
            sample.transport_length = match sample.protocol as u8 {
                protocol::TCP if holds(20) => {
                    load::<20, TRANSPORT_BYTES>(&ctx, at, to);
                    20
                }
                protocol::UDP if holds(8) => {
                    load::<8, TRANSPORT_BYTES>(&ctx, at, to);
                    8
                }
                protocol::ICMP | protocol::ICMPV6 if holds(4) => {
                    load::<4, TRANSPORT_BYTES>(&ctx, at, to);
                    4
                }
                _ => 0,
            };
            sample.flags = flags;
            if is_whole() {
                flags |= SampleFlags::WHOLE;
            } else {
                sample.mask();
            }
        }
        _ => sample.link_length = 14,
    }
    load_link(&ctx, sample.link_length, &mut sample.link);
    sample.flags = flags;
    entry.submit(0);
    1
}

/// Whether addresses inside are left whole.
#[inline(always)]
fn is_whole() -> bool {
    match maps::SAMPLING.get(0) {
        Some(sampling) if sampling.whole_until != 0 => {
            u64::from(Boottime.boottime()) < sampling.whole_until
        }
        _ => false,
    }
}

/// Copies `N` header bytes of the frame to where the sample has room for them; what is not there stays zero.
#[inline(always)]
fn load<const N: usize, const ROOM: usize>(ctx: &XdpContext, offset: u16, to: &mut [u8; ROOM]) {
    const { assert!(N <= ROOM) };
    // SAFETY: `to` has room for so many bytes; the helper refuses what is not in the frame.
    unsafe {
        bpf_xdp_load_bytes(
            ctx.as_ptr().cast(),
            u32::from(offset),
            to.as_mut_ptr().cast::<c_void>(),
            N as u32,
        );
    }
}

/// Copies the link header, if there is room for all of it.
#[inline(always)]
fn load_link(ctx: &XdpContext, length: u16, to: &mut [u8; LINK_BYTES]) {
    const { assert!(LINK_BYTES.is_power_of_two()) };
    let length = length as usize;
    if length == 0 || length > LINK_BYTES {
        return;
    }
    // The verifier of Linux 6.1 does not learn from the comparison that it is not zero.
    let length = (unknown(length - 1) & (LINK_BYTES - 1)) + 1;
    // SAFETY: `to` has room for so many bytes.
    unsafe {
        bpf_xdp_load_bytes(
            ctx.as_ptr().cast(),
            0,
            to.as_mut_ptr().cast::<c_void>(),
            length as u32,
        );
    }
}

const _: () = assert!(IP_BYTES == 40 && TRANSPORT_BYTES == 20);
