//! What a packet costs under Levee, and how fast a list is live, beside others in the same run: what
//! `cargo xtask bench` runs.
//!
//! - [`wire`]: two namespaces, a cable, the thread that receives; [`load`]: the frames that are sent;
//! - [`lists`]: who is listed, and who sends; [`structures`]: lookup structures, filled;
//! - [`object`]: the bench's own programs, of the crate bench-ebpf; [`levee`]: Levee's;
//! - [`nft`], [`xdp_filter`]: the others; [`stand`]: all of them, one at a time on the cable;
//! - [`measure`]: one batch of frames; [`part`]: what is measured; [`goals`]: what it should be;
//! - [`report`], [`conditions`]: what is written down; [`sys`]: system calls, and all `unsafe`.
#![expect(
    clippy::unwrap_used,
    reason = "what the tests stand on ends with a message where it cannot go on"
)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its purpose")]

mod bench;
#[path = "../bench-ebpf/src/candidates/mod.rs"]
mod candidates;
mod conditions;
mod goals;
mod levee;
mod lists;
mod load;
mod measure;
#[path = "../bench-ebpf/src/names.rs"]
mod names;
mod nft;
mod object;
mod part;
mod report;
mod stand;
mod structures;
#[path = "../it/support/mod.rs"]
mod support;
mod sys;
mod wire;
mod xdp_filter;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    rc::Rc,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{bench::Bench, levee::Levee, part::Part, report::Report, wire::Wire};

/// The seed unless another is asked for.
const SEED: u64 = 20_261_125;
/// Rounds of a complete run, and of a quick one.
const ROUNDS: [usize; 2] = [5, 3];
/// Frames of a figure: a second or less of the load there is.
const FRAMES: [u32; 2] = [3_000_000, 1_000_000];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    // SAFETY: takes nothing and cannot fail.
    let is_root = unsafe { libc::geteuid() } == 0;
    ensure!(
        is_root,
        "the bench loads programs into the kernel and makes network namespaces: run it as root"
    );
    let (mut bench, parts) = arguments()?;
    conditions::note(&mut bench)?;
    let mut levee = Levee::new()?;
    let complete = !bench.quick && parts.len() == Part::ALL.len();
    for part in parts {
        println!("\n==> {}", part.name());
        part.run(&mut bench, &mut levee)
            .with_context(|| format!("part {}", part.name()))?;
    }
    goals::judge(&mut bench.report);
    match std::env::var_os("LEVEE_BENCH_RESULTS") {
        Some(path) => bench.report.write(Path::new(&path), complete),
        None => Ok(()),
    }
}

/// What the command line asks for.
fn arguments() -> Result<(Bench, Vec<Part>)> {
    let mut arguments = std::env::args().skip(1);
    let mut parts = Part::ALL.to_vec();
    let mut quick = false;
    let mut seed = SEED;
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .with_context(|| format!("{argument} needs a value"))
        };
        match argument.as_str() {
            "--quick" => quick = true,
            "--only" => {
                let name = value()?;
                parts.retain(|part| part.name() == name);
                ensure!(!parts.is_empty(), "there is no part {name}");
            }
            "--seed" => seed = value()?.parse().context("--seed")?,
            other => bail!("unknown argument {other}"),
        }
    }
    // Beside the checkout, if anywhere.
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let bench = Bench {
        wire: Rc::new(Wire::new()),
        report: Report::default(),
        seed,
        rounds: ROUNDS[usize::from(quick)],
        frames: FRAMES[usize::from(quick)],
        quick,
        data: data.is_dir().then_some(data),
    };
    Ok((bench, parts))
}
