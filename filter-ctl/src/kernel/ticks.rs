//! How long the kernel's tick is.
//!
//! It is a choice of whoever built the kernel (`CONFIG_HZ`), and the frequency that `sysconf` knows is another.
//! But the coarse clocks are set once in a tick, and their resolution is given as the length of one
//! (`KTIME_LOW_RES` of include/linux/hrtimer_defs.h).

use std::{io, ops::RangeInclusive, time::Duration};

use filter_common::limit::UNITS_PER_SECOND;
use nix::time::{ClockId, clock_getres};

use super::KernelError;

/// The units of the shortest tick and of the longest that kernels are built with (kernel/Kconfig.hz).
const UNITS: RangeInclusive<u32> = UNITS_PER_SECOND / 1_000..=UNITS_PER_SECOND / 100;

/// The units of a tick, see [`filter_common::limit::Tick`].
pub(super) fn units() -> Result<u32, KernelError> {
    let failed = |source| KernelError::Syscall {
        call: "clock_getres",
        what: "CLOCK_MONOTONIC_COARSE".to_owned(),
        source,
    };
    let tick =
        clock_getres(ClockId::CLOCK_MONOTONIC_COARSE).map_err(|errno| failed(errno.into()))?;
    units_of(tick.into()).ok_or_else(|| {
        failed(io::Error::other(format!(
            "a tick of {tick}, expected 1 to 10 milliseconds"
        )))
    })
}

/// The units nearest to the length of a tick; nothing if no kernel is built with one so short or so long.
fn units_of(tick: Duration) -> Option<u32> {
    const SECOND: u128 = Duration::from_secs(1).as_nanos();
    let units = (tick.as_nanos() * u128::from(UNITS_PER_SECOND) + SECOND / 2) / SECOND;
    u32::try_from(units)
        .ok()
        .filter(|units| UNITS.contains(units))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_that_a_tick_has_is_so_many_units() {
        // As the kernel rounds them; 1,024 on some other architectures.
        for (nanoseconds, units) in [
            (10_000_000, 30),
            (4_000_000, 12),
            (3_333_333, 10),
            (1_000_000, 3),
            (976_563, 3),
        ] {
            assert_eq!(units_of(Duration::from_nanos(nanoseconds)), Some(units));
        }
    }

    #[test]
    fn the_resolution_of_no_coarse_clock_is_refused() {
        for nanoseconds in [0, 1, 100_000, 20_000_000, 1_000_000_000] {
            assert_eq!(units_of(Duration::from_nanos(nanoseconds)), None);
        }
    }
}
