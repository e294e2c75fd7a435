//! Reads the counters: the sum over all CPUs.

use filter_common::{
    counters::{Counter, verdict_index},
    verdict::Reason,
};

use super::{
    KernelError,
    instance::{Instance, RawCounter},
};

impl Instance {
    /// The counters of an interface by reason, in the order of [`Reason::ALL`].
    pub fn verdict_counters(&self, interface: u32) -> Result<Vec<Counter>, KernelError> {
        Reason::ALL
            .iter()
            .map(|reason| {
                let values = self
                    .verdicts
                    .get(&verdict_index(interface, *reason), 0)
                    .map_err(|error| KernelError::aya("cannot read VERDICTS", error))?;
                Ok(sum(values.iter()))
            })
            .collect()
    }

    /// The counter of a slot.
    pub fn slot_counter(&self, slot: u32) -> Result<Counter, KernelError> {
        let values = self
            .slots
            .get(&slot, 0)
            .map_err(|error| KernelError::aya("cannot read SLOTS", error))?;
        Ok(sum(values.iter()))
    }
}

fn sum<'a>(values: impl Iterator<Item = &'a RawCounter>) -> Counter {
    values.fold(
        Counter::default(),
        |total, [packets, bytes, would_packets, would_bytes]| Counter {
            packets: total.packets + packets,
            bytes: total.bytes + bytes,
            would_packets: total.would_packets + would_packets,
            would_bytes: total.would_bytes + would_bytes,
        },
    )
}
