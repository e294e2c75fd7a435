//! The kernel's count of ticks, and CLOCK_BOOTTIME, read at most once a tick.
//!
//! A reading costs more than all else that is done about a blocked packet, and deadlines are whole
//! seconds. So each CPU keeps its last reading as long as the kernel's count of ticks, which is a plain
//! load, stands still: a few milliseconds.

use aya_ebpf::helpers::generated::{bpf_jiffies64, bpf_ktime_get_boot_ns};
use filter_common::{decide::Clock, limit::Tick};

use crate::maps;

/// The kernel's clock.
pub(crate) struct Boottime;

impl Clock for Boottime {
    #[inline(always)]
    fn boottime(&self) -> u32 {
        let jiffies = jiffies();
        let Some(last) = maps::CLOCK.get_ptr_mut(0) else {
            return now();
        };
        // SAFETY: the map's own memory for this CPU, on which the program cannot be interrupted by itself.
        let last = unsafe { &mut *last };
        if last.jiffies != jiffies {
            last.seconds = u64::from(now());
            last.jiffies = jiffies;
        }
        last.seconds as u32
    }

    #[inline(always)]
    fn tick(&self) -> Tick {
        Tick {
            count: ticks(),
            units: maps::tick_units(),
        }
    }
}

#[inline(always)]
fn now() -> u32 {
    // SAFETY: takes nothing and returns a number.
    (unsafe { bpf_ktime_get_boot_ns() } / 1_000_000_000) as u32
}

/// The count that limits go by. Which of the two it is, is known when the program is loaded.
#[inline(always)]
fn ticks() -> u64 {
    if maps::is_simulated() {
        maps::TICK.get(0).copied().unwrap_or(0)
    } else {
        jiffies()
    }
}

/// The kernel's count of ticks.
#[inline(always)]
fn jiffies() -> u64 {
    // SAFETY: takes nothing and returns a number.
    unsafe { bpf_jiffies64() }
}
