//! Where packets are counted.
//!
//! Each packet counts once under its interface and verdict reason. A drop by an order counts once
//! more under the order's slot. What a monitored order would have dropped is kept apart, because it
//! is no verdict.

use crate::{
    limits::{INTERFACES_MAX, REASONS_MAX},
    verdict::Reason,
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
pub const VERDICT_COUNTERS: usize = INTERFACES_MAX * REASONS_MAX as usize;

/// The index of a reason's counter for an interface, see [`INTERFACES_MAX`].
#[inline(always)]
#[must_use]
pub const fn verdict_index(interface: u32, reason: Reason) -> u32 {
    interface * REASONS_MAX + reason as u32
}

const _: () = assert!(size_of::<Counter>() == 32 && align_of::<Counter>() == 8);
