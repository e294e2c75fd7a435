//! The first process of the machine that `cargo xtask kernel` boots: it makes a small system, runs the
//! tests in it, says how they ended and switches the machine off.
//!
//! What it is given: the tests' arguments as its own, their environment as its own, and `/levee`
//! with the tests, the controller and the list of modules. What it says goes to the second serial
//! line, so that messages of the kernel never lie between; `xtask/src/kernel/machine.rs` reads it.

use std::{
    env,
    ffi::CString,
    fs::{self, File},
    io::{self, Write as _},
    os::{fd::AsRawFd as _, unix::process::ExitStatusExt as _},
    process::{Command, ExitStatus},
};

/// The second serial line.
const REPORT: &str = "/dev/ttyS1";
/// The modules to load, one path a line, each behind those that it needs.
const MODULES: &str = "/levee/modules";
const TESTS: &str = "/levee/it";
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What is mounted where; directories that are not there are made.
const MOUNTS: [(&str, &str); 6] = [
    ("devtmpfs", "/dev"),
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("tmpfs", "/run"),
    ("tmpfs", "/tmp"),
    ("bpf", "/sys/fs/bpf"),
];

fn main() {
    // Standard error is the kernel's console, which the developer is shown when no end is reported.
    if let Err(error) = run() {
        let _ = writeln!(io::stderr(), "guest: {error}");
    }
    switch_off();
}

fn run() -> Result<(), String> {
    for (kind, place) in MOUNTS {
        mount(kind, place).map_err(|error| format!("cannot mount {kind} on {place}: {error}"))?;
    }
    let mut report = File::options()
        .write(true)
        .open(REPORT)
        .map_err(|error| format!("cannot open {REPORT}: {error}"))?;
    match tests(&mut report) {
        Ok(status) => tell(&mut report, &format!("tests ended with {}", code(status))),
        Err(error) => tell(&mut report, &error),
    }
}

fn tests(report: &mut File) -> Result<ExitStatus, String> {
    let release = read("/proc/sys/kernel/osrelease")?;
    tell(report, &format!("Linux {}", release.trim()))?;
    for module in read(MODULES)?.lines() {
        // Tests that need it say so by themselves.
        if let Err(error) = load(module) {
            tell(report, &format!("cannot load {module}: {error}"))?;
        }
    }
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .env("PATH", PATH)
        .status();
    if !up.is_ok_and(|status| status.success()) {
        tell(report, "cannot bring up the loopback device")?;
    }
    let line = || {
        report
            .try_clone()
            .map_err(|error| format!("{REPORT}: {error}"))
    };
    let child = Command::new(TESTS)
        .args(env::args_os().skip(1))
        .env("PATH", PATH)
        .current_dir("/tmp")
        .stdout(line()?)
        .stderr(line()?)
        .spawn()
        .map_err(|error| format!("cannot run {TESTS}: {error}"))?;
    Ok(wait(child.id()))
}

/// Waits for the tests. Whoever has lost its parent is this process's child as well, and is buried by
/// the way. The machine's time limit is this loop's.
fn wait(tests: u32) -> ExitStatus {
    loop {
        let mut status = 0;
        // SAFETY: a live, writable word.
        let ended = unsafe { libc::waitpid(-1, &raw mut status, 0) };
        if u32::try_from(ended) == Ok(tests) {
            return ExitStatus::from_raw(status);
        }
    }
}

/// The exit code, or what a shell makes of a signal.
fn code(status: ExitStatus) -> i32 {
    let signal = || 128 + status.signal().unwrap_or_default();
    status.code().unwrap_or_else(signal)
}

fn tell(report: &mut File, line: &str) -> Result<(), String> {
    writeln!(report, "guest: {line}").map_err(|error| format!("{REPORT}: {error}"))
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))
}

fn mount(kind: &str, place: &str) -> io::Result<()> {
    fs::create_dir_all(place)?;
    let [kind, place] = [kind, place].map(CString::new);
    let (kind, place) = (kind?, place?);
    // SAFETY: live, zero-ended strings; no file system here needs data.
    let result = unsafe {
        libc::mount(
            kind.as_ptr(),
            place.as_ptr(),
            kind.as_ptr(),
            0,
            std::ptr::null(),
        )
    };
    answer(result.into())
}

fn load(module: &str) -> io::Result<()> {
    let file = File::open(module)?;
    // SAFETY: a live descriptor and a zero-ended string of no parameters.
    answer(unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), c"".as_ptr(), 0) })
}

fn answer(result: i64) -> io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Ends the machine. Where the call is refused, the kernel panics over the end of its first process,
/// and the machine ends as well.
fn switch_off() {
    // SAFETY: takes no pointers. Nothing is lost: every file system here is memory.
    unsafe { libc::reboot(libc::RB_POWER_OFF) };
}
