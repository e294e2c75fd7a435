//! `cargo xtask agree`: kernel, host and oracle on millions of packets.
//!
//! The tests of `tests/it/agree.rs` compare a few ten thousand packets in every run of the tests. Here
//! they run in the release profile on as many as are asked for, under other perimeters each time, and
//! what they say they compared is added up.

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{ebpf, paths::Paths, process, setup, test::cargo};

/// Random IPv4, random IPv6, recorded traffic, lookups in sets of prefixes: a test each.
const SOURCES: u64 = 4;

#[derive(Args)]
pub(crate) struct Options {
    /// How many packets to compare, over all sources.
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    packets: u64,
    /// The seed of the packets and perimeters; by default another one each time.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
}

/// Brings what is missing, builds, compares, and says what was compared.
pub(crate) fn run(paths: &Paths, options: &Options) -> Result<()> {
    setup::run(paths)?;
    ebpf::run(paths)?;
    let seed = match options.seed {
        Some(seed) => seed,
        None => seed_of_the_hour()?,
    };
    println!("agree: {} packets, seed {seed}", options.packets);
    let mut command = cargo(paths);
    command
        .args(["test", "--release", "--locked", "--package", "levee-tests"])
        .args(["--test", "it", "--", "agree::", "--show-output"])
        // Each of the sources has a thread; none waits for another.
        .args(["--test-threads", &SOURCES.to_string()])
        .env(
            "LEVEE_AGREE_PACKETS",
            options.packets.div_ceil(SOURCES).to_string(),
        )
        .env("LEVEE_SEED", seed.to_string());
    // The build is no part of the time.
    process::pass_through(cargo(paths).args([
        "test",
        "--release",
        "--locked",
        "--package",
        "levee-tests",
        "--test",
        "it",
        "--no-run",
    ]))?;
    let start = Instant::now();
    let mut report = Report::default();
    process::tee(&mut command, |line| report.line(line))
        .with_context(|| format!("they do not agree; the seed is {seed}"))?;
    let seconds = start.elapsed().as_secs_f64();
    report.print();
    let total = report.total();
    if total == 0 {
        bail!("no packet was compared: root is needed to run a program in the kernel");
    }
    println!(
        "\n{total} packets compared in {seconds:.1} s, seed {seed}: kernel, host and oracle agree"
    );
    Ok(())
}

/// A seed that no other run had.
pub(crate) fn seed_of_the_hour() -> Result<u64> {
    let since = std::time::UNIX_EPOCH
        .elapsed()
        .context("the clock stands before 1970")?;
    Ok(since.as_secs())
}

/// What the tests said they compared.
#[derive(Debug, Default)]
struct Report {
    sources: BTreeMap<String, u64>,
    reasons: BTreeMap<String, u64>,
}

impl Report {
    /// Reads `compared N packets, SOURCE, seed S: REASON ACTION N, ...`.
    fn line(&mut self, line: &str) {
        let Some((source, packets, reasons)) = compared(line) else {
            return;
        };
        *self.sources.entry(source.to_owned()).or_default() += packets;
        for reason in reasons.split(", ") {
            if let Some((name, Ok(count))) = reason
                .rsplit_once(' ')
                .map(|(name, count)| (name, count.parse::<u64>()))
            {
                *self.reasons.entry(name.to_owned()).or_default() += count;
            }
        }
    }

    fn total(&self) -> u64 {
        self.sources.values().sum()
    }

    fn print(&self) {
        println!("\nby reason:");
        for (reason, count) in &self.reasons {
            println!("{count:>12} {reason}");
        }
        println!("\nby source:");
        for (source, count) in &self.sources {
            println!("{count:>12} {source}");
        }
    }
}

/// Source, number of packets and reasons in a line of a test.
fn compared(line: &str) -> Option<(&str, u64, &str)> {
    let (count, rest) = line.strip_prefix("compared ")?.split_once(" packets, ")?;
    let (source, rest) = rest.split_once(", seed ")?;
    let (_seed, reasons) = rest.split_once(": ")?;
    Some((source, count.parse().ok()?, reasons))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tests_compared_is_added_up() {
        let mut report = Report::default();
        for line in [
            "running 3 tests",
            "compared 5 packets, random IPv4, seed 7: clean passed 3, order dropped 2",
            "compared many packets, random IPv4, seed 7: clean passed 3",
            "compared 6 packets, random IPv6, seed 8: clean passed 6",
            "test result: ok. 3 passed; 0 failed",
        ] {
            report.line(line);
        }
        assert_eq!(report.total(), 11);
        assert_eq!(report.sources["random IPv4"], 5);
        assert_eq!(report.reasons["clean passed"], 9);
        assert_eq!(report.reasons["order dropped"], 2);
        assert_eq!(report.reasons.len(), 2);
    }
}
