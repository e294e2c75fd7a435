//! How often a client may ask.

use std::time::{Duration, Instant};

/// Requests that a client may make at once.
pub(super) const REQUESTS_BURST: u32 = 60;
/// After how long it may make another one; past the burst, requests are answered with 429.
pub(super) const REQUEST_EVERY: Duration = Duration::from_millis(500);

/// The requests that a client has left.
#[derive(Debug)]
pub(super) struct Allowance {
    left: u32,
    /// Until when the requests that were given back are counted.
    since: Instant,
}

impl Allowance {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            left: REQUESTS_BURST,
            since: now,
        }
    }

    /// Takes one, or says after how long there is one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.since);
        let earned = passed.as_nanos() / REQUEST_EVERY.as_nanos();
        if earned >= u128::from(REQUESTS_BURST - self.left) {
            (self.left, self.since) = (REQUESTS_BURST, now);
        } else if let Ok(earned) = u32::try_from(earned) {
            self.left += earned;
            self.since += REQUEST_EVERY * earned;
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(REQUEST_EVERY.saturating_sub(now.saturating_duration_since(self.since))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_is_taken_at_once_and_given_back_in_time() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        for _ in 0..REQUESTS_BURST {
            allowance.take(start).expect("within the burst");
        }
        let wait = allowance.take(start).expect_err("past the burst");
        assert_eq!(wait, REQUEST_EVERY);
        allowance.take(start + wait).expect("after the wait");
        allowance.take(start + wait).expect_err("only one");
    }

    proptest! {
        /// However the requests are spaced, no more are granted than the burst and what time gives back.
        #[test]
        fn never_more_than_burst_and_rate(gaps in prop::collection::vec(0_u64..2_000, 1..400)) {
            let start = Instant::now();
            let (mut now, mut allowance, mut granted) = (start, Allowance::new(start), 0_u128);
            for gap in gaps {
                now += Duration::from_millis(gap);
                granted += u128::from(allowance.take(now).is_ok());
                let earned = (now - start).as_nanos() / REQUEST_EVERY.as_nanos();
                prop_assert!(granted <= u128::from(REQUESTS_BURST) + earned);
            }
        }
    }
}
