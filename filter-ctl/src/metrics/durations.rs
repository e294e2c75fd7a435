//! How long things took: counts by bucket, as plain data.

use std::time::Duration;

use jiff::Timestamp;

/// The upper bounds of the buckets, in seconds.
pub const BOUNDS: [f64; 15] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];

/// Durations, counted since the service started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Durations {
    /// How many lay at or below each bound and above the one before.
    buckets: [u64; BOUNDS.len()],
    /// How many there were.
    count: u64,
    /// Their sum in seconds.
    sum: f64,
}

impl Durations {
    /// Counts one.
    pub fn observe(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        if let Some(bucket) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.buckets[bucket] += 1;
        }
        self.count += 1;
        self.sum += seconds;
    }

    /// Counts the time between two moments. A clock set back in between makes it negative, which says nothing.
    pub fn observe_between(&mut self, from: Timestamp, to: Timestamp) {
        if let Ok(duration) = to.duration_since(from).try_into() {
            self.observe(duration);
        }
    }

    /// How many there were.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their sum in seconds.
    #[must_use]
    pub const fn sum(&self) -> f64 {
        self.sum
    }

    /// Each bound, with how many lay at or below it.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let counts = self.buckets.iter().scan(0, |total, count| {
            *total += count;
            Some(*total)
        });
        BOUNDS.into_iter().zip(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_in_every_bucket_above_it() {
        let mut durations = Durations::default();
        for milliseconds in [0, 5, 6, 700, 60_000] {
            durations.observe(Duration::from_millis(milliseconds));
        }
        let counts: Vec<u64> = durations.cumulative().map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5, 5]);
        assert_eq!(durations.count(), 5);
        assert!((durations.sum() - 60.711).abs() < 1e-9);
    }
}
