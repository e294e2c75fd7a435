//! `cargo xtask swaps`: ten thousand generations under traffic, and hundreds of kills.
//!
//! The tests of `tests/it/swaps.rs` and `tests/it/service/{swaps,kills}.rs` make a share of both in every
//! run of the tests. Here they make as many as are asked for, one test after the other, so that what they
//! measure is theirs alone.

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{
    agree::seed_of_the_hour,
    ebpf,
    paths::Paths,
    process, setup,
    test::{build_filter_ctl, cargo},
};

#[derive(Args)]
pub(crate) struct Options {
    /// How many generations take each other's place.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    swaps: u64,
    /// How often the service is killed.
    #[arg(long, value_name = "N", default_value_t = 300)]
    kills: u64,
    /// The seed of the moments of the kills; by default another one each time.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
}

/// Brings what is missing, builds, runs, and repeats what the tests measured.
pub(crate) fn run(paths: &Paths, options: &Options) -> Result<()> {
    setup::run(paths)?;
    ebpf::run(paths)?;
    let filter_ctl = build_filter_ctl(paths)?;
    let seed = match options.seed {
        Some(seed) => seed,
        None => seed_of_the_hour()?,
    };
    println!(
        "swaps: {} swaps, {} kills, seed {seed}",
        options.swaps, options.kills
    );
    let mut command = cargo(paths);
    command
        .args(["test", "--locked", "--package", "levee-tests"])
        .args(["--test", "it", "--", "swaps::", "kills::", "--show-output"])
        .args(["--test-threads", "1"])
        .env("LEVEE_FILTER_CTL", filter_ctl)
        .env("LEVEE_SWAPS", options.swaps.to_string())
        .env("LEVEE_KILLS", options.kills.to_string())
        .env("LEVEE_SEED", seed.to_string());
    let mut measured = Vec::new();
    process::tee(&mut command, |line| {
        if is_measured(line) {
            measured.push(line.to_owned());
        }
    })
    .with_context(|| format!("a promise was broken; the seed is {seed}"))?;
    if measured.is_empty() {
        bail!("nothing was run: root is needed to load programs and to make namespaces");
    }
    println!();
    for line in measured {
        println!("{line}");
    }
    Ok(())
}

/// Whether a line is what one of the tests says at its end.
fn is_measured(line: &str) -> bool {
    ["swapped ", "killed ", "the service put "]
        .iter()
        .any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tests_measured_is_told_from_what_else_they_say() {
        assert!(is_measured(
            "swapped 5 generations under 7 packets in 1.0 s"
        ));
        assert!(is_measured("killed 3 times, seed 1: 1 in a swap"));
        assert!(!is_measured("test swaps::thousands_of_swaps ... ok"));
        assert!(!is_measured(
            "SKIPPED: swaps::thousands_of_swaps: needs root"
        ));
    }
}
