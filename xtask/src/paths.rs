//! Where things are: the workspace, its target directory, and what the tasks put into that.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::process;

/// The directories of the workspace, as absolute paths.
pub(crate) struct Paths {
    /// The root of the workspace.
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
}

impl Paths {
    /// Asks cargo, because the environment and any of cargo's configuration files can move the
    /// target directory.
    pub(crate) fn find() -> Result<Self> {
        let mut command = process::cargo();
        command.args(["metadata", "--no-deps", "--locked", "--format-version", "1"]);
        let metadata: Value = serde_json::from_str(&process::output(&mut command)?)
            .context("`cargo metadata` did not print JSON")?;
        let path = |key: &str| {
            metadata[key]
                .as_str()
                .map(PathBuf::from)
                .with_context(|| format!("`cargo metadata` prints no `{key}`"))
        };
        Ok(Self {
            root: path("workspace_root")?,
            target: path("target_directory")?,
        })
    }

    /// Where `cargo install --root` puts the tools of this workspace.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// The linker of the eBPF object.
    pub(crate) fn bpf_linker(&self) -> PathBuf {
        self.tools().join("bin/bpf-linker")
    }

    /// The target directory of the eBPF build: another compiler builds there, and two compilers
    /// in one target directory would rebuild each other's work.
    pub(crate) fn ebpf_build(&self) -> PathBuf {
        self.target.join("ebpf-build")
    }

    /// The finished object, where the build script of `filter-ctl` looks for it.
    pub(crate) fn ebpf_object(&self) -> PathBuf {
        self.target.join("ebpf/filter-ebpf")
    }

    /// The programs that the bench measures with. Not beside the other object: a change there would
    /// rebuild `filter-ctl`.
    pub(crate) fn bench_object(&self) -> PathBuf {
        self.target.join("bench/bench-ebpf")
    }

    /// What the last run of the bench found.
    pub(crate) fn bench_results(&self) -> PathBuf {
        self.target.join("bench/results.json")
    }

    /// Kernels to run in an emulated machine, unpacked.
    pub(crate) fn kernels(&self) -> PathBuf {
        self.target.join("kernels")
    }

    /// What the last of them wrote to its console.
    pub(crate) fn kernel_console(&self) -> PathBuf {
        self.kernels().join("console.log")
    }

    /// What the fuzzer builds and finds: it builds with flags of its own.
    pub(crate) fn fuzz(&self) -> PathBuf {
        self.target.join("fuzz")
    }

    /// The controller as the tests use it: built with the `dev` profile.
    pub(crate) fn filter_ctl(&self) -> PathBuf {
        self.target.join("debug/filter-ctl")
    }
}
