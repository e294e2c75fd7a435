//! Reads the ring.

use std::io;

use filter_common::sample::Sample;
use jiff::Timestamp;

use super::Hub;
use crate::kernel::{clock::unix_at_boot, samples::SampleRing};

/// Samples that are read before other tasks get their turn.
const BATCH_MAX: usize = 256;

/// Reads samples into the hub for as long as it is polled.
pub async fn run(mut ring: SampleRing, hub: Hub) -> io::Result<()> {
    loop {
        // The wall clock may have been set since the samples before.
        let mut boot = None;
        let take = |sample: &Sample| {
            let boot = *boot.get_or_insert_with(|| unix_at_boot().unwrap_or_default());
            let time = Timestamp::from_nanosecond(boot + i128::from(sample.time));
            hub.take(sample, time.unwrap_or_default());
        };
        ring.read(BATCH_MAX, take).await?;
        tokio::task::yield_now().await;
    }
}
