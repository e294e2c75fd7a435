//! The tasks of the developers of Levee: `cargo xtask help` lists them.
//!
//! One file per task. A task prints what it does and why; an error says what to type next.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task talks to the developer who started it"
)]

mod agree;
mod bench;
mod demo;
mod ebpf;
mod fuzz;
mod kernel;
mod paths;
mod process;
mod setup;
mod swaps;
mod tally;
mod test;
mod tidy;
mod toolchain;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::paths::Paths;

/// The tasks of the developers of Levee.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing to build the eBPF object and to run the tests.
    Setup,
    /// Build the eBPF object that `filter-ctl` embeds.
    Ebpf,
    /// Show the main job on real packets, in network namespaces of its own.
    Demo,
    /// Compare kernel, host and oracle on millions of packets, in the release profile.
    Agree(agree::Options),
    /// Measure what a packet costs, beside others in the same run, and write docs/benchmarks.md.
    Bench(bench::Options),
    /// Run the kernel tests on another kernel, in an emulated machine.
    Kernel(kernel::Options),
    /// Swap ten thousand generations under traffic, and kill the service a few hundred times.
    Swaps(swaps::Options),
    /// Run every check and every test, as CI does.
    Test(test::Options),
    /// Look for inputs that a parser of outside bytes does not stand, for a time.
    Fuzz(fuzz::Options),
    /// Check the house rules that neither rustfmt nor clippy knows.
    Tidy,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    let paths = Paths::find()?;
    match task {
        Task::Setup => setup::run(&paths)?,
        Task::Ebpf => ebpf::run(&paths)?,
        Task::Demo => demo::run(&paths)?,
        Task::Agree(options) => agree::run(&paths, &options)?,
        Task::Bench(options) => bench::run(&paths, &options)?,
        Task::Kernel(options) => return kernel::run(&paths, &options),
        Task::Swaps(options) => swaps::run(&paths, &options)?,
        Task::Test(options) => return Ok(test::run(&paths, &options)),
        Task::Fuzz(options) => fuzz::run(&paths, &options)?,
        Task::Tidy => tidy::run(&paths)?,
    }
    Ok(ExitCode::SUCCESS)
}
