//! `cargo xtask demo`: the main job of Levee, on real packets, in namespaces of its own.

use anyhow::Result;

use crate::{
    ebpf,
    paths::Paths,
    process, setup,
    test::{build_filter_ctl, cargo},
};

/// Brings what is missing, builds, and runs the demo.
pub(crate) fn run(paths: &Paths) -> Result<()> {
    setup::run(paths)?;
    ebpf::run(paths)?;
    let filter_ctl = build_filter_ctl(paths)?;
    let example = ["--locked", "--package", "levee-tests", "--example", "demo"];
    process::pass_through(
        cargo(paths)
            .arg("run")
            .args(example)
            .env("LEVEE_FILTER_CTL", filter_ctl),
    )
}
