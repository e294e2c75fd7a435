//! `cargo xtask bench`: what a packet costs, and how fast a list is live, beside others in the same run.
//!
//! Brings what is missing, builds everything in the release profile, and runs the program in
//! `tests/bench/`, which measures, prints, and writes down what it found. A complete run is then made into
//! the tables of docs/benchmarks.md and the plot beside them.
//!
//! - [`figures`]: what was found; [`table`]: as text; [`plot`]: as a picture.

mod figures;
mod plot;
mod table;

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use self::figures::Results;
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
    /// Run only this part; the documentation stays as it is.
    #[arg(long, value_name = "PART")]
    only: Option<String>,
    /// Where the random numbers of the run come from.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Measure nothing: make tables and plot of what the last run found.
    #[arg(long, conflicts_with_all = ["quick", "only", "seed"])]
    render: bool,
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

/// Measures, and writes the documentation after a complete run.
pub(crate) fn run(paths: &Paths, options: &Options) -> Result<()> {
    if !options.render {
        measure(paths, options)?;
    }
    if options.quick || options.only.is_some() {
        println!("bench: not a complete run: docs/benchmarks.md stays as it is");
        return Ok(());
    }
    render(paths)
}

fn measure(paths: &Paths, options: &Options) -> Result<()> {
    setup::run(paths)?;
    let mut apt = Apt::default();
    for tool in &RIVALS {
        tool.bring(&mut apt)?;
    }
    ebpf::run(paths)?;
    ebpf::bench(paths)?;
    let build = ["build", "--locked", "--release", "--package", "filter-ctl"];
    process::pass_through(cargo(paths).args(build))?;
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
    if let Some(seed) = options.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    process::pass_through(&mut command)
}

fn render(paths: &Paths) -> Result<()> {
    let results = Results::parse(&read(&paths.bench_results())?)?;
    ensure!(
        results.complete,
        "the last run was not a complete one: run `cargo xtask bench`"
    );
    let page = paths.root.join("docs/benchmarks.md");
    write(&page, &table::insert(&read(&page)?, &results)?)?;
    write(&page.with_extension("svg"), &plot::svg(&results))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    println!("bench: wrote {}", path.display());
    Ok(())
}
