//! From wall time to the clock that deadlines are kept on.
//!
//! The kernel knows no wall time, so a [`TimedClause`] is put on CLOCK_BOOTTIME when it is written or
//! read. When the wall clock is set, the difference changes, and with it every deadline.

use filter_common::{decide::Clock, limit::Tick, table::Clause};

use super::TimedClause;

/// The difference between CLOCK_BOOTTIME and wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootClock {
    /// What CLOCK_BOOTTIME, in seconds, showed or would have shown at Unix time 0: its reading less
    /// the Unix time of the same moment.
    pub boottime_at_unix_0: i64,
}

impl BootClock {
    /// The reading of CLOCK_BOOTTIME at a Unix time in seconds; 0 for all times before boot, the
    /// greatest value for all that it cannot reach (136 years after boot).
    #[must_use]
    pub const fn boottime(self, unix: i64) -> u32 {
        let seconds = unix.saturating_add(self.boottime_at_unix_0);
        if seconds <= 0 {
            0
        } else if seconds >= u32::MAX as i64 {
            u32::MAX
        } else {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "both bounds are checked above"
            )]
            {
                seconds as u32
            }
        }
    }
}

impl TimedClause {
    /// The clause as the kernel reads it.
    #[must_use]
    pub const fn at(&self, clock: BootClock) -> Clause {
        let Self {
            slot,
            until,
            ports,
            protocol,
            flags,
        } = *self;
        Clause {
            slot,
            deadline: clock.boottime(until),
            ports,
            protocol,
            flags,
            reserved: 0,
        }
    }
}

/// A clock that stands still, for deciding as of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoppedClock {
    /// CLOCK_BOOTTIME in seconds.
    pub boottime: u32,
    /// The time as limits count it.
    pub tick: Tick,
}

impl Clock for StoppedClock {
    fn boottime(&self) -> u32 {
        self.boottime
    }

    fn tick(&self) -> Tick {
        self.tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_out_of_reach_saturate() {
        let clock = BootClock {
            boottime_at_unix_0: -1_000,
        };
        assert_eq!(clock.boottime(i64::MIN), 0);
        assert_eq!(clock.boottime(999), 0);
        assert_eq!(clock.boottime(1_000), 0);
        assert_eq!(clock.boottime(1_001), 1);
        assert_eq!(clock.boottime(1_000 + i64::from(u32::MAX)), u32::MAX);
        assert_eq!(clock.boottime(i64::MAX), u32::MAX);
    }

    #[test]
    fn a_clause_keeps_everything_but_its_time() {
        let timed = TimedClause {
            slot: 7,
            until: 7_200,
            ports: [80, 443],
            protocol: 6,
            flags: 0x3f,
        };
        let clock = BootClock {
            boottime_at_unix_0: -3_600,
        };
        assert_eq!(
            timed.at(clock),
            Clause {
                slot: 7,
                deadline: 3_600,
                ports: [80, 443],
                protocol: 6,
                flags: 0x3f,
                reserved: 0,
            }
        );
    }
}
