//! How long something took, each time: a histogram.

/// The upper bounds of the buckets, in seconds.
pub const BOUNDS: [f64; 12] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Durations in buckets, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Durations {
    /// How many fell into each bucket of [`BOUNDS`], and none below it.
    pub buckets: [u64; BOUNDS.len()],
    /// How many there were.
    pub count: u64,
    /// Their sum, in seconds.
    pub sum: f64,
}

impl Durations {
    /// Adds one.
    pub fn observe(&mut self, seconds: f64) {
        if let Some(bucket) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.buckets[bucket] += 1;
        }
        self.count += 1;
        self.sum += seconds;
    }
}
