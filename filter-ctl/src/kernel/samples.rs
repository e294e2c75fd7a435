//! Samples of dropped packets: the ring in which they wait, how many there are, and what became of the others.
//!
//! The ring belongs to an instance. A service works with one instance as long as it runs, the one that counts;
//! maps that it takes over from have a ring of their own, which nobody reads any more. What lies in a ring from
//! before a restart is read by the next service.

use std::io;

use aya::maps::{Map, MapData, RingBuf};
use filter_common::{
    abi::map,
    limit::Limit,
    sample::{Sample, Sampling},
};
use tokio::io::unix::AsyncFd;

use super::{KernelError, instance::Instance, record::decode_sample, sys};

/// How many samples are made, and whether addresses inside are whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SampleSettings {
    /// Samples of each reason in a second; 0 for none at all.
    pub per_second: u32,
    /// Seconds of CLOCK_BOOTTIME up to which addresses inside are left whole; 0 for never.
    pub whole_until: u64,
}

impl SampleSettings {
    fn record(self) -> Sampling {
        let per_second = u64::from(self.per_second);
        Sampling {
            limit: match per_second {
                0 => Limit::NONE,
                // A second's worth at once, so that the first packets of an attack are seen.
                rate => Limit::packets(rate, rate),
            },
            whole_until: self.whole_until,
        }
    }
}

/// Counts of the data path that are no verdicts, since its maps were made; [`super::meters`] reads them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallies {
    /// Packets charged to a bucket that their destination shares with another.
    pub shared_bucket: u64,
    /// Packets to protected destinations that have no meter of their own.
    pub unmetered: u64,
    /// Samples that were not made, because there were enough of their reason.
    pub samples_over_rate: u64,
    /// Samples that were lost, because the ring was full.
    pub samples_lost: u64,
}

/// The ring. One reader at a time: what it takes is gone.
pub struct SampleRing(AsyncFd<RingBuf<MapData>>);

impl SampleRing {
    /// Waits until there are samples, and takes them, at most so many.
    ///
    /// What has another size than a sample is none, and passed over: it cannot be in maps whose version was
    /// checked.
    pub async fn read(&mut self, max: usize, mut take: impl FnMut(&Sample)) -> io::Result<()> {
        let mut ready = self.0.readable_mut().await?;
        for _ in 0..max {
            let Some(item) = ready.get_inner_mut().next() else {
                ready.clear_ready();
                break;
            };
            if let Some(sample) = decode_sample(&item) {
                take(&sample);
            }
        }
        Ok(())
    }
}

impl Instance {
    /// Opens the ring of its samples. Has to be called inside the runtime.
    pub fn sample_ring(&self) -> Result<SampleRing, KernelError> {
        let ring = RingBuf::try_from(Map::RingBuf(self.data(map::SAMPLES)?));
        let ring = sys::watch_ring(ring.map_err(map_error(map::SAMPLES))?);
        ring.map(SampleRing).map_err(|source| KernelError::Syscall {
            call: "epoll_ctl",
            what: format!("map {}", map::SAMPLES),
            source,
        })
    }

    /// Says how samples are made from the next packet on.
    pub fn set_sampling(&self, settings: SampleSettings) -> Result<(), KernelError> {
        self.array::<Sampling>(map::SAMPLING, 1)?
            .write(0, &[settings.record()]);
        Ok(())
    }
}

pub(super) fn map_error(name: &'static str) -> impl Fn(aya::maps::MapError) -> KernelError {
    move |error| KernelError::aya(format!("cannot use map {name}"), error)
}
