//! `cargo xtask setup`: installs what is missing to build the eBPF object and to run the tests.
//!
//! Nothing is asked of the network and nothing is installed while everything is there. Versions
//! of packages are those of the machine's distribution; only bpf-linker's is fixed here.

pub(crate) mod apt;

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};

use self::apt::{AGAIN, Apt, Need};
use crate::{
    paths::Paths,
    process::{self, in_path, output, try_output},
    toolchain::{
        BPF_LINKER_LLVM, BPF_LINKER_VERSION, Compiler, Found, current_compiler, linker_matches,
        llvm_prefix, system_compiler,
    },
};

/// Debian's compiler, its cargo and the library sources of the same version.
const COMPILER_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// A program that a task or a test runs.
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    /// The Debian package that has it.
    pub(crate) package: &'static str,
    pub(crate) why: &'static str,
}

const TOOLS: [Tool; 7] = [
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
    Tool {
        program: "curl",
        package: "curl",
        why: "the tests push as an authority does",
    },
    Tool {
        program: "tcpdump",
        package: "tcpdump",
        why: "the tests read captures as others do",
    },
    Tool {
        program: "openssl",
        package: "openssl",
        why: "the tests make certificates as an authority does",
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

impl Tool {
    /// Installs it if it is missing: for tools that only one task needs.
    pub(crate) fn bring(&self, apt: &mut Apt) -> Result<()> {
        if in_path(self.program) {
            return Ok(());
        }
        apt.install(&[self.need()])
    }

    fn need(&self) -> Need {
        let Self {
            program,
            package,
            why,
        } = self;
        Need {
            packages: vec![(*package).to_owned()],
            why: format!("`{program}` is missing: {why}"),
            elsewhere: format!("Install the program `{program}` by your system's means."),
        }
    }
}

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
    let linker = paths.bpf_linker();
    let matches = |compiler: &Compiler| linker_matches(&linker, compiler.version.llvm_major);

    let mut needs = missing_tools();
    let found = find_compiler(say);
    let complete = found.as_ref().is_some_and(matches);
    match &found {
        None => needs.push(compiler_need()),
        // Which LLVM a compiler yet to be installed has is known only then: see below.
        Some(compiler) if !complete => needs.extend(llvm_need(compiler)),
        Some(_) => {}
    }
    apt.install(&needs)?;

    let compiler = found.map_or_else(debian_compiler, Ok)?;
    let Compiler {
        cargo: _,
        rustc,
        version,
    } = &compiler;
    say(&format!(
        "the eBPF compiler is {} {} (LLVM {}, with library sources)",
        rustc.display(),
        version.release,
        version.llvm_major,
    ));
    if !complete && !matches(&compiler) {
        apt.install(llvm_need(&compiler).as_slice())?;
        install_linker(paths, &compiler)?;
    }
    say(&format!(
        "the eBPF linker is {} {BPF_LINKER_VERSION}",
        linker.display()
    ));
    // Last, because only the tests need them.
    install_components()
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
    missing.into_iter().map(Tool::need).collect()
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

/// What is missing to build bpf-linker.
fn llvm_need(compiler: &Compiler) -> Option<Need> {
    let llvm_major = compiler.version.llvm_major;
    llvm_prefix(llvm_major).is_none().then(|| Need {
        packages: vec![format!("llvm-{llvm_major}-dev")],
        why: format!(
            "bpf-linker is built with LLVM {llvm_major}'s development files, which are missing"
        ),
        elsewhere: format!(
            "Install the development files and the shared library of LLVM {llvm_major}, with \
             `llvm-config-{llvm_major}` or `llvm-config` in PATH."
        ),
    })
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

fn install_linker(paths: &Paths, compiler: &Compiler) -> Result<()> {
    let llvm_major = compiler.version.llvm_major;
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
