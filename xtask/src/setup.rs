//! `cargo xtask setup`: installs what is missing to build the eBPF object and to run the tests.
//!
//! Nothing is asked of the network and nothing is installed while everything is there. Versions
//! of packages are those of the machine's distribution; only bpf-linker's is fixed here.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::{
    paths::Paths,
    process::{self, output, try_output},
    toolchain::{
        BPF_LINKER_LLVM, BPF_LINKER_VERSION, Compiler, Found, current_compiler, linker_matches,
        llvm_prefix, system_compiler,
    },
};

/// Debian's compiler, its cargo and the library sources of the same version.
const COMPILER_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// A program that a task or a test runs.
struct Tool {
    program: &'static str,
    /// The Debian package that has it.
    package: &'static str,
    why: &'static str,
}

const TOOLS: [Tool; 4] = [
    Tool {
        program: "git",
        package: "git",
        why: "tidy asks it which files are ours",
    },
    Tool {
        program: "c++",
        package: "g++",
        why: "bpf-linker links LLVM, which is C++",
    },
    Tool {
        program: "ip",
        package: "iproute2",
        why: "the tests build networks of namespaces",
    },
    Tool {
        program: "minisign",
        package: "minisign",
        why: "the tests sign as an authority does",
    },
];

/// A cargo subcommand that comes as a component of rustup.
struct Component {
    name: &'static str,
    subcommand: &'static str,
}

const COMPONENTS: [Component; 2] = [
    Component {
        name: "rustfmt",
        subcommand: "fmt",
    },
    Component {
        name: "clippy",
        subcommand: "clippy",
    },
];

/// What it takes to build the eBPF object.
pub(crate) struct Toolchain {
    pub(crate) compiler: Compiler,
    pub(crate) linker: PathBuf,
}

/// The toolchain for the eBPF object if it is complete; never installs anything.
pub(crate) fn toolchain(paths: &Paths) -> Result<Toolchain> {
    let compiler = find_compiler(|_| {});
    let linker = paths.bpf_linker();
    match compiler {
        Some(compiler) if linker_matches(&linker, compiler.version.llvm_major) => {
            Ok(Toolchain { compiler, linker })
        }
        Some(compiler) => bail!(
            "bpf-linker {BPF_LINKER_VERSION} for LLVM {} is missing: run `cargo xtask setup`",
            compiler.version.llvm_major,
        ),
        None => bail!(
            "no compiler here can build `core` for BPF: run `cargo xtask setup`, which says why"
        ),
    }
}

pub(crate) fn run(paths: &Paths) -> Result<()> {
    let mut apt = Apt::default();
    install_components()?;
    let linker = paths.bpf_linker();
    let mut needs = missing_tools();
    match find_compiler(say) {
        None => needs.push(compiler_need()),
        // Without a compiler, which LLVM it takes is known only when there is one: see below.
        Some(compiler) => needs.extend(llvm_need(&linker, compiler.version.llvm_major)),
    }
    apt.install(&needs)?;

    let compiler = find_compiler(|_| {}).map_or_else(debian_compiler, Ok)?;
    let Compiler {
        cargo: _,
        rustc,
        version,
    } = &compiler;
    let llvm_major = version.llvm_major;
    say(&format!(
        "the eBPF compiler is {} {} (LLVM {llvm_major}, with library sources)",
        rustc.display(),
        version.release,
    ));
    if let Some(need) = llvm_need(&linker, llvm_major) {
        apt.install(&[need])?;
    }
    if !linker_matches(&linker, llvm_major) {
        install_linker(paths, llvm_major)?;
    }
    say(&format!(
        "the eBPF linker is {} {BPF_LINKER_VERSION}",
        linker.display()
    ));
    Ok(())
}

fn say(line: &str) {
    println!("setup: {line}");
}

/// Prefers the developer's own toolchain; `remark` hears why one is passed over.
fn find_compiler(remark: impl Fn(&str)) -> Option<Compiler> {
    [current_compiler(), system_compiler()]
        .into_iter()
        .find_map(|found| match found {
            Found::Usable(compiler) => Some(compiler),
            Found::Unusable(why) => {
                remark(&why);
                None
            }
            Found::Nothing => None,
        })
}

fn missing_tools() -> Vec<Need> {
    let missing: Vec<&Tool> = TOOLS.iter().filter(|tool| !in_path(tool.program)).collect();
    if missing.is_empty() {
        say(&format!(
            "found {}",
            TOOLS.map(|tool| tool.program).join(", ")
        ));
    }
    let need = |Tool {
                    program,
                    package,
                    why,
                }: &Tool| Need {
        packages: vec![(*package).to_owned()],
        why: format!("`{program}` is missing: {why}"),
        elsewhere: format!("Install the program `{program}` by your system's means."),
    };
    missing.into_iter().map(need).collect()
}

fn compiler_need() -> Need {
    Need {
        packages: COMPILER_PACKAGES.map(str::to_owned).to_vec(),
        why: "no compiler here has library sources, which building `core` for BPF takes".to_owned(),
        elsewhere: format!(
            "Add the sources to a rustup toolchain that has LLVM {} to {} (see `rustc -vV`): \
             `rustup component add rust-src`.",
            BPF_LINKER_LLVM.start(),
            BPF_LINKER_LLVM.end(),
        ),
    }
}

/// What building bpf-linker takes, if it has to be built.
fn llvm_need(linker: &Path, llvm_major: u32) -> Option<Need> {
    let needed = !linker_matches(linker, llvm_major) && llvm_prefix(llvm_major).is_none();
    needed.then(|| Need {
        packages: vec![format!("llvm-{llvm_major}-dev")],
        why: format!(
            "LLVM {llvm_major}'s development files are missing: bpf-linker is built with them"
        ),
        elsewhere: format!(
            "Install the development files and the shared library of LLVM {llvm_major}, with \
             `llvm-config-{llvm_major}` or `llvm-config` in PATH."
        ),
    })
}

fn in_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

fn install_components() -> Result<()> {
    let missing: Vec<&str> = COMPONENTS
        .iter()
        .filter(|component| {
            try_output(process::cargo().args([component.subcommand, "--version"])).is_none()
        })
        .map(|component| component.name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !in_path("rustup") {
        bail!("cargo lacks {names}, and there is no rustup: install them as you installed cargo");
    }
    say(&format!(
        "adding {names}, which the tests run, to the current toolchain"
    ));
    output(
        Command::new("rustup")
            .args(["component", "add"])
            .args(&missing),
    )?;
    Ok(())
}

/// Debian's compiler, just installed.
fn debian_compiler() -> Result<Compiler> {
    match system_compiler() {
        Found::Usable(compiler) => Ok(compiler),
        Found::Unusable(why) => bail!(
            "{why}\n\
             The current rustc-web comes by Debian's security archive: see that \
             `apt-cache policy rustc-web` lists it. {AGAIN}"
        ),
        Found::Nothing => bail!("rustc-web was installed, but /usr/bin/rustc does not run"),
    }
}

fn install_linker(paths: &Paths, llvm_major: u32) -> Result<()> {
    say(&format!(
        "bpf-linker {BPF_LINKER_VERSION} for LLVM {llvm_major} is missing"
    ));
    let prefix = llvm_prefix(llvm_major)
        .with_context(|| format!("no llvm-config of LLVM {llvm_major} can be run"))?;
    let mut command = process::cargo();
    command
        .current_dir(&paths.root)
        .env("LLVM_PREFIX", &prefix)
        .args([
            "install",
            "bpf-linker",
            "--version",
            BPF_LINKER_VERSION,
            "--locked",
            "--force",
        ])
        .args([
            "--no-default-features",
            "--features",
            &format!("llvm-{llvm_major}"),
            "--root",
        ])
        .arg(paths.tools());
    say(&format!(
        "running `{}`; it takes a minute or two",
        process::show(&command)
    ));
    output(&mut command)?;
    if !linker_matches(&paths.bpf_linker(), llvm_major) {
        bail!(
            "{} was installed but is not bpf-linker {BPF_LINKER_VERSION} with a shared LLVM \
             {llvm_major}: is there a libLLVM.so in {}/lib?",
            paths.bpf_linker().display(),
            prefix.display(),
        );
    }
    Ok(())
}

/// Packages that have to be installed.
struct Need {
    packages: Vec<String>,
    why: String,
    /// What to do where there are no such packages.
    elsewhere: String,
}

/// Debian's package manager.
#[derive(Default)]
struct Apt {
    /// A fresh machine has no package lists, and old ones name packages that are gone: they are
    /// fetched before the first installation, and once only.
    updated: bool,
}

impl Apt {
    /// Installs what `needs` says, or tells what to type where this cannot be done from here.
    fn install(&mut self, needs: &[Need]) -> Result<()> {
        for Need {
            packages,
            why,
            elsewhere: _,
        } in needs
        {
            say(&format!("{why} (package {})", packages.join(", ")));
        }
        let packages: Vec<&str> = needs
            .iter()
            .flat_map(|need| &need.packages)
            .map(String::as_str)
            .collect();
        if packages.is_empty() {
            return Ok(());
        }
        if !in_path("apt-get") {
            let steps: Vec<&str> = needs.iter().map(|need| need.elsewhere.as_str()).collect();
            bail!(
                "this is not Debian: nothing is installed.\n{}\n{AGAIN}",
                steps.join("\n")
            );
        }
        if effective_user()? != 0 {
            bail!(
                "only root can install packages. Type:\n    \
                 sudo apt-get update\n    \
                 sudo apt-get install --no-remove {}\n{AGAIN}",
                packages.join(" ")
            );
        }
        if !self.updated {
            say("running `apt-get update`");
            output(apt_get().arg("update"))?;
            self.updated = true;
        }
        for Need {
            packages,
            why: _,
            elsewhere,
        } in needs
        {
            for package in packages {
                let policy = output(Command::new("apt-cache").args(["policy", package]))?;
                let version = candidate(&policy).ok_or_else(|| {
                    anyhow!("apt offers no package {package} here. {elsewhere}\n{AGAIN}")
                })?;
                say(&format!("installing {package} {version}"));
            }
        }
        // Should a package be in the way of another, the developer decides which one goes.
        output(
            apt_get()
                .args(["install", "--yes", "--no-install-recommends", "--no-remove"])
                .args(packages),
        )?;
        Ok(())
    }
}

const AGAIN: &str = "Then run `cargo xtask setup` again.";

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn effective_user() -> Result<u32> {
    let process = Path::new("/proc/self");
    Ok(fs::metadata(process)
        .context("cannot tell the current user from /proc/self")?
        .uid())
}

/// The version that apt would install, from what `apt-cache policy` prints.
fn candidate(policy: &str) -> Option<&str> {
    let version = policy
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("Candidate:"))?
        .trim();
    (version != "(none)").then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_of_packages() {
        let policy = "rustc-web:\n  Installed: (none)\n  Candidate: 1.96.0+dfsg1-1~deb12u2\n  \
                      Version table:\n     1.96.0+dfsg1-1~deb12u2 500\n";
        assert_eq!(candidate(policy), Some("1.96.0+dfsg1-1~deb12u2"));
        assert_eq!(
            candidate("x:\n  Installed: (none)\n  Candidate: (none)\n"),
            None
        );
        assert_eq!(candidate(""), None);
    }
}
