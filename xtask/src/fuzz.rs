//! `cargo xtask fuzz`: runs one of the fuzz targets of `tests/fuzz` for a time.
//!
//! The targets' bodies run on the committed corpora with every `cargo xtask test`; this looks for new
//! inputs. It is no part of the test run, because how far it gets depends on the machine and on luck.

use std::{fmt, fs};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use crate::{
    paths::Paths,
    process::{pass_through, show, try_output},
    test::cargo,
};

#[derive(Args)]
pub(crate) struct Options {
    /// What is fuzzed.
    target: Target,
    /// How long.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
}

/// A target of `tests/fuzz`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Target {
    /// The parser of the data path.
    Packet,
    /// The reader of capture files.
    Capture,
    /// Admission of signed bundles.
    Bundle,
    /// Admission of signed deltas on a base.
    Delta,
    /// The trust file and its succession.
    Trust,
    /// Plain lists and netsets.
    Plain,
    /// Spamhaus DROP in JSON lines.
    #[value(name = "drop_json")]
    DropJson,
    /// The list of a letter.
    Letter,
    /// The configuration file.
    Config,
    /// The audit log and its checkpoints.
    Audit,
    /// Receipts.
    Receipt,
    /// The syntax of rules.
    Rule,
}

impl Target {
    /// Bytes of an input: frames past the header window and, for captures and texts, some records or lines; for
    /// rules past their longest.
    fn longest_input(self) -> usize {
        match self {
            Self::Packet => 1_600,
            Self::Capture
            | Self::Bundle
            | Self::Delta
            | Self::Trust
            | Self::Plain
            | Self::DropJson
            | Self::Letter
            | Self::Config
            | Self::Audit
            | Self::Receipt => 4_096,
            Self::Rule => 4_200,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        formatter.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

pub(crate) fn run(paths: &Paths, options: &Options) -> Result<()> {
    let Options { target, seconds } = options;
    if try_output(cargo(paths).args(["fuzz", "--version"])).is_none() {
        bail!("cargo-fuzz is not installed: install it by `cargo install --locked cargo-fuzz`");
    }
    let fuzz = paths.root.join("tests/fuzz");
    let seeds = fuzz.join("corpus").join(target.to_string());
    // New inputs go to the first directory of a corpus; the committed ones stay as they are.
    let found = paths.fuzz().join("corpus").join(target.to_string());
    let artifacts = paths.fuzz().join("artifacts").join(target.to_string());
    for directory in [&found, &artifacts] {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
    }
    let mut command = cargo(paths);
    command
        .args(["fuzz", "run"])
        // What is fuzzed has no unsafe code, so that a sanitizer finds no more and costs time; and the
        // flags of sanitizers are not stable.
        .args(["--sanitizer", "none"])
        .arg("--fuzz-dir")
        .arg(&fuzz)
        .arg("--target-dir")
        .arg(paths.fuzz().join("build"))
        .arg(target.to_string())
        .args([&found, &seeds])
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={}", target.longest_input()))
        .arg(format!("-artifact_prefix={}/", artifacts.display()));
    println!("{}", show(&command));
    pass_through(&mut command).with_context(|| {
        format!(
            "an input that fails is in {}; add it to {} and mend what it shows",
            artifacts.display(),
            seeds.display()
        )
    })
}
