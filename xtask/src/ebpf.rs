//! `cargo xtask ebpf`: builds the eBPF object and puts it where `filter-ctl` embeds it from.
//!
//! The programs that the bench measures with are built in the same way.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};

use crate::{
    paths::Paths,
    process,
    setup::{self, Toolchain},
};

/// Variables of the cargo and the rustup that started this task. They are about the host build
/// and another toolchain, and would bend the eBPF build.
const FOREIGN_VARIABLES: [&str; 9] = [
    "CARGO",
    "CARGO_ENCODED_RUSTFLAGS",
    "LD_LIBRARY_PATH",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOC",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
    "__CARGO_DEFAULT_LIB_METADATA",
];
const FOREIGN_PREFIXES: [&str; 7] = [
    "CARGO_BIN_",
    "CARGO_BUILD_",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
    "RUSTUP_TOOLCHAIN",
];

/// Builds the object that `filter-ctl` embeds.
pub(crate) fn run(paths: &Paths) -> Result<()> {
    build(paths, "filter-ebpf", &paths.ebpf_object())
}

/// Builds the programs that the bench measures with.
pub(crate) fn bench(paths: &Paths) -> Result<()> {
    build(paths, "bench-ebpf", &paths.bench_object())
}

fn build(paths: &Paths, package: &str, object: &Path) -> Result<()> {
    let toolchain = setup::toolchain(paths)?;
    process::pass_through(&mut build_command(paths, &toolchain, package))?;

    let built = paths
        .ebpf_build()
        .join(target())
        .join("release")
        .join(package);
    let changed = replace_if_changed(&built, object)?;
    let state = if changed { "is new" } else { "has not changed" };
    println!("ebpf: {} {state}", object.display());
    Ok(())
}

fn build_command(paths: &Paths, toolchain: &Toolchain, package: &str) -> Command {
    let Toolchain { compiler, linker } = toolchain;
    let flags = [
        format!("-Clinker={}", linker.display()),
        "-Cdebuginfo=2".to_owned(),
        "-Clink-arg=--btf".to_owned(),
        "-Clink-arg=--cpu-features=+allows-misaligned-mem-access".to_owned(),
        "-Dwarnings".to_owned(),
        // The layout of the kernel's `pt_regs`, for which aya-ebpf asks.
        format!("--cfg=bpf_target_arch=\"{}\"", env::consts::ARCH),
    ];
    let mut command = Command::new(&compiler.cargo);
    for (name, _) in env::vars_os().filter(|(name, _)| is_foreign(name)) {
        command.env_remove(name);
    }
    command
        .current_dir(&paths.root)
        .stdin(Stdio::null())
        // `core` for a target that has none, and inline assembly for BPF, are unstable features.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", &compiler.rustc)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .args(["build", "--locked", "--release", "--package", package])
        .args(["--target", target(), "-Z", "build-std=core", "--target-dir"])
        .arg(paths.ebpf_build());
    command
}

fn is_foreign(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    FOREIGN_VARIABLES.contains(&&*name)
        || FOREIGN_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// BPF has the byte order of the machine it runs on.
fn target() -> &'static str {
    if cfg!(target_endian = "big") {
        "bpfeb-unknown-none"
    } else {
        "bpfel-unknown-none"
    }
}

/// Puts a copy of `from` at `to` and says whether that changed anything: cargo goes by the time
/// of the file, so a needless copy would rebuild `filter-ctl`.
fn replace_if_changed(from: &Path, to: &Path) -> Result<bool> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    let write = || {
        // The new file comes by a rename, so that a build at the same time reads no half of it;
        // it is written beside the directory, which cargo watches.
        let new = to.parent().unwrap_or(to).with_extension("new");
        if let Some(directory) = to.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(&new, &bytes)?;
        fs::rename(&new, to)
    };
    write().with_context(|| format!("cannot write {}", to.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_of_the_host_build_stays_out() {
        for name in [
            "RUSTUP_TOOLCHAIN",
            "CARGO",
            "CARGO_PKG_NAME",
            "CARGO_TARGET_DIR",
        ] {
            assert!(is_foreign(OsStr::new(name)), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "CARGO_HTTP_PROXY",
            "CARGO_NET_OFFLINE",
            "PATH",
            "RUSTUP_HOME",
        ] {
            assert!(!is_foreign(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn only_a_change_is_written() {
        let dir = env::temp_dir().join(format!("levee-xtask-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a scratch directory");
        let (from, to) = (dir.join("from"), dir.join("sub/to"));
        fs::write(&from, "one").expect("a scratch file");
        assert!(replace_if_changed(&from, &to).expect("first copy"));
        assert!(!replace_if_changed(&from, &to).expect("same content"));
        fs::write(&from, "two").expect("a scratch file");
        assert!(replace_if_changed(&from, &to).expect("second copy"));
        assert_eq!(fs::read(&to).expect("the copy"), b"two");
        fs::remove_dir_all(&dir).expect("the scratch directory goes");
    }
}
