//! Counting, on this CPU's own counters.

use filter_common::{
    counters::{Counter, verdict_index},
    decide::Effects,
    verdict::{Reason, Verdict},
};

use crate::maps;

/// Charges one frame to the counters.
pub(crate) struct Charge {
    bytes: u64,
}

impl Charge {
    #[inline(always)]
    pub(crate) fn new(frame_length: usize) -> Self {
        Self {
            bytes: frame_length as u64,
        }
    }

    /// Counts the verdict: once for the interface and, for an order, once for its slot.
    #[inline(always)]
    pub(crate) fn verdict(&self, verdict: Verdict) {
        self.real(maps::VERDICTS.get_ptr_mut(verdict_index(maps::interface(), verdict.reason)));
        if verdict.reason == Reason::Order {
            self.real(maps::SLOTS.get_ptr_mut(verdict.slot));
        }
        if verdict.would_drop {
            self.would(maps::VERDICTS.get_ptr_mut(verdict_index(maps::interface(), Reason::Order)));
        }
    }

    #[inline(always)]
    fn real(&self, counter: Option<*mut Counter>) {
        if let Some(counter) = counter {
            // SAFETY: the map's own memory for this CPU, on which the program cannot be interrupted by
            // itself.
            let counter = unsafe { &mut *counter };
            counter.packets += 1;
            counter.bytes += self.bytes;
        }
    }

    #[inline(always)]
    fn would(&self, counter: Option<*mut Counter>) {
        if let Some(counter) = counter {
            // SAFETY: as in `real`.
            let counter = unsafe { &mut *counter };
            counter.would_packets += 1;
            counter.would_bytes += self.bytes;
        }
    }
}

impl Effects for Charge {
    #[inline(always)]
    fn would_drop(&mut self, slot: u32) {
        self.would(maps::SLOTS.get_ptr_mut(slot));
    }
}
