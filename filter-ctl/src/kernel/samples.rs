//! Samples of dropped packets: the ring in which they wait, how many there are, and what became of the others.
//!
//! The ring belongs to an instance. A service works with one instance as long as it runs, the one that counts;
//! maps that it takes over from have a ring of their own, which nobody reads any more. What lies in a ring from
//! before a restart is read by the next service.

use std::os::fd::{AsRawFd, RawFd};

use aya::maps::{Map, MapData, PerCpuArray, RingBuf};
use filter_common::{
    abi::map,
    counters::{TALLIES, Tally},
    limit::Limit,
    sample::{Sample, Sampling},
};

use super::{KernelError, instance::Instance, record::decode_sample};

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

/// Counts of the data path that are no verdicts, since its maps were made.
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
pub struct SampleRing(RingBuf<MapData>);

impl SampleRing {
    /// The next sample, or `None` until there is one. What has another size than a sample is none, and passed
    /// over: it cannot be in maps whose version was checked.
    pub fn next(&mut self) -> Option<Sample> {
        while let Some(item) = self.0.next() {
            if let Some(sample) = decode_sample(&item) {
                return Some(sample);
            }
        }
        None
    }
}

impl AsRawFd for SampleRing {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Instance {
    /// Opens the ring of its samples.
    pub fn sample_ring(&self) -> Result<SampleRing, KernelError> {
        let ring = RingBuf::try_from(Map::RingBuf(self.data(map::SAMPLES)?));
        ring.map(SampleRing).map_err(map_error(map::SAMPLES))
    }

    /// Says how samples are made from the next packet on.
    pub fn set_sampling(&self, settings: SampleSettings) -> Result<(), KernelError> {
        self.array::<Sampling>(map::SAMPLING, 1)?
            .write(0, &[settings.record()]);
        Ok(())
    }

    /// The counts that are no verdicts.
    pub fn tallies(&self) -> Result<Tallies, KernelError> {
        let counts = PerCpuArray::<_, u64>::try_from(Map::PerCpuArray(self.data(map::TALLIES)?));
        let counts = counts.map_err(map_error(map::TALLIES))?;
        let count = |tally: Tally| -> Result<u64, KernelError> {
            let values = counts.get(&(tally as u32), 0);
            Ok(values.map_err(map_error(map::TALLIES))?.iter().sum())
        };
        const { assert!(TALLIES == 4) };
        Ok(Tallies {
            shared_bucket: count(Tally::SharedBucket)?,
            unmetered: count(Tally::Unmetered)?,
            samples_over_rate: count(Tally::SampleOverRate)?,
            samples_lost: count(Tally::SampleLost)?,
        })
    }
}

pub(super) fn map_error(name: &'static str) -> impl Fn(aya::maps::MapError) -> KernelError {
    move |error| KernelError::aya(format!("cannot use map {name}"), error)
}
