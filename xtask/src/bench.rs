//! `cargo xtask bench`: what a packet costs, and how fast a list is live, beside others in the same run.
//!
//! Brings what is missing, builds everything in the release profile, and runs the program in
//! `tests/bench/`, which measures and prints.

use anyhow::Result;
use clap::Args;

use crate::{
    ebpf,
    paths::Paths,
    process,
    setup::{self, Tool, apt::Apt},
    test::cargo,
};

#[derive(Args)]
pub(crate) struct Options {
    /// A run of a minute or two, with few rounds and small lists: for work on the bench itself.
    #[arg(long)]
    quick: bool,
    /// Run only this part.
    #[arg(long, value_name = "PART")]
    only: Option<String>,
}

/// What Levee is measured against.
const RIVALS: [Tool; 2] = [
    Tool {
        program: "nft",
        package: "nftables",
        why: "the bench compares with its sets",
    },
    Tool {
        program: "xdp-filter",
        package: "xdp-tools",
        why: "the bench compares with it",
    },
];

pub(crate) fn run(paths: &Paths, options: &Options) -> Result<()> {
    setup::run(paths)?;
    let mut apt = Apt::default();
    for tool in &RIVALS {
        tool.bring(&mut apt)?;
    }
    ebpf::run(paths)?;
    ebpf::bench(paths)?;
    process::pass_through(cargo(paths).args([
        "build",
        "--locked",
        "--release",
        "--package",
        "filter-ctl",
    ]))?;
    let mut command = cargo(paths);
    command
        .args(["run", "--locked", "--release", "--package", "levee-tests"])
        .args(["--example", "bench", "--"])
        .env("LEVEE_FILTER_CTL", paths.target.join("release/filter-ctl"))
        .env("LEVEE_BENCH_OBJECT", paths.bench_object())
        .env("LEVEE_BENCH_RESULTS", paths.bench_results());
    if options.quick {
        command.arg("--quick");
    }
    if let Some(part) = &options.only {
        command.args(["--only", part]);
    }
    process::pass_through(&mut command)
}
