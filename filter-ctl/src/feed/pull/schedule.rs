//! When the next fetch is due. Pure but for [`chance`].

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::Duration,
};

/// After the first failure; each further one doubles it.
const RETRY_FIRST: Duration = Duration::from_secs(10);
/// The longest time between two tries of a feed that fails, unless its refresh is longer.
const RETRY_MAX: Duration = Duration::from_mins(15);
/// Doublings that are counted; the longest time is reached before.
const DOUBLINGS_MAX: u32 = 16;

/// The time until the next fetch after so many failures in a row. `chance`, from 0 to 99, spreads it by a tenth
/// to either side, so that a publisher's readers do not all come at once.
pub(super) fn delay(refresh: Duration, failures: u32, chance: u32) -> Duration {
    let base = match failures.checked_sub(1) {
        None => refresh,
        Some(doublings) => {
            let retry = RETRY_FIRST.saturating_mul(1 << doublings.min(DOUBLINGS_MAX));
            retry.min(refresh.max(RETRY_FIRST)).min(RETRY_MAX)
        }
    };
    base * (90 + chance / 5) / 100
}

/// A number from 0 to 99. It needs no secrecy.
pub(super) fn chance() -> u32 {
    let random = RandomState::new().build_hasher().finish() % 100;
    u32::try_from(random).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_back_off_to_a_cap_and_never_wait_longer_than_the_refresh() {
        let refresh = Duration::from_mins(5);
        let seconds = |failures| delay(refresh, failures, 50).as_secs();
        assert_eq!([0, 1, 2, 3].map(seconds), [300, 10, 20, 40]);
        assert_eq!(seconds(u32::MAX), 300);
        assert_eq!(delay(Duration::from_hours(24), 40, 50), RETRY_MAX);
    }

    #[test]
    fn the_times_spread_by_a_tenth() {
        let refresh = Duration::from_secs(100);
        assert_eq!(delay(refresh, 0, 0).as_secs(), 90);
        assert_eq!(delay(refresh, 0, 99).as_secs(), 109);
        assert!((0..1000).all(|_| chance() < 100));
    }
}
