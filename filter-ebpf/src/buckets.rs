//! The words that limits use up, and the meters.

use core::arch::asm;

use aya_ebpf::helpers::generated::bpf_get_prandom_u32;
use filter_common::{
    abi::SHARED_SETS,
    address::Address,
    counters::{RuleCounter, Tally},
    limit::{Bucket, Class, Key, Limit, Tick, Use, Way, find_way, take},
    meter::{METER_CHANCE, METER_SETS, Metered, count_in},
};

use crate::{maps, unknown::unknown};

/// A word in a map that several CPUs change.
pub(crate) struct Shared(*mut u64);

impl Shared {
    /// The word must be in a map's memory and aligned.
    #[inline(always)]
    pub(crate) fn new(word: *mut u64) -> Self {
        Self(word)
    }
}

impl Bucket for Shared {
    #[inline(always)]
    fn word(&self) -> u64 {
        // SAFETY: a word of a map's memory; volatile, because other CPUs change it.
        unsafe { self.0.read_volatile() }
    }

    #[inline(always)]
    fn replace(&self, before: u64, after: u64) -> bool {
        let mut found = before;
        // SAFETY: changes the word of the map's memory, and the register that the instruction names.
        unsafe {
            asm!(
                "r0 = cmpxchg_64({word} + 0, r0, {after})",
                word = in(reg) self.0,
                after = in(reg) after,
                inout("r0") found,
                options(nostack),
            );
        }
        found == before
    }

    #[inline(always)]
    fn add(&self, cost: u64) {
        // SAFETY: changes the word of the map's memory.
        unsafe {
            asm!(
                "lock *(u64 *)({word} + 0) += {cost}",
                word = in(reg) self.0,
                cost = in(reg) cost,
                options(nostack),
            );
        }
    }
}

/// The bucket of a rule.
#[inline(always)]
pub(crate) fn take_rule(slot: u32, limit: &Limit, cost: u64, tick: Tick) -> bool {
    match maps::RULE_BUCKETS.get_ptr_mut(slot) {
        Some(bucket) => take(&Shared::new(bucket), limit, cost, tick),
        None => true,
    }
}

/// The bucket of a class in the line of a destination.
#[inline(always)]
pub(crate) fn take_line(line: u32, class: Class, limit: &Limit, cost: u64, tick: Tick) -> bool {
    match maps::LINES.get_ptr_mut(line) {
        Some(line) => take(&Shared::new(word(line, class as usize)), limit, cost, tick),
        None => true,
    }
}

/// The bucket of a destination and class among those that take turns.
#[inline(always)]
pub(crate) fn take_shared(
    address: Address,
    class: Class,
    limit: &Limit,
    cost: u64,
    tick: Tick,
) -> bool {
    let key = Key::new(maps::secret(), address, class as u32);
    let Some(set) = maps::SHARED.get_ptr_mut(key.set(SHARED_SETS as u32)) else {
        return true;
    };
    let read = |way| Shared::new(word(set, way)).word();
    let way = match find_way(key, tick, read, unknown) {
        Way::Own(way) => way,
        Way::Free(way) => {
            let bucket = Shared::new(word(set, way));
            // Where another CPU was faster, the bucket is charged all the same: as a rule it was for the same
            // destination.
            bucket.replace(bucket.word(), Use::new(key.tag(), tick).to_bits());
            way
        }
        Way::Shared(way) => {
            tally(Tally::SharedBucket);
            way
        }
    };
    take(&Shared::new(word(set, unknown(way))), limit, cost, tick)
}

/// A word of a line or set of eight.
#[inline(always)]
fn word<const N: usize>(line: *mut [u64; N], index: usize) -> *mut u64 {
    const { assert!(N.is_power_of_two()) };
    // SAFETY: the index is cut to the line.
    unsafe { line.cast::<u64>().add(index & (N - 1)) }
}

/// Counts a match of a rule.
#[inline(always)]
pub(crate) fn rule_matched(slot: u32, dropped: bool, bytes: u64) {
    let Some(counter) = maps::RULE_COUNTS.get_ptr_mut(slot) else {
        return;
    };
    // SAFETY: the map's own memory for this CPU, on which the program cannot be interrupted by itself.
    let RuleCounter {
        matched_packets,
        matched_bytes,
        dropped_packets,
        dropped_bytes,
    } = unsafe { &mut *counter };
    *matched_packets += 1;
    *matched_bytes += bytes;
    *dropped_packets += u64::from(dropped);
    *dropped_bytes += u64::from(dropped) * bytes;
}

/// Counts a packet for its destination and its group.
#[inline(always)]
pub(crate) fn meter(packet: &Metered, tick: Tick) {
    const GROUP: u32 = 0x3f;
    if let Some(meter) = maps::GROUP_METERS.get_ptr_mut(packet.group & GROUP) {
        // SAFETY: as in `rule_matched`.
        unsafe { &mut *meter }.add(packet);
    }
    let key = Key::new(maps::secret(), packet.address, 0);
    let Some(set) = maps::METERS.get_ptr_mut(key.set(METER_SETS as u32)) else {
        return;
    };
    // SAFETY: takes nothing and returns a number.
    let chance = || unsafe { bpf_get_prandom_u32() } % METER_CHANCE == 0;
    // SAFETY: as in `rule_matched`.
    if !count_in(unsafe { &mut *set }, packet, tick, chance, forget) {
        tally(Tally::Unmetered);
    }
}

/// The same number, of which the verifier knows nothing.
#[inline(always)]
pub(crate) fn forget(number: u64) -> u64 {
    unknown(number as usize) as u64
}

/// Counts what happened that is no verdict.
#[inline(always)]
pub(crate) fn tally(what: Tally) {
    if let Some(count) = maps::TALLIES.get_ptr_mut(what as u32) {
        // SAFETY: as in `rule_matched`.
        unsafe { *count += 1 };
    }
}
