//! `cargo xtask test`: every check and every test, in one command. CI runs this and nothing else.
//!
//! A failed check does not keep the later steps from running, so that one run shows all there is
//! to mend; only what cannot work without its predecessor is left out. The last line printed is
//! `N passed, N failed, N skipped`, summed over all test runners.

use std::{
    fmt,
    path::PathBuf,
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::{
    ebpf, kernel,
    paths::Paths,
    process, setup,
    tally::{Reader, Tally},
    tidy,
};

#[derive(Args)]
pub(crate) struct Options {
    /// Run only this step, and what it is built from.
    #[arg(long, value_name = "STEP")]
    only: Option<Step>,
}

/// A step of the run. The order here is the order of running.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Step {
    /// Install what is missing.
    Setup,
    /// Build the eBPF object.
    Ebpf,
    /// rustfmt.
    Format,
    /// clippy, warnings being errors.
    Clippy,
    /// The house rules.
    Tidy,
    /// Licences and sources of the dependencies, where cargo-deny is installed.
    Deny,
    /// Unit, property and documentation tests.
    Unit,
    /// Tests of the built controller and of the kernel program.
    Integration,
    /// The most important of them on the oldest kernel that is supported, in an emulated machine.
    Kernel,
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        formatter.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

impl Step {
    /// Whether `self` takes part in a run that was asked for only `step`.
    fn serves(self, step: Self) -> bool {
        // The controller under test embeds the object.
        let embeds = matches!(step, Self::Integration | Self::Kernel);
        self == step || (embeds && matches!(self, Self::Setup | Self::Ebpf))
    }

    /// Steps without which no later one can be trusted to say anything.
    fn is_foundation(self) -> bool {
        matches!(self, Self::Setup | Self::Ebpf)
    }

    fn runs_tests(self) -> bool {
        matches!(self, Self::Unit | Self::Integration | Self::Kernel)
    }

    fn run(self, paths: &Paths, reader: &mut Reader) -> Result<()> {
        match self {
            Self::Setup => setup::run(paths),
            Self::Ebpf => ebpf::run(paths),
            Self::Format => process::pass_through(cargo(paths).args(["fmt", "--all", "--check"])),
            Self::Clippy => process::pass_through(
                cargo(paths)
                    .args([
                        "clippy",
                        "--locked",
                        "--workspace",
                        "--exclude",
                        "filter-ebpf",
                        "--exclude",
                        "bench-ebpf",
                    ])
                    .args(["--all-targets", "--", "-D", "warnings"]),
            ),
            Self::Tidy => tidy::run(paths),
            Self::Deny => deny(paths),
            Self::Unit => unit(paths, reader),
            Self::Integration => integration(paths, reader),
            Self::Kernel => kernel::step(paths, reader),
        }
    }
}

/// Runs the steps; what failed is said, so that the tally stays the last line of the output.
pub(crate) fn run(paths: &Paths, options: &Options) -> ExitCode {
    let start = Instant::now();
    let steps: Vec<Step> = Step::value_variants()
        .iter()
        .copied()
        .filter(|step| options.only.is_none_or(|only| step.serves(only)))
        .collect();
    let (mut tally, failed) = run_steps(paths, &steps);

    println!();
    for step in &failed {
        println!("failed: {step}; to run only it: cargo xtask test --only {step}");
    }
    println!(
        "{} steps took {:.1} s",
        steps.len(),
        start.elapsed().as_secs_f64()
    );
    let expects_tests = steps.iter().any(|step| step.runs_tests());
    let missing_tests = expects_tests && tally.is_empty();
    if missing_tests {
        println!("failed: not one test was run");
    }
    // A failed check or build has no failed test, but the line must not read like success.
    if tally.failed == 0 {
        tally.failed = failed.len().max(usize::from(missing_tests));
    }
    if expects_tests || tally.failed > 0 {
        println!("{tally}");
    }
    if tally.failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Runs `steps` in their order; returns what their tests gave and which steps failed.
fn run_steps(paths: &Paths, steps: &[Step]) -> (Tally, Vec<Step>) {
    let mut reader = Reader::default();
    let mut failed = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        println!("\n==> {}/{} {step}", index + 1, steps.len());
        let start = Instant::now();
        let result = step.run(paths, &mut reader);
        let seconds = start.elapsed().as_secs_f64();
        match result {
            Ok(()) => println!("<== {step}: done in {seconds:.1} s"),
            Err(error) => {
                println!("<== {step}: FAILED after {seconds:.1} s: {error:#}");
                failed.push(*step);
                if step.is_foundation() {
                    println!("the steps behind {step} are not run: they need it");
                    break;
                }
            }
        }
    }
    (reader.finish(), failed)
}

pub(crate) fn cargo(paths: &Paths) -> Command {
    let mut command = process::cargo();
    command.current_dir(&paths.root);
    command
}

/// The database of advisories is left to a scheduled run: it changes by the day and needs the
/// network, and a test run is to depend on nothing but the tree.
fn deny(paths: &Paths) -> Result<()> {
    if process::try_output(cargo(paths).args(["deny", "--version"])).is_none() {
        println!("cargo-deny is not installed: licences and sources are not checked");
        return Ok(());
    }
    process::pass_through(cargo(paths).args([
        "deny",
        "--locked",
        "--workspace",
        "check",
        "bans",
        "licenses",
        "sources",
    ]))
}

fn unit(paths: &Paths, reader: &mut Reader) -> Result<()> {
    let mut command = cargo(paths);
    command
        .args(["test", "--locked", "--no-fail-fast", "--workspace"])
        .args(["--exclude", "filter-ebpf", "--exclude", "bench-ebpf"])
        .args(["--exclude", "levee-tests"])
        .args(["--", "--show-output"]);
    process::tee(&mut command, |line| reader.line(line))
}

/// Builds the controller with the object embedded and says where it is.
pub(crate) fn build_filter_ctl(paths: &Paths) -> Result<PathBuf> {
    process::pass_through(cargo(paths).args(["build", "--locked", "--package", "filter-ctl"]))?;
    let filter_ctl = paths.filter_ctl();
    if !filter_ctl.exists() {
        bail!(
            "cargo built filter-ctl, but not as {}",
            filter_ctl.display()
        );
    }
    Ok(filter_ctl)
}

fn integration(paths: &Paths, reader: &mut Reader) -> Result<()> {
    let filter_ctl = build_filter_ctl(paths)?;
    let mut command = cargo(paths);
    command
        .args([
            "test",
            "--locked",
            "--package",
            "levee-tests",
            "--test",
            "it",
        ])
        // Two at a time: the tests share one kernel, and each drives traffic of its own.
        .args(["--", "--show-output", "--test-threads", "2"])
        .env("LEVEE_FILTER_CTL", filter_ctl);
    process::tee(&mut command, |line| reader.line(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_step_brings_what_it_is_built_from() {
        let steps = |only: Step| -> Vec<Step> {
            Step::value_variants()
                .iter()
                .copied()
                .filter(|step| step.serves(only))
                .collect()
        };
        assert_eq!(
            steps(Step::Integration),
            [Step::Setup, Step::Ebpf, Step::Integration]
        );
        assert_eq!(steps(Step::Kernel), [Step::Setup, Step::Ebpf, Step::Kernel]);
        assert_eq!(steps(Step::Tidy), [Step::Tidy]);
    }

    #[test]
    fn steps_are_called_as_they_are_printed() {
        for step in Step::value_variants() {
            assert_eq!(Step::from_str(&step.to_string(), false), Ok(*step));
        }
    }
}
