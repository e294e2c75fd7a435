//! Meters: how much goes to each protected destination.
//!
//! Every packet to a host group that no list or policy has dropped is counted when it arrives, before rules
//! and limits drop any of it, so that an attack that is held back does not look as if it had ended.
//! The sums of a group are exact. The counts of single destinations lie in a table of each CPU in which
//! destinations take turns: one that has had no packet for a while makes room, and where none has, a new
//! one takes the place of the smallest by chance only, so that an attack on one address is counted
//! even amid packets to a million others.

use crate::{
    address::Address,
    limit::{CLASSES, Tick},
    limits::HOST_GROUPS_MAX,
};

/// Destinations in a set.
pub const METER_WAYS: usize = 4;
/// Sets of each CPU, a power of two.
pub const METER_SETS: usize = 2_048;
/// Meters of groups: the group's number, from 1.
pub const GROUP_METERS: usize = HOST_GROUPS_MAX + 1;
/// Of how many packets to destinations without a meter one takes the place of the smallest.
pub const METER_CHANCE: u32 = 16;

/// Seconds without a packet after which a destination makes room: a reader that comes once a second misses
/// nothing.
pub const IDLE_SECONDS: u32 = 2;

/// Packets and bytes by class, never reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Meter {
    /// Packets by [`crate::limit::Class`].
    pub packets: [u64; CLASSES],
    /// Their bytes, as in [`crate::counters::Counter`].
    pub bytes: [u64; CLASSES],
    /// Packets of these that rules and limits dropped.
    pub dropped_packets: u64,
    /// Their bytes.
    pub dropped_bytes: u64,
}

/// The meter of a destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct MeterEntry {
    /// The destination.
    pub address: Address,
    /// Its host group, from 1, plus [`MeterEntry::V6`]; 0 where the entry is free.
    pub group: u32,
    /// The lower bits of the tick of its last packet.
    pub tick: u32,
    /// What came for it since it has the entry.
    pub meter: Meter,
    /// All packets.
    pub packets: u64,
}

/// A set of destinations.
pub type MeterSet = [MeterEntry; METER_WAYS];

/// What is counted of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metered {
    /// The destination.
    pub address: Address,
    /// See [`MeterEntry::group`].
    pub group: u32,
    /// The class as a number.
    pub class: u32,
    /// Bytes of the frame.
    pub bytes: u64,
    /// 1 where a rule or limit dropped it.
    pub dropped: u64,
}

impl MeterEntry {
    /// Set in `group` for IPv6.
    pub const V6: u32 = 1 << 31;
}

impl Meter {
    /// Counts a packet.
    #[inline(always)]
    pub fn add(&mut self, packet: &Metered) {
        let class = packet.class as usize;
        if class < CLASSES {
            self.packets[class] += 1;
            self.bytes[class] += packet.bytes;
        }
        self.dropped_packets += packet.dropped;
        self.dropped_bytes += packet.dropped * packet.bytes;
    }

    /// Adds what another meter has counted.
    pub const fn merge(&mut self, other: &Self) {
        let mut class = 0;
        while class < CLASSES {
            self.packets[class] += other.packets[class];
            self.bytes[class] += other.bytes[class];
            class += 1;
        }
        self.dropped_packets += other.dropped_packets;
        self.dropped_bytes += other.dropped_bytes;
    }
}

/// Counts a packet in the set of its destination; `false` where the destination has no entry and gets none.
///
/// An entry without a packet for [`IDLE_SECONDS`] is free; else `chance`, asked at most once, says whether the
/// smallest makes room. What is carried through the loop goes through `forget`, see
/// [`crate::packet::Source::forget_number`].
#[inline(always)]
pub fn count_in(
    set: &mut MeterSet,
    packet: &Metered,
    tick: Tick,
    chance: impl FnOnce() -> bool,
    forget: impl Fn(u64) -> u64,
) -> bool {
    const NONE: u64 = METER_WAYS as u64;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "ages are less than 2^32 ticks"
    )]
    let now = tick.count as u32;
    let idle = IDLE_SECONDS * tick.per_second();
    let (mut own, mut free, mut smallest, mut least) = (NONE, NONE, 0, u64::MAX);
    for (way, entry) in (0..).zip(set.iter()) {
        let same = entry.group == packet.group
            && entry.address.low == packet.address.low
            && entry.address.high == packet.address.high;
        if same {
            own = way;
        }
        if entry.group == 0 || now.wrapping_sub(entry.tick) > idle {
            free = way;
        }
        if entry.packets < least {
            least = entry.packets;
            smallest = way;
        }
        own = forget(own);
        free = forget(free);
        smallest = forget(smallest);
        least = forget(least);
    }
    let way = if own < NONE {
        own
    } else {
        let way = if free < NONE {
            free
        } else if chance() {
            smallest
        } else {
            return false;
        };
        let entry = &mut set[index(way)];
        entry.address = packet.address;
        entry.group = packet.group;
        entry.meter = Meter::default();
        entry.packets = 0;
        way
    };
    let entry = &mut set[index(forget(way))];
    entry.tick = now;
    entry.packets += 1;
    entry.meter.add(packet);
    true
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "cut to the set")]
const fn index(way: u64) -> usize {
    way as usize & (METER_WAYS - 1)
}

const _: () = {
    assert!(METER_SETS.is_power_of_two() && METER_WAYS.is_power_of_two());
    assert!(size_of::<Meter>() == 128);
    assert!(size_of::<MeterEntry>() == 160);
};
