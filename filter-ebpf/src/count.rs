//! Counting, on this CPU's own counters.

use filter_common::{
    address::Address,
    bits::{lowest_number, without_lowest},
    counters::{Counter, verdict_index},
    decide::Effects,
    limit::{Class, Limit, Tick},
    meter::Metered,
    verdict::{Action, POLICY_REASONS, Reason, Verdict},
};

use crate::{buckets, maps};

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
        if verdict.would_reasons != 0 {
            levee_would(verdict.would_reasons, 0, self.bytes);
        }
        if !verdict.would.is_empty() {
            levee_would(verdict.would.to_bits(), POLICY_REASONS, self.bytes);
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

    #[inline(always)]
    fn forget(&self, number: u64) -> u64 {
        buckets::forget(number)
    }

    #[inline(always)]
    fn bytes(&self) -> u16 {
        const MOST: u64 = u16::MAX as u64;
        if self.bytes > MOST {
            u16::MAX
        } else {
            self.bytes as u16
        }
    }

    #[inline(always)]
    fn rule_matched(&mut self, slot: u32, dropped: bool) {
        buckets::rule_matched(slot, dropped, self.bytes);
    }

    #[inline(always)]
    fn take_rule(&mut self, slot: u32, limit: &Limit, cost: u64, tick: Tick) -> bool {
        buckets::take_rule(slot, limit, cost, tick)
    }

    #[inline(always)]
    fn take_line(&mut self, line: u32, class: Class, limit: &Limit, cost: u64, tick: Tick) -> bool {
        buckets::take_line(line, class, limit, cost, tick)
    }

    #[inline(always)]
    fn take_shared(
        &mut self,
        address: Address,
        class: Class,
        limit: &Limit,
        cost: u64,
        tick: Tick,
    ) -> bool {
        buckets::take_shared(address, class, limit, cost, tick)
    }

    #[inline(always)]
    fn meter(&mut self, packet: &Metered, tick: Tick) {
        buckets::meter(packet, tick);
    }
}

/// Counts what each of these reasons, of numbers from `first` on, would have dropped: a function, so that its
/// loop is verified once.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn levee_would(reasons: u64, first: u32, frame_length: u64) -> u64 {
    let charge = Charge {
        bytes: frame_length,
    };
    let mut left = reasons;
    for _ in 0..u64::BITS {
        if left == 0 {
            break;
        }
        charge.would_verdict(first + lowest_number(left));
        left = without_lowest(left);
    }
    left
}
