//! The kernel's clock, against the wall clock, and whether that is kept right.

use nix::{
    sys::time::TimeValLike as _,
    time::{ClockId, clock_gettime},
};

use super::{KernelError, sys};
use crate::table::clock::BootClock;

/// Reads both clocks. Deadlines in the kernel are on the first, which no one can set.
pub fn boot_clock() -> Result<BootClock, KernelError> {
    let difference = (-unix_at_boot()?).div_euclid(1_000_000_000);
    Ok(BootClock {
        boottime_at_unix_0: i64::try_from(difference).unwrap_or(i64::MIN),
    })
}

/// What the wall clock showed, or would have shown, when CLOCK_BOOTTIME was zero: nanoseconds of Unix time.
pub fn unix_at_boot() -> Result<i128, KernelError> {
    let boot = boottime_ns()?;
    Ok(jiff::Timestamp::now().as_nanosecond() - i128::from(boot))
}

/// Seconds of CLOCK_BOOTTIME, rounded down.
pub fn boottime_seconds() -> Result<u64, KernelError> {
    Ok(u64::try_from(boottime_ns()? / 1_000_000_000).unwrap_or(0))
}

fn boottime_ns() -> Result<i64, KernelError> {
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).map_err(|errno| KernelError::Syscall {
        call: "clock_gettime",
        what: "CLOCK_BOOTTIME".to_owned(),
        source: errno.into(),
    })?;
    Ok(time.num_nanoseconds())
}

/// Whether the kernel says that the wall clock is kept right, by NTP or otherwise.
pub fn is_synchronised() -> Result<bool, KernelError> {
    sys::clock_is_synchronised().map_err(|source| KernelError::Syscall {
        call: "adjtimex",
        what: "the wall clock".to_owned(),
        source,
    })
}
