//! Measuring: one batch of live frames, and what many rounds of it come to.

use anyhow::{Result, ensure};

use crate::{
    load::Load,
    wire::{Thread, Wire},
};

/// What one batch of frames cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    /// Frames that the receiver took.
    pub(crate) frames: u64,
    /// Those of them that an XDP program dropped.
    pub(crate) dropped: u64,
    /// Run time of the receiving thread, in nanoseconds.
    pub(crate) run_time: u64,
}

impl Batch {
    /// Nanoseconds a packet.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn cost(&self) -> f64 {
        self.run_time as f64 / self.frames as f64
    }
}

/// Sends a batch and waits until the receiver is done with it.
pub(crate) fn batch(wire: &Wire, thread: Thread, load: &mut Load, frames: u32) -> Result<Batch> {
    let before = (wire.settled()?, thread.run_time()?);
    load.send(wire, frames)?;
    let after = (wire.settled()?, thread.run_time()?);
    let batch = Batch {
        frames: after.0.frames - before.0.frames,
        dropped: after.0.dropped - before.0.dropped,
        run_time: after.1 - before.1,
    };
    ensure!(batch.frames > 0, "no frame arrived");
    Ok(batch)
}
