//! What this machine has to build the eBPF object with: a compiler with the sources of `core`,
//! and a bpf-linker of the same LLVM.
//!
//! The BPF targets come without a compiled `core`, so the compiler needs the library sources of
//! exactly its own version. bpf-linker reads the LLVM bitcode that the compiler writes, so both
//! must have the same LLVM major version.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::process::try_output;

/// The version of bpf-linker that [`crate::setup`] installs.
pub(crate) const BPF_LINKER_VERSION: &str = "0.13.0";

/// The LLVM versions which that bpf-linker can be built for.
pub(crate) const BPF_LINKER_LLVM: std::ops::RangeInclusive<u32> = 21..=23;

/// A compiler that can build `core` for BPF.
#[derive(Clone, Debug)]
pub(crate) struct Compiler {
    pub(crate) cargo: PathBuf,
    pub(crate) rustc: PathBuf,
    pub(crate) version: RustcVersion,
}

/// What `rustc -vV` says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RustcVersion {
    /// The release, such as `1.96.0` or `1.97.0-nightly`.
    pub(crate) release: String,
    /// The LLVM that it writes bitcode with, such as 22.
    pub(crate) llvm_major: u32,
}

impl RustcVersion {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        Some(Self {
            release: field("release: ")?.trim().to_owned(),
            llvm_major: major(field("LLVM version: ")?)?,
        })
    }

    /// Whether this compiler is new enough for the workspace and has an LLVM that bpf-linker
    /// knows.
    fn suits(&self) -> bool {
        let needed = version_numbers(env!("CARGO_PKG_RUST_VERSION"));
        version_numbers(&self.release) >= needed && BPF_LINKER_LLVM.contains(&self.llvm_major)
    }
}

/// What was found of a sysroot's compiler.
pub(crate) enum Found {
    Usable(Compiler),
    /// A compiler that does not do, and why.
    Unusable(String),
    Nothing,
}

/// The compiler that rustup or the developer made the current one.
pub(crate) fn current_compiler() -> Found {
    match try_output(Command::new("rustc").args(["--print", "sysroot"])) {
        Some(sysroot) => compiler_in(Path::new(sysroot.trim())),
        None => Found::Nothing,
    }
}

/// The compiler of the distribution.
pub(crate) fn system_compiler() -> Found {
    compiler_in(Path::new("/usr"))
}

fn compiler_in(sysroot: &Path) -> Found {
    // The tools of the sysroot, not rustup's proxies: those would ask rustup for a toolchain anew.
    let rustc = sysroot.join("bin/rustc");
    let cargo = sysroot.join("bin/cargo");
    let Some(text) = try_output(Command::new(&rustc).arg("-vV")) else {
        return Found::Nothing;
    };
    let Some(version) = RustcVersion::parse(&text) else {
        return Found::Unusable(format!("{} does not say its version", rustc.display()));
    };
    let RustcVersion {
        release,
        llvm_major,
    } = &version;
    let name = format!("{} {release} (LLVM {llvm_major})", rustc.display());
    if !version.suits() {
        return Found::Unusable(format!(
            "{name} does not do: needed are rustc {} or later and LLVM {} to {}",
            env!("CARGO_PKG_RUST_VERSION"),
            BPF_LINKER_LLVM.start(),
            BPF_LINKER_LLVM.end(),
        ));
    }
    if !sysroot
        .join("lib/rustlib/src/rust/library/core/Cargo.toml")
        .exists()
    {
        return Found::Unusable(format!("{name} has no library sources (rust-src)"));
    }
    if !cargo.exists() {
        return Found::Unusable(format!("{name} has no cargo beside it"));
    }
    Found::Usable(Compiler {
        cargo,
        rustc,
        version,
    })
}

/// Whether `linker` is the bpf-linker that goes with LLVM `llvm_major`.
pub(crate) fn linker_matches(linker: &Path, llvm_major: u32) -> bool {
    // Running it also finds that the LLVM library it was linked with is gone.
    let runs = try_output(Command::new(linker).arg("--version"))
        .is_some_and(|text| text.trim() == format!("bpf-linker {BPF_LINKER_VERSION}"));
    // It does not print its LLVM, but it carries the name of the library it needs.
    let library = format!("libLLVM.so.{llvm_major}.");
    runs && fs::read(linker).is_ok_and(|bytes| {
        bytes
            .windows(library.len())
            .any(|part| part == library.as_bytes())
    })
}

/// The installation prefix of the development files of LLVM `llvm_major`.
pub(crate) fn llvm_prefix(llvm_major: u32) -> Option<PathBuf> {
    let candidates = [
        format!("/usr/lib/llvm-{llvm_major}/bin/llvm-config"),
        format!("llvm-config-{llvm_major}"),
        "llvm-config".to_owned(),
    ];
    candidates.iter().find_map(|config| {
        let version = try_output(Command::new(config).arg("--version"))?;
        if major(&version)? != llvm_major {
            return None;
        }
        Some(PathBuf::from(
            try_output(Command::new(config).arg("--prefix"))?.trim(),
        ))
    })
}

fn major(version: &str) -> Option<u32> {
    version.trim().split('.').next()?.parse().ok()
}

/// The leading numbers of a version, so that `1.97.0-nightly` is at least `1.95`.
fn version_numbers(version: &str) -> Vec<u32> {
    let release = version.split(['-', '+']).next().unwrap_or_default();
    release
        .split('.')
        .map_while(|number| number.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, release: &str, llvm_major: u32, suits: bool) {
        let version = RustcVersion::parse(text).expect("a version");
        assert_eq!(
            version,
            RustcVersion {
                release: release.to_owned(),
                llvm_major
            }
        );
        assert_eq!(version.suits(), suits, "{version:?}");
    }

    #[test]
    fn rustc_versions() {
        check(
            "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)\n\
             binary: rustc\n\
             commit-hash: ac68faa20c58cbccd01ee7208bf3b6e93a7d7f96\n\
             commit-date: 2026-05-25\n\
             host: x86_64-unknown-linux-gnu\n\
             release: 1.96.0\n\
             LLVM version: 22.1.8\n",
            "1.96.0",
            22,
            true,
        );
        check(
            "release: 1.97.0-nightly\nLLVM version: 22.1.4\n",
            "1.97.0-nightly",
            22,
            true,
        );
        check(
            "release: 1.85.0\nLLVM version: 19.1.7\n",
            "1.85.0",
            19,
            false,
        );
        check(
            "release: 1.99.0\nLLVM version: 24.1.0\n",
            "1.99.0",
            24,
            false,
        );
    }

    #[test]
    fn a_compiler_without_llvm_has_no_version() {
        assert_eq!(
            RustcVersion::parse("release: 1.96.0\nLLVM version: unknown\n"),
            None
        );
        assert_eq!(RustcVersion::parse(""), None);
    }

    #[test]
    fn versions_are_compared_by_number() {
        assert!(version_numbers("1.100.0") > version_numbers("1.95"));
        assert!(version_numbers("1.95.0-beta.3") > version_numbers("1.95"));
        assert!(version_numbers("1.94.9") < version_numbers("1.95"));
    }
}
