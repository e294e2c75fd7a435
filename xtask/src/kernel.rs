//! `cargo xtask kernel`: the tests of the kernel program on another kernel than this machine's.
//!
//! Debian's kernel is booted in an emulated machine that has nothing but memory: its file system is
//! made of the tests, the controller and the few programs and modules that these need. No kernel is
//! installed, and the machine has no network and no disk.

mod cpio;
mod image;
mod machine;
mod modules;
mod root;

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::Value;

use self::{
    image::Image,
    machine::{Accelerator, Machine},
};
use crate::{
    ebpf,
    paths::Paths,
    process,
    setup::{self, Tool, apt::Apt},
    tally::Reader,
    test::{build_filter_ctl, cargo},
};

/// The oldest kernel that is supported.
const OLDEST: &str = "6.1";

/// What `cargo xtask test` runs of the tests: whether the verifier accepts the program, and whether
/// that decides rightly. The rest takes too long in emulation for every run.
const STEP_TESTS: [&str; 2] = ["verifier::", "verdicts::"];
/// They take a fifth of this on two processors.
const STEP_LIMIT: Duration = Duration::from_mins(15);
/// For all tests.
const LIMIT: Duration = Duration::from_hours(1);

/// The frames for each family that the comparing tests try: an emulated processor is some twenty
/// times slower, and the same tests run on this machine's kernel with all frames.
const AGREE_PACKETS: u32 = 1_000;

const QEMU: Tool = Tool {
    program: machine::PROGRAM,
    package: "qemu-system-x86",
    why: "it is the machine that the kernel runs in",
};

#[derive(Args)]
pub(crate) struct Options {
    /// The kernel's version, of which Debian's newest revision is taken.
    #[arg(long, default_value = OLDEST)]
    version: String,
    /// Let the processor run the machine, by /dev/kvm, instead of emulating it.
    #[arg(long)]
    kvm: bool,
    /// Run only tests with one of these in their names.
    tests: Vec<String>,
}

/// Runs the tests that are asked for; the last line printed is their tally.
pub(crate) fn run(paths: &Paths, options: &Options) -> Result<ExitCode> {
    setup::run(paths)?;
    ebpf::run(paths)?;
    let image = bring(paths, &options.version)?;
    let accelerator = if options.kvm {
        Accelerator::Processor
    } else {
        Accelerator::None
    };
    let mut reader = Reader::default();
    let tests: Vec<&str> = options.tests.iter().map(String::as_str).collect();
    let result = boot(paths, &image, accelerator, &tests, LIMIT, &mut reader);
    let mut tally = reader.finish();
    println!();
    if let Err(error) = &result {
        println!("failed: {error:#}");
        // A machine that did not come so far has no failed test.
        tally.failed = tally.failed.max(1);
    }
    println!("{tally}");
    Ok(if tally.failed > 0 || tally.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The part of `cargo xtask test`. Where there is no such kernel to be had, that is no failure.
pub(crate) fn step(paths: &Paths, reader: &mut Reader) -> Result<()> {
    match bring(paths, OLDEST) {
        Ok(image) => boot(
            paths,
            &image,
            Accelerator::None,
            &STEP_TESTS,
            STEP_LIMIT,
            reader,
        ),
        Err(error) => {
            reader.skip(&format!("kernel {OLDEST}"), &format!("{error:#}"));
            Ok(())
        }
    }
}

/// All that comes from elsewhere.
fn bring(paths: &Paths, version: &str) -> Result<Image> {
    let image = image::bring(paths, version)?;
    QEMU.bring(&mut Apt::default())?;
    Ok(image)
}

fn boot(
    paths: &Paths,
    image: &Image,
    accelerator: Accelerator,
    tests: &[&str],
    limit: Duration,
    reader: &mut Reader,
) -> Result<()> {
    let contents = root::Contents {
        guest: build(paths, &["build", "--example", "guest"])?,
        tests: build(paths, &["test", "--no-run", "--test", "it"])?,
        filter_ctl: build_filter_ctl(paths)?,
    };
    let root = root::make(paths, image, &contents)?;
    println!(
        "kernel: booting Linux {}; what it says itself goes to {}",
        image.release,
        paths.kernel_console().display()
    );
    let machine = Machine {
        kernel: &image.vmlinuz,
        root: &root,
        console: &paths.kernel_console(),
        accelerator,
        limit,
    };
    let variables = [
        ("LEVEE_AGREE_PACKETS", AGREE_PACKETS.to_string()),
        ("LEVEE_FILTER_CTL", root::FILTER_CTL.to_owned()),
        ("RUST_BACKTRACE", "1".to_owned()),
    ];
    let mut arguments = vec!["--show-output", "--test-threads", "2"];
    arguments.extend(tests);
    machine.run(&variables, &arguments, |line| reader.line(line))
}

/// Builds one target of the tests' package and says where it is.
fn build(paths: &Paths, arguments: &[&str]) -> Result<PathBuf> {
    let mut command: Command = cargo(paths);
    command
        .args(arguments)
        .args(["--locked", "--package", "levee-tests"])
        .args(["--message-format", "json-render-diagnostics"]);
    let mut built = None;
    process::read(&mut command, |line| {
        let message: Value = serde_json::from_str(line).unwrap_or_default();
        if let Some(path) = message["executable"].as_str() {
            built = Some(PathBuf::from(path));
        }
    })?;
    built.with_context(|| format!("`{}` names no executable", process::show(&command)))
}
