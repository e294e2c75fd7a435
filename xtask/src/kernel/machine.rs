//! The emulated machine: starts it, reads what it reports, and ends it when its time is over.
//!
//! It has two serial lines. The kernel writes to the first, which goes to a file; the first process,
//! `tests/guest/main.rs`, and the tests write to the second, which is read here.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::process;

pub(super) const PROGRAM: &str = "qemu-system-x86_64";

/// In MiB: the file system takes some 400 of it, and the tables at the default capacity as much again.
const MEMORY: u32 = 3_072;
/// As many as tests run at a time.
const PROCESSORS: u32 = 2;

/// What the first process puts before what it says itself.
const GUEST: &str = "guest: ";
/// What it says at the end, before the tests' exit code.
const ENDED: &str = "guest: tests ended with ";

/// How many lines the reading thread may be ahead.
const LINES_AHEAD: usize = 1_024;

/// What runs the machine's instructions.
#[derive(Clone, Copy)]
pub(super) enum Accelerator {
    /// Emulation: slow, and works everywhere. A /dev/kvm that can be opened often cannot boot a machine,
    /// where this machine is itself virtual; so nobody gets it without asking.
    None,
    /// The processor, by way of /dev/kvm.
    Processor,
}

pub(super) struct Machine<'a> {
    pub(super) kernel: &'a Path,
    /// The file system that the kernel unpacks.
    pub(super) root: &'a Path,
    /// Where the kernel's own messages go.
    pub(super) console: &'a Path,
    pub(super) accelerator: Accelerator,
    /// After which it is ended.
    pub(super) limit: Duration,
}

impl Machine<'_> {
    /// Boots it, runs the tests with these variables and arguments, shows what it reports and hands on
    /// each line. An error if the tests fail, or if the machine does not say how they ended.
    pub(super) fn run(
        &self,
        variables: &[(&str, String)],
        arguments: &[&str],
        line: impl FnMut(&str),
    ) -> Result<()> {
        let mut command = self.command(variables, arguments);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot run `{}`", process::show(&command)))?;
        let Some(report) = child.stdout.take() else {
            bail!("{PROGRAM} has no standard output");
        };
        let end = listen(&lines_of(report), Instant::now() + self.limit, line);
        // It has switched itself off, or has to be.
        child
            .kill()
            .and_then(|()| child.wait())
            .with_context(|| format!("cannot end {PROGRAM}"))?;
        match end {
            End::Tests(0) => Ok(()),
            End::Tests(code) => bail!("the tests ended with {code}"),
            End::Silence => bail!(
                "the machine ended and did not say how the tests did.\n{}",
                self.last_words()
            ),
            End::Time => bail!(
                "the machine was ended after {} s, which is its limit.\n{}",
                self.limit.as_secs(),
                self.last_words()
            ),
        }
    }

    fn command(&self, variables: &[(&str, String)], arguments: &[&str]) -> Command {
        let (accelerator, processor) = match self.accelerator {
            Accelerator::None => ("tcg", "max"),
            Accelerator::Processor => ("kvm", "host"),
        };
        let mut command = Command::new(PROGRAM);
        command
            .args(["-nodefaults", "-no-reboot", "-display", "none"])
            .args(["-nic", "none", "-accel", accelerator, "-cpu", processor])
            .args(["-m", &MEMORY.to_string(), "-smp", &PROCESSORS.to_string()])
            .args(["-serial", &format!("file:{}", self.console.display())])
            .args(["-serial", "stdio"])
            .arg("-kernel")
            .arg(self.kernel)
            .arg("-initrd")
            .arg(self.root)
            .args(["-append", &kernel_line(variables, arguments)])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        command
    }

    /// The end of what the kernel said.
    fn last_words(&self) -> String {
        let said = fs::read(self.console).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        if said.trim().is_empty() {
            return "The kernel said nothing.".to_owned();
        }
        format!(
            "The kernel said at last, in {}:\n{}",
            self.console.display(),
            process::tail(&said)
        )
    }
}

/// The kernel gives words that it does not know to the first process: `NAME=VALUE` as variables, and
/// what stands behind `--` as arguments.
fn kernel_line(variables: &[(&str, String)], arguments: &[&str]) -> String {
    // A kernel that panics reboots at once, and a machine that reboots ends.
    let mut words = vec!["console=ttyS0".to_owned(), "panic=-1".to_owned()];
    words.extend(
        variables
            .iter()
            .map(|(name, value)| format!("{name}={value}")),
    );
    words.push("--".to_owned());
    words.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    words.join(" ")
}

/// How it ended.
#[derive(Debug, Eq, PartialEq)]
enum End {
    /// The tests' exit code.
    Tests(i32),
    /// The machine is off, and has not said.
    Silence,
    Time,
}

/// Shows and hands on lines until the machine is off or the time is over.
fn listen(lines: &Receiver<String>, until: Instant, mut line: impl FnMut(&str)) -> End {
    let mut end = End::Silence;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(text) => {
                println!("{text}");
                if let Some(code) = text.strip_prefix(ENDED).and_then(|code| code.parse().ok()) {
                    end = End::Tests(code);
                } else if !text.starts_with(GUEST) {
                    line(&text);
                }
            }
            Err(RecvTimeoutError::Timeout) if end == End::Silence => return End::Time,
            // Past its report a machine that hangs is none of the tests' business.
            Err(_) => return end,
        }
    }
}

/// Reads lines on a thread of its own, which ends with the machine.
fn lines_of(report: impl Read + Send + 'static) -> Receiver<String> {
    let (to, lines) = mpsc::sync_channel(LINES_AHEAD);
    thread::spawn(move || {
        let mut report = BufReader::new(report);
        let mut bytes = Vec::new();
        while report
            .read_until(b'\n', &mut bytes)
            .is_ok_and(|read| read > 0)
        {
            let text = String::from_utf8_lossy(&bytes);
            // A serial line ends lines as a typewriter does.
            let text = text.trim_end_matches(['\r', '\n']).to_owned();
            if to.send(text).is_err() {
                return;
            }
            bytes.clear();
        }
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(report: &'static str) -> (End, Vec<String>) {
        let mut heard = Vec::new();
        let until = Instant::now() + Duration::from_mins(1);
        let end = listen(&lines_of(report.as_bytes()), until, |line| {
            heard.push(line.to_owned());
        });
        (end, heard)
    }

    #[test]
    fn what_the_tests_say_is_told_from_what_the_first_process_says() {
        let report = "guest: Linux 6.1.0\r\ntest a ... ok\r\nguest: tests ended with 101\r\n";
        assert_eq!(
            heard(report),
            (End::Tests(101), vec!["test a ... ok".to_owned()])
        );
        assert_eq!(heard("guest: tests ended wi"), (End::Silence, Vec::new()));
        assert_eq!(heard(""), (End::Silence, Vec::new()));
    }

    #[test]
    fn time_is_over_where_nothing_ends() {
        let (to, lines) = mpsc::sync_channel(1);
        let end = listen(&lines, Instant::now(), |_| {});
        assert_eq!(end, End::Time);
        drop(to);
    }

    #[test]
    fn the_kernel_hands_on_what_is_not_its_own() {
        assert_eq!(
            kernel_line(&[("A", "1".to_owned())], &["--show-output", "x::"]),
            "console=ttyS0 panic=-1 A=1 -- --show-output x::"
        );
    }
}
