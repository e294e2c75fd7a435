//! What the tests stand on.
//!
//! - [`packet`]: frames of every kind, right or deliberately wrong;
//! - [`wrapping`]: one flow in every wrapping that must not matter;
//! - [`traffic`]: what a network carries and lives on;
//! - [`rules`]: what is blocked, as a table, whose rows `plain` writes, and as a plain list to compare it with;
//! - [`compiled`]: the same rules by the product's compiler;
//! - [`random`]: numbers that can be had again;
//! - [`generate`] and [`capture`]: frames to try, made up and recorded;
//! - [`host`]: the decision on the host; [`oracle`]: the same from the plain list;
//! - [`bpffs`] and [`kernel`]: the program over its maps, run by `BPF_PROG_TEST_RUN`; [`timed`]: the same on a clock
//!   that the test sets;
//! - [`netns`], [`tap`] and [`layout`]: networks that exist for one test;
//! - [`daemon`]: the real binary; [`clock`]: what time it thinks it is; [`process`]: what a process holds;
//! - [`authority`]: who signs bundles; [`courier`]: who pushes them; [`publisher`]: who serves them; [`people`]: who decides about them.
#![allow(
    dead_code,
    reason = "a toolbox: a tool without a user at the moment is no fault"
)]

pub(crate) mod authority;
pub(crate) mod bpffs;
pub(crate) mod capture;
pub(crate) mod clock;
pub(crate) mod compiled;
pub(crate) mod courier;
pub(crate) mod daemon;
pub(crate) mod generate;
pub(crate) mod host;
pub(crate) mod kernel;
pub(crate) mod layout;
pub(crate) mod netns;
pub(crate) mod oracle;
pub(crate) mod packet;
pub(crate) mod people;
mod plain;
pub(crate) mod process;
pub(crate) mod publisher;
pub(crate) mod random;
pub(crate) mod rules;
pub(crate) mod tap;
pub(crate) mod timed;
pub(crate) mod traffic;
pub(crate) mod wrapping;

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// The name of the running test, which is that of its thread.
pub(crate) fn test_name() -> String {
    std::thread::current().name().unwrap_or("a test").to_owned()
}

/// Says something about a test that passes; `cargo xtask test` shows it.
#[expect(clippy::print_stdout, reason = "what the harness captures and shows")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Says that the running test, or the named part of it, cannot do its work here.
pub(crate) fn skip(part: Option<&str>, why: &str) {
    let test = test_name();
    match part {
        None => say(&format!("SKIPPED: {test}: {why}")),
        Some(part) => say(&format!("SKIPPED: {test} ({part}): {why}")),
    }
}

/// Whether the test must be skipped because it needs the kernel and is not root; says so.
pub(crate) fn skipped() -> bool {
    // SAFETY: takes nothing and cannot fail.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        skip(None, "needs root for BPF programs and network namespaces");
    }
    !root
}

/// A name that no other test, nor another run of the tests, has.
pub(crate) fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("levee-{}-{number}-{what}", std::process::id())
}

/// Whether a name was made by [`unique`] in a process that is gone.
pub(crate) fn is_leftover(name: &str) -> bool {
    let mut parts = name.splitn(3, '-');
    let (Some("levee"), Some(process)) = (parts.next(), parts.next()) else {
        return false;
    };
    process.parse::<u32>().is_ok() && !std::path::Path::new("/proc").join(process).exists()
}

/// Asks again and again until there is an answer; `None` once the time is over.
pub(crate) fn wait_for<T>(time: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + time;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
