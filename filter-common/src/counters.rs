//! Where packets are counted.
//!
//! Each packet counts once under its interface, verdict reason and action. A drop by an order counts once
//! more under the order's slot. What a monitored order would have dropped is kept apart, because it
//! is no verdict.

use crate::{
    limits::{INTERFACES_MAX, REASONS_MAX},
    verdict::Action,
};

/// Packets and bytes, of a verdict or a slot; one per CPU, never reset.
///
/// Bytes are those of the frame as the driver handed it over: with the Ethernet header, without the
/// frame check sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Counter {
    /// Packets with that verdict, or dropped by that slot.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets that would have been dropped had all been enforced.
    pub would_packets: u64,
    /// Their bytes.
    pub would_bytes: u64,
}

/// Counters in the verdict map.
pub const VERDICT_COUNTERS: usize = INTERFACES_MAX * REASONS_MAX as usize * ACTIONS as usize;

/// What rules counted, per CPU, never reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RuleCounter {
    /// Packets that matched, up to the rule that decided.
    pub matched_packets: u64,
    /// Their bytes.
    pub matched_bytes: u64,
    /// Packets that the rule dropped; of a monitored rule or interface, that it would have.
    pub dropped_packets: u64,
    /// Their bytes.
    pub dropped_bytes: u64,
}

/// What happened that is no verdict, per CPU, never reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Tally {
    /// A packet was charged to a bucket that its destination shares with another.
    SharedBucket = 0,
    /// A packet to a protected destination that has no meter of its own.
    Unmetered = 1,
    /// A sample was not made, because there are enough of its reason.
    SampleOverRate = 2,
    /// A sample was lost, because the ring was full.
    SampleLost = 3,
}

/// How many of them there are.
pub const TALLIES: usize = 4;

const ACTIONS: u32 = 2;

/// The index of the counter of a reason (by [`crate::verdict::Reason::number`]) and an action for an
/// interface, see [`INTERFACES_MAX`]. What would have been dropped is counted with the drops.
#[inline(always)]
#[must_use]
pub const fn verdict_index(interface: u32, reason: u32, action: Action) -> u32 {
    (interface * REASONS_MAX + reason) * ACTIONS + action as u32
}

const _: () = assert!(size_of::<Counter>() == 32 && align_of::<Counter>() == 8);
