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
};

/// Makes a sample of the frame that was opened last, if there are not enough of its reason.
#[inline(always)]
pub(crate) fn sample(ctx: &XdpContext, length: usize, live: u64, outcome: Outcome) {
    let Some(sampling) = maps::SAMPLING.get(0) else {
        return;
    };
    let limit = sampling.limit;
    if !limit.is_some() {
        return;
    }
    let Some(bucket) = maps::SAMPLE_LIMITS.get_ptr_mut(outcome.reason()) else {
        return;
    };
    if !take(&Shared::new(bucket), &limit, limit.cost(0), Boottime.tick()) {
        tally(Tally::SampleOverRate);
        return;
    }
    levee_sample(ctx.ctx, length as u64, live, outcome.to_bits());
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_sample(ctx: *mut xdp_md, frame_length: u64, live: u64, outcome: u64) -> u64 {
    let ctx = XdpContext::new(ctx);
    let Some(mut entry) = maps::SAMPLES.reserve::<Sample>(0) else {
        tally(Tally::SampleLost);
        return 0;
    };
    let at = entry.as_mut_ptr();
    // SAFETY: the ring's memory for one sample, aligned to eight bytes; all of it is written here.
    unsafe { at.write(core::mem::zeroed()) };
    // SAFETY: as above.
    let sample = unsafe { &mut *at };
    let outcome = Outcome::from_bits(outcome);
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
            sample.link_length = packet.ip_at;
            sample.ip_length = match flow.family {
                Family::V4 => 20,
                Family::V6 => 40,
            };
            sample.transport_length = match (packet.upper_at, sample.protocol as u8) {
                (0, _) => 0,
                (_, protocol::TCP) => 20,
                (_, protocol::UDP) => 8,
                (_, protocol::ICMP | protocol::ICMPV6) => 4,
                _ => 0,
            };
            load(&ctx, packet.ip_at, sample.ip_length, &mut sample.ip);
            load(
                &ctx,
                packet.upper_at,
                sample.transport_length,
                &mut sample.transport,
            );
            sample.flags = flags;
            if is_whole() {
                flags |= SampleFlags::WHOLE;
            } else {
                sample.mask();
            }
        }
        _ => sample.link_length = 14,
    }
    if sample.link_length as usize <= LINK_BYTES {
        load(&ctx, 0, sample.link_length, &mut sample.link);
    }
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

/// Copies header bytes of the frame to where the sample has room for them; what is not there stays zero.
#[inline(always)]
fn load<const N: usize>(ctx: &XdpContext, offset: u16, length: u16, to: &mut [u8; N]) {
    if length == 0 || length as usize > N {
        return;
    }
    // SAFETY: `to` has room for `length` bytes, as just compared; the helper refuses what is not in the frame.
    unsafe {
        bpf_xdp_load_bytes(
            ctx.as_ptr().cast(),
            u32::from(offset),
            to.as_mut_ptr().cast::<c_void>(),
            u32::from(length),
        );
    }
}

const _: () = assert!(IP_BYTES == 40 && TRANSPORT_BYTES == 20);
