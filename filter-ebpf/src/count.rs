//! Counting, on this CPU's own counters.

use filter_common::{
    counters::{Counter, verdict_index},
    decide::Effects,
    limits::POLICIES_MAX,
    policy::Policies,
    verdict::{Action, POLICY_REASONS, Reason, Verdict},
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
        const ORDER: u32 = Reason::Order.number();
        let index = verdict_index(maps::interface(), verdict.number, verdict.action);
        self.real(maps::VERDICTS.get_ptr_mut(index));
        if verdict.number == ORDER {
            self.real(maps::SLOTS.get_ptr_mut(verdict.slot));
        }
        if verdict.would_drop {
            self.would_verdict(ORDER);
        }
        if !verdict.would.is_empty() {
            levee_would(verdict.would.to_bits(), self.bytes);
        }
    }

    #[inline(always)]
    fn would_verdict(&self, reason: u32) {
        let index = verdict_index(maps::interface(), reason, Action::Drop);
        self.would(maps::VERDICTS.get_ptr_mut(index));
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

/// Counts what each of these policies would have dropped: a function, so that its loop is verified once.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_would(policies: u64, frame_length: u64) -> u64 {
    let charge = Charge {
        bytes: frame_length,
    };
    let mut left = Policies::from_bits(policies);
    for _ in 0..POLICIES_MAX {
        if left.is_empty() {
            break;
        }
        charge.would_verdict(POLICY_REASONS + left.lowest_number());
        left = left.without(left.lowest());
    }
    left.to_bits()
}
