//! Measuring: one batch of live frames, and what many rounds of it come to.

use anyhow::{Result, ensure};

use crate::{load::Load, wire::Wire};

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
pub(crate) fn batch(wire: &Wire, load: &mut Load, frames: u32) -> Result<Batch> {
    let thread = wire.thread()?;
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

/// The figures of several rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds(Vec<f64>);

impl Rounds {
    pub(crate) fn add(&mut self, figure: f64) {
        self.0.push(figure);
        self.0.sort_unstable_by(f64::total_cmp);
    }

    /// The one in the middle; of an even number the lower.
    pub(crate) fn median(&self) -> f64 {
        self.0
            .get(self.0.len().saturating_sub(1) / 2)
            .copied()
            .unwrap_or(f64::NAN)
    }

    pub(crate) fn range(&self) -> [f64; 2] {
        [self.0.first(), self.0.last()].map(|end| end.copied().unwrap_or(f64::NAN))
    }
}
