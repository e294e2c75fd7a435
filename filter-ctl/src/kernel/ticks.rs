//! How long the kernel's tick is.
//!
//! The kernel does not say: it is a choice of whoever built it (`CONFIG_HZ`), and the frequency that user space
//! can ask for is another. So a program of two instructions reads the count of ticks twice, some time apart.

use std::{
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use filter_common::limit::UNITS_PER_SECOND;

use super::{KernelError, sys};

/// Ticks per second that kernels are built with (kernel/Kconfig.hz; 1,024 on some other architectures).
const FREQUENCIES: [u32; 4] = [100, 250, 300, 1_000];

/// Time between two readings: twelve ticks of the slowest, so that the two nearest frequencies are five ticks
/// apart.
const BETWEEN: Duration = Duration::from_millis(120);

/// The units of a tick, see [`filter_common::limit::Tick`]. Measured once in the life of a process.
pub(super) fn units() -> Result<u32, KernelError> {
    static UNITS: OnceLock<u32> = OnceLock::new();
    if let Some(units) = UNITS.get() {
        return Ok(*units);
    }
    let units = UNITS_PER_SECOND / measure()?;
    Ok(*UNITS.get_or_init(|| units))
}

fn measure() -> Result<u32, KernelError> {
    let failed = |source| KernelError::Syscall {
        call: "bpf(BPF_PROG_TEST_RUN)",
        what: "the program that reads the kernel's ticks".to_owned(),
        source,
    };
    let reader = sys::TickReader::load().map_err(failed)?;
    let read =
        || -> Result<_, KernelError> { Ok((reader.read().map_err(failed)?, Instant::now())) };
    let (first, began) = read()?;
    thread::sleep(BETWEEN);
    let (last, ended) = read()?;
    Ok(nearest(last.wrapping_sub(first), ended - began))
}

/// The frequency that so many ticks in a time are nearest to.
fn nearest(ticks: u32, time: Duration) -> u32 {
    let measured = f64::from(ticks) / time.as_secs_f64();
    let distance = |frequency: &u32| (f64::from(*frequency) / measured).ln().abs();
    let nearest = FREQUENCIES
        .into_iter()
        .min_by(|a, b| distance(a).total_cmp(&distance(b)));
    nearest.unwrap_or(FREQUENCIES[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frequency_is_found_though_a_tick_is_missing_or_over() {
        for frequency in FREQUENCIES {
            for milliseconds in [120, 200, 1_000] {
                let ticks = frequency * milliseconds / 1_000;
                let time = Duration::from_millis(u64::from(milliseconds));
                for seen in [ticks - 1, ticks, ticks + 1] {
                    assert_eq!(nearest(seen, time), frequency, "{seen} in {time:?}");
                }
            }
        }
    }
}
